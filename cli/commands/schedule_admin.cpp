// takt schedule list | show | history | pause | resume | trigger | delete.

#include "cli/commands/schedules.h"
#include "cli/connection.h"
#include "cli/payload.h"
#include "cli/schedule_values.h"
#include "cli/suggest.h"
#include "cli/table.h"
#include "cli/values.h"

namespace takt::cli {
namespace {

Json or_null(const std::optional<Instant>& instant) { return instant ? Json(instant_text(instant)) : Json(nullptr); }

Json document_of(const ScheduleInfo& schedule) {
  const ScheduleSettings& settings = schedule.settings;
  return {{"schedule", schedule.name},
          {"topic", schedule.topic},
          {"kind", schedule.kind},
          {"priority", schedule.priority},
          {"payload_bytes", schedule.payload_bytes},
          {"cron", settings.rule},
          {"tz", settings.zone},
          {"start", or_null(settings.start)},
          {"end", or_null(settings.end)},
          {"jitter_ms", settings.jitter.count()},
          {"catch_up", catch_up_text(settings)},
          {"window_ms", settings.catch_up_window.count()},
          {"overlap", overlap_text(settings.overlap)},
          {"overlap_group", settings.overlap_group},
          {"paused", schedule.paused},
          {"next", or_null(schedule.next)},
          {"next_due", or_null(schedule.next_due)},
          {"waits", schedule.waits},
          {"fired", schedule.fired},
          {"skipped", schedule.skipped},
          {"trouble", schedule.trouble}};
}

Json document_of(const PastOccurrence& past) {
  return {{"planned", instant_text(past.planned)},
          {"decided", instant_text(past.decided)},
          {"outcome", outcome_text(past.outcome)},
          {"count", past.count},
          {"message", past.message ? Json(past.message->text()) : Json(nullptr)}};
}

std::string state_of(const ScheduleInfo& schedule) {
  if (!schedule.trouble.empty()) return "in trouble";
  if (schedule.paused) return "paused";
  return schedule.next ? "runs" : "over";
}

Failure not_there(const Environment& environment, Admin& admin, const std::string& name) {
  const auto schedules = admin.schedules();
  if (!schedules) return explain(environment, schedules.error());
  std::vector<std::string> names;
  for (const ScheduleInfo& schedule : *schedules) names.push_back(schedule.name);
  const auto meant = nearest(name, names);
  return not_found(ErrorCode::kUnknownSchedule, "there is no schedule '" + name + "'",
                   meant ? "did you mean '" + *meant + "'? Else see `takt schedule list`" : "see `takt schedule list`");
}

/// What a call about the schedule `name` was refused for.
Failure why(const Environment& environment, Admin& admin, const std::string& name, const Error& error) {
  return error.is("unknown_schedule") ? not_there(environment, admin, name) : explain(environment, error);
}

struct NoArguments {};

void declare_list(CLI::App& command, NoArguments&) {
  command.footer(R"(takt schedule list
takt schedule list -o json)");
}

Result<ExitCode, Failure> list(const NoArguments&, const Environment& environment) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto schedules = connection->admin.schedules();
  if (!schedules) return failed(explain(environment, schedules.error()));
  auto documents = Json::array();
  Table table({{"SCHEDULE"}, {"TOPIC"}, {"CRON"}, {"TZ"}, {"STATE"}, {"NEXT"}, {"FIRED", Align::kRight}, {"SKIPPED", Align::kRight}});
  for (const ScheduleInfo& schedule : *schedules) {
    documents.push_back(document_of(schedule));
    table.add({schedule.name, schedule.topic, schedule.settings.rule, schedule.settings.zone, state_of(schedule),
               instant_text(schedule.next), grouped(schedule.fired), grouped(schedule.skipped)});
  }
  const Console& console = environment.console;
  if (console.format == Format::kJson) {
    console.write_document({{"schedules", documents}});
  } else if (table.empty()) {
    console.note("no schedules yet; make one: takt schedule put SCHEDULE TOPIC KIND --cron RULE");
  } else {
    console.write(table.render(console.color_out));
  }
  return ExitCode::kOk;
}

struct NameArguments {
  std::string name;
};

void declare_name(CLI::App& command, NameArguments& given) {
  command.add_option("SCHEDULE", given.name, "Its name")->type_name("")->required();
}

struct ShowArguments {
  NameArguments name;
  std::string number = "5";
};

void declare_show(CLI::App& command, ShowArguments& given) {
  declare_name(command, given.name);
  command.footer(R"(takt schedule show nightly
takt schedule show nightly -n 20 -o json)");
  command.add_option("-n,--number", given.number, "So many of its next occurrences, at most 1,000")->type_name("N")->capture_default_str();
}

std::string facts_of(const ScheduleInfo& schedule, Color color) {
  const ScheduleSettings& settings = schedule.settings;
  Table facts({{"SCHEDULE"}, {printable(schedule.name), Align::kRight}});
  facts.add({"topic", schedule.topic});
  facts.add({"kind", schedule.kind});
  facts.add({"payload", byte_text(schedule.payload_bytes)});
  facts.add({"priority", std::to_string(schedule.priority)});
  facts.add({"cron", settings.rule});
  facts.add({"tz", settings.zone});
  facts.add({"start", instant_text(settings.start)});
  facts.add({"end", instant_text(settings.end)});
  facts.add({"jitter", settings.jitter.count() == 0 ? "0" : duration_text(settings.jitter)});
  facts.add({"catch up", catch_up_text(settings)});
  facts.add({"window", settings.catch_up_window.count() == 0 ? "0" : duration_text(settings.catch_up_window)});
  facts.add({"overlap", std::string(overlap_text(settings.overlap))});
  facts.add({"overlap group", settings.overlap_group.empty() ? "all" : settings.overlap_group});
  facts.add({"state", state_of(schedule)});
  facts.add({"next", instant_text(schedule.next)});
  facts.add({"next with jitter", instant_text(schedule.next_due)});
  facts.add({"one waits", schedule.waits ? "yes" : "no"});
  facts.add({"fired ever", grouped(schedule.fired)});
  facts.add({"skipped ever", grouped(schedule.skipped)});
  return facts.render(color);
}

Result<ExitCode, Failure> show(const ShowArguments& given, const Environment& environment) {
  const auto number = parse_whole("-n", given.number, 1, 1'000);
  if (!number) return failed(number.error());
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto details = connection->admin.schedule(given.name.name, static_cast<std::uint32_t>(*number));
  if (!details) return failed(why(environment, connection->admin, given.name.name, details.error()));
  const Console& console = environment.console;
  if (console.format == Format::kJson) {
    Json document = document_of(details->info);
    document["upcoming"] = Json::array();
    for (const Instant& instant : details->upcoming) document["upcoming"].push_back(instant_text(instant));
    console.write_document(document);
    return ExitCode::kOk;
  }
  std::string text = facts_of(details->info, console.color_out);
  if (!details->info.trouble.empty()) text += "\ntrouble: " + printable(details->info.trouble) + "\n";
  if (!details->upcoming.empty()) text += "\nUPCOMING\n";
  for (const Instant& instant : details->upcoming) text += instant_text(instant) + "\n";
  console.write(text);
  return ExitCode::kOk;
}

void declare_history(CLI::App& command, NameArguments& given) {
  declare_name(command, given);
  command.footer(R"(takt schedule history nightly
takt schedule history nightly -o json)");
}

Result<ExitCode, Failure> history(const NameArguments& given, const Environment& environment) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto details = connection->admin.schedule(given.name);
  if (!details) return failed(why(environment, connection->admin, given.name, details.error()));
  auto documents = Json::array();
  Table table({{"PLANNED"}, {"DECIDED"}, {"OUTCOME"}, {"COUNT", Align::kRight}, {"MESSAGE"}});
  for (const PastOccurrence& past : details->history) {
    documents.push_back(document_of(past));
    table.add({instant_text(past.planned), instant_text(past.decided), std::string(outcome_text(past.outcome)), grouped(past.count),
               past.message ? past.message->text() : "-"});
  }
  const Console& console = environment.console;
  if (console.format == Format::kJson) {
    console.write_document({{"schedule", given.name}, {"history", documents}});
  } else if (table.empty()) {
    console.note("nothing yet");
  } else {
    console.write(table.render(console.color_out));
  }
  return ExitCode::kOk;
}

void declare_pause(CLI::App& command, NameArguments& given) {
  declare_name(command, given);
  command.footer("takt schedule pause nightly");
}
void declare_resume(CLI::App& command, NameArguments& given) {
  declare_name(command, given);
  command.footer("takt schedule resume nightly");
}

Result<ExitCode, Failure> set_paused(const std::string& name, const Environment& environment, bool paused) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  Admin& admin = connection->admin;
  const auto changed = paused ? admin.pause_schedule(name) : admin.resume_schedule(name);
  if (!changed) return failed(why(environment, admin, name, changed.error()));
  const Console& console = environment.console;
  const std::string state = paused ? "paused" : "running";
  console.write_result({{"schedule", name}, {"state", state}, {"changed", *changed}},
                       "schedule '" + name + "' " + (*changed ? "is " : "was ") + state + (*changed ? "" : " before") + "\n");
  return ExitCode::kOk;
}
Result<ExitCode, Failure> pause(const NameArguments& given, const Environment& environment) {
  return set_paused(given.name, environment, true);
}
Result<ExitCode, Failure> resume(const NameArguments& given, const Environment& environment) {
  return set_paused(given.name, environment, false);
}

