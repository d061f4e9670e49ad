// takt schedule put.

#include "cli/commands/schedules.h"
#include "cli/connection.h"
#include "cli/message.h"
#include "cli/schedule_values.h"
#include "cli/values.h"
#include "proto/limits.h"
#include "scheduler/recurrence.h"

namespace takt::cli {
namespace {

struct Arguments {
  std::string name;
  std::string topic;
  std::string kind;
  std::string rule;
  std::string zone = "UTC";
  std::string start;
  std::string end;
  std::string jitter = "0";
  std::string catch_up = "last";
  std::string window = "1h";
  std::string overlap = "at-most-one";
  std::string overlap_group;
  std::string data;
  std::vector<std::string> tags;
  std::vector<std::string> attributes;
  std::string priority = "0";
  RetryArguments retries;
  bool raw = false;
};

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt schedule put nightly reports report.daily --cron '30 2 * * *' --tz Europe/Berlin
takt schedule put tidy photos photo.tidy --cron '@every 90s' --jitter 10s --data '{"older_than":"7d"}'
takt schedule put hourly mails mail.digest --cron @hourly --catch-up all:24 --window 1d --overlap buffer-one)");
  command.add_option("SCHEDULE", given.name, "Its name; what is not given of one that exists is set back to its default")
      ->type_name("")
      ->required();
  command.add_option("TOPIC", given.topic, "Where its messages go; made by the first of them")->type_name("")->required();
  command.add_option("KIND", given.kind, "What its messages ask for: handlers are chosen by it (report.daily)")->type_name("")->required();
  command.add_option("--cron", given.rule, "When: a cron expression, or @every with a duration")->type_name("RULE")->required();
  command.add_option("--tz", given.zone, "The zone whose clocks it goes by, as in the IANA database")
      ->type_name("ZONE")
      ->capture_default_str();
  command.add_option("--start", given.start, "Nothing before this instant")->type_name("RFC3339");
  command.add_option("--end", given.end, "Nothing after this instant")->type_name("RFC3339");
  command.add_option("--jitter", given.jitter, "Each occurrence comes later by up to so much, at most 1d")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--catch-up", given.catch_up, "What of occurrences that nobody could fire in time")
      ->type_name("last|skip|all|all:N")
      ->capture_default_str();
  command.add_option("--window", given.window, "What was due longer ago is not caught up")->type_name("DURATION")->capture_default_str();
  command.add_option("--overlap", given.overlap, "What of an occurrence while the one before it is not done")
      ->type_name("at-most-one|buffer-one|allow|replace")
      ->capture_default_str();
  command.add_option("--overlap-group", given.overlap_group, "The group whose done counts; every group of the topic when left out")
      ->type_name("GROUP");
  command.add_option("--data", given.data, "Payload: a JSON object, @file, or - for stdin; {} when left out")->type_name("JSON|@FILE|-");
  command.add_option("--tag", given.tags, "A tag; may be repeated")->type_name("TAG")->allow_extra_args(false);
  command.add_option("--attribute", given.attributes, "An attribute; may be repeated")->type_name("NAME=VALUE")->allow_extra_args(false);
  command.add_option("--priority", given.priority, "0 (default) to 7 (most urgent)")->type_name("N");
  declare_retries(command, given.retries);
  command.add_flag("--raw", given.raw, "Send the bytes as they are instead of turning JSON into msgpack");
}

Result<ScheduleSettings, Failure> parse_settings(const Arguments& given) {
  ScheduleSettings settings{.rule = given.rule, .zone = given.zone, .overlap_group = given.overlap_group};
  const auto rule = scheduler::Recurrence::parse(given.rule, given.zone, {});
  if (const auto* wrong = std::get_if<scheduler::CronError>(&rule)) return failed(not_a_rule(given.rule, given.zone, *wrong));
  for (const auto& [option, text, instant] :
       {std::tuple("--start", &given.start, &settings.start), std::tuple("--end", &given.end, &settings.end)}) {
    if (text->empty()) continue;
    const auto parsed = parse_instant(option, *text);
    if (!parsed) return failed(parsed.error());
    instant->emplace(*parsed);
  }
  if (settings.start && settings.end && settings.end->time < settings.start->time)
    return failed(
        usage_failure("--end '" + given.end + "' is before --start '" + given.start + "'", "give an end that is behind the start"));
  const auto jitter = parse_duration_or_none("--jitter", given.jitter);
  if (!jitter) return failed(jitter.error());
  if (jitter->count() > static_cast<std::int64_t>(limits::jitter_ms_max))
    return failed(usage_failure("--jitter cannot be '" + given.jitter + "'", "give at most 1d"));
  settings.jitter = *jitter;
  if (const auto taken = parse_catch_up("--catch-up", given.catch_up, settings); !taken) return failed(taken.error());
  const auto window = parse_duration_or_none("--window", given.window);
  if (!window) return failed(window.error());
  settings.catch_up_window = *window;
  const auto overlap = parse_overlap("--overlap", given.overlap);
  if (!overlap) return failed(overlap.error());
  settings.overlap = *overlap;
  return settings;
}

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  const auto settings = parse_settings(given);
  if (!settings) return failed(settings.error());
  auto message = message_options(given.topic, given.tags, given.attributes, given.priority);
  if (!message) return failed(message.error());
  if (const auto taken = take_retries(given.retries, *message); !taken) return failed(taken.error());
  const auto payload = read_payload(given.raw ? PayloadForm::kRaw : PayloadForm::kJson, given.data, limits::schedule_payload_bytes_max);
  if (!payload) return failed(payload.error());
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto put = connection->admin.put_schedule_bytes(given.name, *settings, given.kind, *payload, *message);
  if (!put) return failed(explain(environment, put.error()));
  const char* const outcome = put->outcome == PutScheduleResult::Outcome::kCreated   ? "created"
                              : put->outcome == PutScheduleResult::Outcome::kChanged ? "changed"
                                                                                     : "unchanged";
  environment.console.write_result(
      {{"schedule", given.name}, {"outcome", outcome}, {"next", put->next ? Json(instant_text(put->next)) : Json(nullptr)}},
      "schedule '" + given.name + "' " + outcome + ", next " + instant_text(put->next) + "\n");
  return ExitCode::kOk;
}

}  // namespace

void add_schedule_put(CLI::App& app, Action& action) {
  add_command<Arguments>(app, action, "put", "Make a schedule or change it; the same once more changes nothing", &declare, &run);
}

}  // namespace takt::cli
