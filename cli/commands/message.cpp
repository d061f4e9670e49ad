// takt message show | cancel | reschedule | run-now.

#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/connection.h"
#include "cli/message.h"
#include "cli/payload.h"
#include "cli/table.h"
#include "cli/values.h"

namespace takt::cli {
namespace {

using SysTime = std::chrono::sys_time<Milliseconds>;
using Statuses = std::vector<MessageStatus>;

struct Arguments {
  std::vector<std::string> ids;
  std::string delay;
  std::string at;
};

void declare_ids(CLI::App& command, Arguments& given) {
  command.add_option("ID", given.ids, "Ids as `takt send` and `takt peek` show them")->type_name("")->required();
}

Result<std::vector<MessageId>, Failure> parse_ids(const Arguments& given) {
  return parse_message_ids(given.ids, "`takt send` and `takt peek` show them");
}

std::string text_of_time(const std::optional<SysTime>& time) {
  return time ? instant_text(std::chrono::floor<std::chrono::seconds>(*time)) : "-";
}

Json document_of(const MessageStatus& message) {
  const auto or_null = [](const std::optional<SysTime>& time) { return time ? Json(text_of_time(time)) : Json(nullptr); };
  Json groups = Json::array();
  for (const GroupStatus& group : message.groups)
    groups.push_back({{"group", group.group},
                      {"state", text_of(group.state)},
                      {"attempts", group.attempts},
                      {"worker", group.worker},
                      {"time", or_null(group.time)}});
  return {{"id", message.id.text()},      {"state", text_of(message.state)},
          {"changed", message.changed},   {"topic", message.topic},
          {"priority", message.priority}, {"kind", message.kind},
          {"due", or_null(message.due)},  {"offset", message.offset ? Json(*message.offset) : Json(nullptr)},
          {"groups", std::move(groups)}};
}

std::string detail_of(const GroupStatus& group) {
  std::string text(text_of(group.state));
  switch (group.state) {
    case GroupState::kLeased: text += " by " + group.worker + " since " + text_of_time(group.time); break;
    case GroupState::kRetrying: text += " at " + text_of_time(group.time); break;
    case GroupState::kDead: text += " since " + text_of_time(group.time); break;
    case GroupState::kDone: text += group.time ? " by " + text_of_time(group.time) : ""; break;
    case GroupState::kReady:
    case GroupState::kHeld:
    case GroupState::kUnreadable: break;
  }
  if (group.attempts > 0) text += ", failed " + std::to_string(group.attempts) + "x";
  return text;
}

std::string detail_of(const MessageStatus& message) {
  switch (message.state) {
    case MessageState::kUnknown: return "there never was one";
    case MessageState::kScheduled: return "due " + text_of_time(message.due);
    case MessageState::kCancelled: return "";
    case MessageState::kQueued: return message.groups.empty() ? "its topic has no group" : "";
    case MessageState::kGone: return "done by every group, or its topic was deleted";
    case MessageState::kUnreadable: return "damaged on the disk";
  }
  return "";
}

enum class With { kState, kChange };

void write(const Statuses& messages, With with, const Console& console) {
  if (console.format == Format::kJson) {
    Json documents = Json::array();
    for (const MessageStatus& message : messages) documents.push_back(document_of(message));
    console.write_document({{"messages", documents}});
    return;
  }
  Table table({{"MESSAGE"}, {with == With::kChange ? "CHANGED" : "PRIORITY"}, {"STATE"}, {"TOPIC"}, {"KIND"}, {"GROUP"}, {"DETAIL"}});
  for (const MessageStatus& message : messages) {
    const std::string second = with == With::kChange ? (message.changed ? "yes" : "no") : std::to_string(message.priority);
    std::vector<std::string> row{message.id.text(), second, std::string(text_of(message.state)), message.topic, message.kind};
    if (message.groups.empty()) table.add({row[0], row[1], row[2], row[3], row[4], "", detail_of(message)});
    for (const GroupStatus& group : message.groups) {
      table.add({row[0], row[1], row[2], row[3], row[4], group.group, detail_of(group)});
      std::ranges::fill(row, "");
    }
  }
  console.write(table.render(console.color_out));
}

void declare_show(CLI::App& command, Arguments& given) {
  declare_ids(command, given);
  command.footer(R"(takt message show 0-1042
takt message show 0-1042 0-1077 -o json)");
}

Result<ExitCode, Failure> show(const Arguments& given, const Environment& environment) {
  const auto ids = parse_ids(given);
  if (!ids) return failed(ids.error());
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto messages = connection->admin.messages(*ids);
  if (!messages) return failed(explain(environment, messages.error()));
  write(*messages, With::kState, environment.console);
  const auto is_unknown = [](const MessageStatus& message) { return message.state == MessageState::kUnknown; };
  return std::ranges::all_of(*messages, is_unknown) ? ExitCode::kNotFound : ExitCode::kOk;
}

/// All as wanted, some, none, or none of them ever was.
ExitCode exit_of(const Statuses& messages, bool is_cancel) {
  const auto is_as_wanted = [&](const MessageStatus& m) { return m.changed || (is_cancel && m.state == MessageState::kCancelled); };
  const auto is_unknown = [](const MessageStatus& message) { return message.state == MessageState::kUnknown; };
  if (std::ranges::all_of(messages, is_as_wanted)) return ExitCode::kOk;
  if (std::ranges::any_of(messages, is_as_wanted)) return ExitCode::kPartlyDone;
  return std::ranges::all_of(messages, is_unknown) ? ExitCode::kNotFound : ExitCode::kRefused;
}

template <class Act>
Result<ExitCode, Failure> change(const Arguments& given, const Environment& environment, bool is_cancel, Act&& act) {
  const auto ids = parse_ids(given);
  if (!ids) return failed(ids.error());
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const Result<Statuses> messages = act(connection->admin, *ids);
  if (!messages) return failed(explain(environment, messages.error()));
  write(*messages, With::kChange, environment.console);
  return exit_of(*messages, is_cancel);
}

void declare_cancel(CLI::App& command, Arguments& given) {
  declare_ids(command, given);
  command.footer("takt message cancel 0-1042");
}

Result<ExitCode, Failure> cancel(const Arguments& given, const Environment& environment) {
  return change(given, environment, true, [](Admin& admin, const std::vector<MessageId>& ids) { return admin.cancel(ids); });
}

void declare_reschedule(CLI::App& command, Arguments& given) {
  declare_ids(command, given);
  command.footer(R"(takt message reschedule 0-1042 --delay 2h
takt message reschedule 0-1042 0-1077 --at 2027-01-01T08:00:00+01:00)");
  CLI::Option* delay = command.add_option("--delay", given.delay, "Due so long from now: 10s, 90m, 7d")->type_name("DURATION");
  command.add_option("--at", given.at, "Due at this instant, with its zone: 2027-01-01T08:00:00Z")->type_name("RFC3339")->excludes(delay);
}

Result<SysTime, Failure> parse_due(const Arguments& given) {
  if (given.delay.empty() == given.at.empty())
    return failed(usage_failure("nothing says when the messages are to be due", "give --delay DURATION or --at RFC3339"));
  if (!given.at.empty()) return parse_instant("--at", given.at);
  const auto delay = parse_duration("--delay", given.delay);
  if (!delay) return failed(delay.error());
  return std::chrono::floor<Milliseconds>(std::chrono::system_clock::now()) + *delay;
}

Result<ExitCode, Failure> reschedule(const Arguments& given, const Environment& environment) {
  const auto due = parse_due(given);
  if (!due) return failed(due.error());
  return change(given, environment, false, [&](Admin& admin, const std::vector<MessageId>& ids) { return admin.reschedule(ids, *due); });
}

void declare_run_now(CLI::App& command, Arguments& given) {
  declare_ids(command, given);
  command.footer("takt message run-now 0-1042");
}

Result<ExitCode, Failure> run_now(const Arguments& given, const Environment& environment) {
  return change(given, environment, false, [](Admin& admin, const std::vector<MessageId>& ids) { return admin.run_now(ids); });
}

}  // namespace

void add_message(CLI::App& app, Action& action) {
  CLI::App* message = app.add_subcommand("message", "Single messages: where one stands; cancel, reschedule, run now");
  message->require_subcommand(0, 1);
  add_command<Arguments>(*message, action, "show", "Where messages stand: waiting, with whom, done, dead", &declare_show, &show);
  add_command<Arguments>(*message, action, "cancel", "Have nobody begin messages any more", &declare_cancel, &cancel);
  add_command<Arguments>(*message, action, "reschedule", "Have scheduled messages come at another time", &declare_reschedule, &reschedule);
  add_command<Arguments>(*message, action, "run-now", "Have scheduled messages, or those that wait for a retry, come now", &declare_run_now,
                         &run_now);
}

}  // namespace takt::cli