void declare_trigger(CLI::App& command, NameArguments& given) {
  declare_name(command, given);
  command.footer("takt schedule trigger nightly");
}

Result<ExitCode, Failure> trigger(const NameArguments& given, const Environment& environment) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto fired = connection->admin.trigger_schedule(given.name);
  if (!fired) return failed(why(environment, connection->admin, given.name, fired.error()));
  environment.console.write_result({{"schedule", given.name}, {"occurrence", document_of(*fired)}},
                                   "schedule '" + given.name + "' " +
                                       (fired->message ? "sent " + fired->message->text() : "did not fire: its last message is not done") +
                                       "\n");
  return fired->message ? ExitCode::kOk : ExitCode::kRefused;
}

struct DeleteArguments {
  NameArguments name;
  bool yes = false;
};

void declare_delete(CLI::App& command, DeleteArguments& given) {
  declare_name(command, given.name);
  command.footer(R"(takt schedule delete nightly
takt schedule delete nightly --yes)");
  command.add_flag("-y,--yes", given.yes, "Do not ask; needed in scripts");
}

Result<ExitCode, Failure> remove(const DeleteArguments& given, const Environment& environment) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  Admin& admin = connection->admin;
  const auto details = admin.schedule(given.name.name);
  if (!details) return failed(why(environment, admin, given.name.name, details.error()));
  const Console& console = environment.console;
  const ScheduleInfo& schedule = details->info;
  const std::string what = "schedule '" + schedule.name + "' (" + schedule.settings.rule + "), next " + instant_text(schedule.next);
  if (given.yes) {
    console.note("deleting " + what);
  } else if (const auto sure = confirm_deletion(console, what); !sure) {
    return failed(sure.error());
  }
  const auto deleted = admin.delete_schedule(schedule.name);
  if (!deleted) return failed(why(environment, admin, schedule.name, deleted.error()));
  console.write_result({{"schedule", schedule.name}, {"deleted", true}}, "schedule '" + schedule.name + "' deleted\n");
  return ExitCode::kOk;
}

}  // namespace

void add_schedule_admin(CLI::App& app, Action& action) {
  add_command<NoArguments>(app, action, "list", "List the schedules", &declare_list, &list);
  add_command<ShowArguments>(app, action, "show", "Show one schedule and when it comes round next", &declare_show, &show);
  add_command<NameArguments>(app, action, "history", "Show what became of its last 20 occurrences", &declare_history, &history);
  add_command<NameArguments>(app, action, "pause", "Stop a schedule; what comes meanwhile is left out", &declare_pause, &pause);
  add_command<NameArguments>(app, action, "resume", "Let a paused schedule go on with what comes from now on", &declare_resume, &resume);
  add_command<NameArguments>(app, action, "trigger", "Send its message now, beside its rule", &declare_trigger, &trigger);
  add_command<DeleteArguments>(app, action, "delete", "Delete a schedule; what it has sent stays; asks first", &declare_delete, &remove);
}

}  // namespace takt::cli
