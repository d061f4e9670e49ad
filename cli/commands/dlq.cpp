// takt dlq list | show | redrive | purge.

#include <algorithm>
#include <map>

#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "cli/message.h"
#include "cli/reader.h"

namespace takt::cli {
namespace {

using SysTime = std::chrono::sys_time<Milliseconds>;

/// Which dead messages a user means.
struct Selection {
  std::string topic;
  std::string group;
  std::vector<std::string> ids;
  std::string reason;
  std::string code;
  std::string older_than;
  std::string newer_than;
  std::string empty_option;   ///< that was given without a value: a script's unset variable
};

void declare_group(CLI::App& command, Selection& given) {
  command.add_option("TOPIC", given.topic, "Name of the topic")->type_name("")->required();
  command.add_option("GROUP", given.group, "Name of the group")->type_name("")->required();
}

void declare_ids(CLI::App& command, Selection& given, const char* description) {
  command.add_option("ID", given.ids, description)->type_name("");
}

void declare_filters(CLI::App& command, Selection& given) {
  const auto add = [&](const char* option, std::string& value, const char* description, const char* type) {
    command.add_option(option, value, description)->type_name(type)->each([&given, option](const std::string& text) {
      if (text.empty()) given.empty_option = option;
    });
  };
  add("--reason", given.reason, "Only those that are dead for this reason", "attempts|rejected|poison|given_up");
  add("--code", given.code, "Only those whose last failure had this code", "N");
  add("--older-than", given.older_than, "Only those that died so long ago, or longer", "DURATION");
  add("--newer-than", given.newer_than, "Only those that died within the last so long", "DURATION");
}

bool has_filter(const Selection& given) {
  return !given.reason.empty() || !given.code.empty() || !given.older_than.empty() || !given.newer_than.empty();
}

Result<std::optional<DeadReason>, Failure> parse_reason(const std::string& text) {
  if (text.empty()) return std::nullopt;
  for (const DeadReason reason : {DeadReason::kAttempts, DeadReason::kRejected, DeadReason::kPoison, DeadReason::kGivenUp})
    if (text == text_of(reason)) return reason;
  return failed(usage_failure("--reason cannot be '" + text + "'", "give one of: attempts, rejected, poison, given_up"));
}

Result<std::optional<SysTime>, Failure> parse_ago(std::string_view option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto ago = parse_duration(option, text);
  if (!ago) return failed(ago.error());
  return std::max(SysTime(), std::chrono::floor<Milliseconds>(std::chrono::system_clock::now()) - *ago);
}

Result<DeadQuery, Failure> parse_filters(const Selection& given) {
  if (!given.empty_option.empty())
    return failed(usage_failure(given.empty_option + " is empty, and would choose every dead message", "give it a value, or leave it out"));
  DeadQuery query{.topic = given.topic, .group = given.group};
  const auto reason = parse_reason(given.reason);
  if (!reason) return failed(reason.error());
  query.reason = *reason;
  if (!given.code.empty()) {
    const auto code = parse_whole("--code", given.code, 0, 65'535);
    if (!code) return failed(code.error());
    query.code = static_cast<std::uint16_t>(*code);
  }
  const auto until = parse_ago("--older-than", given.older_than);
  if (!until) return failed(until.error());
  query.until = *until;
  const auto from = parse_ago("--newer-than", given.newer_than);
  if (!from) return failed(from.error());
  query.from = *from;
  return query;
}

Result<std::vector<MessageId>, Failure> parse_ids(const std::vector<std::string>& texts) {
  return parse_message_ids(texts, "`takt dlq list` shows them");
}

/// Calls `visit(DeadLetter&)` with its message for each that the query means, until it gives false.
template <class Visit>
Result<void, Failure> each_letter(const Environment& environment, Admin& admin, const DeadQuery& query, Visit&& visit) {
  std::optional<Place> from{std::in_place};
  while (from) {
    auto page = admin.dead_letters(query, {.from = *from});
    if (!page) return failed(explain(environment, page.error()));
    for (DeadLetter& letter : page->letters)
      if (!visit(letter)) return {};
    from = page->next;
  }
  return {};
}

/// Where the messages stand that are dead in the group, by place; none: it is not dead.
std::map<Place, MessageId> dead_places(const std::vector<MessageStatus>& messages, const DeadQuery& query) {
  std::map<Place, MessageId> places;
  for (const MessageStatus& message : messages) {
    if (message.topic != query.topic || !message.offset) continue;
    const auto is_dead = [&](const GroupStatus& group) { return group.group == query.group && group.state == GroupState::kDead; };
    if (std::ranges::any_of(message.groups, is_dead)) places[{message.id.partition, message.priority, *message.offset}] = message.id;
  }
  return places;
}

/// Those with these ids, in the order of the ids. Fails when one is not dead, or not what the query asks for.
Result<std::vector<DeadLetter>, Failure> find_letters(const Environment& environment, Admin& admin, const DeadQuery& query,
                                                      const std::vector<MessageId>& ids) {
  constexpr std::size_t at_once = 1'000;
  const auto messages = admin.messages(ids);
  if (!messages) return failed(explain(environment, messages.error()));
  const std::map<Place, MessageId> places = dead_places(*messages, query);
  std::map<MessageId, DeadLetter> found;
  for (auto place = places.begin(); place != places.end();) {
    DeadQuery some = query;
    for (; place != places.end() && some.places.size() < at_once; ++place) some.places.push_back(place->first);
    const auto read = each_letter(environment, admin, some, [&](DeadLetter& letter) {
      found.emplace(places.at(letter.place), std::move(letter));
      return true;
    });
    if (!read) return failed(read.error());
  }
  std::vector<DeadLetter> letters;
  for (const MessageId& id : ids) {
    const auto letter = found.find(id);
    if (letter == found.end()) {
      Failure missing =
          local_failure("message " + id.text() + " is not among the dead of group '" + query.group + "' of topic '" + query.topic + "'",
                        "see those there are with: takt dlq list " + query.topic + " " + query.group);
      missing.exit = ExitCode::kNotFound;
      return failed(std::move(missing));
    }
    letters.push_back(std::move(letter->second));
  }
  return letters;
}

std::string time_text(SysTime time) { return instant_text(std::chrono::floor<std::chrono::seconds>(time)); }

std::string id_text(const DeadLetter& letter) { return letter.message ? letter.message->id.text() : "(unreadable)"; }

std::string ending_text(const AttemptError& error) {
  if (error.is_death) return "its worker died";
  return error.text.empty() ? "code " + std::to_string(error.code) : error.text;
}

/// Of one line in a table, without half a character at the end.
std::string beginning_of(std::string text) {
  constexpr std::size_t bytes_max = 60;
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

Json document_of(const DeadLetter& letter) {
  Json errors = Json::array();
  for (const AttemptError& error : letter.errors) {
    errors.push_back({{"time", time_text(error.time)},
                      {"worker", error.worker},
                      {"worker_died", error.is_death},
                      {"code", error.code},
                      {"text", error.text}});
  }
  return {{"partition", letter.place.partition},
          {"priority", letter.place.priority},
          {"offset", letter.place.offset},
          {"reason", text_of(letter.reason)},
          {"died", time_text(letter.time)},
          {"attempts", letter.attempts},
          {"errors", std::move(errors)},
          {"message", letter.message ? document_of(SeenMessage{*letter.message, letter.place.priority}) : Json()}};
}

struct ListArguments {
  Selection selection;
  std::string count = "100";
};

void declare_list(CLI::App& command, ListArguments& given) {
  declare_group(command, given.selection);
  command.footer(R"(takt dlq list photos thumbs
takt dlq list photos thumbs --reason poison
takt dlq list photos thumbs --newer-than 1h -n 1000 -o json)");
  declare_filters(command, given.selection);
  command.add_option("-n,--number", given.count, "At most so many")->type_name("N")->capture_default_str();
}

Result<ExitCode, Failure> list(const ListArguments& given, const Environment& environment) {
  const auto query = parse_filters(given.selection);
  if (!query) return failed(query.error());
  const auto count = parse_whole("-n", given.count, 1, 1'000'000);
  if (!count) return failed(count.error());
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto group = find_group(environment, connection->admin, query->topic, query->group);
  if (!group) return failed(group.error());
  const Console& console = environment.console;
  Table table({{"ID"}, {"DIED"}, {"REASON"}, {"ATTEMPTS", Align::kRight}, {"WORKER"}, {"KIND"}, {"LAST ERROR"}});
  std::uint64_t shown = 0;
  const auto read = each_letter(environment, connection->admin, *query, [&](const DeadLetter& letter) {
    if (console.format == Format::kJson) {
      console.write_line(document_of(letter));
    } else {
      const AttemptError last = letter.errors.empty() ? AttemptError{} : letter.errors.back();
      table.add({id_text(letter), time_text(letter.time), std::string(text_of(letter.reason)), std::to_string(letter.attempts), last.worker,
                 letter.message ? letter.message->kind : "", beginning_of(ending_text(last))});
    }
    return ++shown < *count && console.is_writable();
  });
  if (!read) return failed(read.error());
  if (console.format == Format::kJson) return ExitCode::kOk;
  if (table.empty()) {
    console.note(has_filter(given.selection) ? "no dead messages that meet all of this" : "no dead messages");
    return ExitCode::kOk;
  }
  console.write(table.render(console.color_out));
  if (shown == *count && shown < group->dead && !has_filter(given.selection))
    console.note("the first " + grouped(shown) + " of " + grouped(group->dead) + " dead messages; see more with -n");
  return ExitCode::kOk;
}

void declare_show(CLI::App& command, Selection& given) {
  declare_group(command, given);
  command.footer(R"(takt dlq show photos thumbs 0-1042
takt dlq show photos thumbs 0-1042 0-1077 -o json)");
  command.add_option("ID", given.ids, "Ids as `takt dlq list` shows them")->type_name("")->required();
}

Result<ExitCode, Failure> show(const Selection& given, const Environment& environment) {
  const auto ids = parse_ids(given.ids);
  if (!ids) return failed(ids.error());
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  if (const auto group = find_group(environment, connection->admin, given.topic, given.group); !group) return failed(group.error());
  const auto letters = find_letters(environment, connection->admin, {.topic = given.topic, .group = given.group}, *ids);
  if (!letters) return failed(letters.error());
  const Console& console = environment.console;
  for (const DeadLetter& letter : *letters) {
    if (console.format == Format::kJson) {
      console.write_line(document_of(letter));
      continue;
    }
    console.write((letter.message ? line_of({*letter.message, letter.place.priority}, payload_width()) : id_text(letter)) + "\n");
    console.write("  dead since " + time_text(letter.time) + " (" + std::string(text_of(letter.reason)) + ") after " +
                  std::to_string(letter.attempts) + " attempts; the last of them:\n");
    for (const AttemptError& error : letter.errors)
      console.write("  " + time_text(error.time) + "  " + printable(error.worker) + "  code " + std::to_string(error.code) + "  " +
                    printable(ending_text(error)) + "\n");
  }
  return ExitCode::kOk;
}

struct ChangeArguments {
  Selection selection;
  bool all = false;
  bool dry_run = false;
  bool yes = false;
  std::string rate;
};

void declare_change(CLI::App& command, ChangeArguments& given) {
  declare_group(command, given.selection);
  declare_ids(command, given.selection, "Only these, as `takt dlq list` shows them");
  declare_filters(command, given.selection);
  command.add_flag("--all", given.all, "All that are dead now");
  command.add_flag("--dry-run", given.dry_run, "Only count them");
  command.add_option("--rate", given.rate, "At most so many per second")->type_name("N");
}

void declare_redrive(CLI::App& command, ChangeArguments& given) {
  declare_change(command, given);
  command.footer(R"(takt dlq redrive photos thumbs 0-1042
takt dlq redrive photos thumbs --reason attempts --newer-than 1d --dry-run
takt dlq redrive photos thumbs --all --rate 50)");
}

void declare_purge(CLI::App& command, ChangeArguments& given) {
  declare_change(command, given);
  command.footer(R"(takt dlq purge photos thumbs 0-1042
takt dlq purge photos thumbs --older-than 30d --dry-run
takt dlq purge photos thumbs --all --yes)");
  command.add_flag("-y,--yes", given.yes, "Do not ask; needed in scripts");
}

using Change = Result<std::uint64_t> (Admin::*)(const DeadQuery&, const PaceOptions&);
struct Words {
  const char* verb;
  const char* done;
};

/// What is to be changed: by filters, or the places of the ids.
Result<DeadQuery, Failure> chosen(const ChangeArguments& given, const Environment& environment, Admin& admin,
                                  const std::vector<MessageId>& ids, DeadQuery query) {
  if (ids.empty()) return query;
  const auto letters = find_letters(environment, admin, query, ids);
  if (!letters) return failed(letters.error());
  for (const DeadLetter& letter : *letters) query.places.push_back(letter.place);
  if (given.selection.ids.size() > 1'000)
    return failed(usage_failure("there are " + grouped(ids.size()) + " ids", "give at most 1,000 at once"));
  return query;
}

Result<ExitCode, Failure> change(const ChangeArguments& given, const Environment& environment, Change act, const Words& words) {
  const auto filters = parse_filters(given.selection);
  if (!filters) return failed(filters.error());
  const bool is_bounded = !given.selection.ids.empty() || has_filter(given.selection);
  if (given.all == is_bounded) {
    return failed(usage_failure(given.all ? "--all and ids or filters exclude each other" : "nothing says which messages are meant",
                                "give ids, or filters such as --reason, or --all"));
  }
  PaceOptions pace;
  if (!given.rate.empty()) {
    const auto rate = parse_whole("--rate", given.rate, 1, 1'000'000);
    if (!rate) return failed(rate.error());
    pace.per_second = static_cast<std::uint32_t>(*rate);
  }
  const auto ids = parse_ids(given.selection.ids);
  if (!ids) return failed(ids.error());
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  Admin& admin = connection->admin;
  if (const auto group = find_group(environment, admin, filters->topic, filters->group); !group) return failed(group.error());
  auto query = chosen(given, environment, admin, *ids, *filters);
  if (!query) return failed(query.error());
  const Console& console = environment.console;
  const std::string where = " of group '" + query->group + "' of topic '" + query->topic + "'";
  if (given.dry_run || std::string_view(words.verb) == "purge") {
    const auto count = admin.count_dead(*query);
    if (!count) return failed(explain(environment, count.error()));
    if (given.dry_run) {
      console.write_result({{"topic", query->topic}, {"group", query->group}, {"dry_run", true}, {"messages", count->messages}},
                           grouped(count->messages) + " dead messages" + where + " would be " + words.done + "\n");
      return ExitCode::kOk;
    }
    if (count->messages > 0 && !given.yes)
      if (const auto sure = confirm_deletion(console, grouped(count->messages) + " dead messages" + where); !sure)
        return failed(sure.error());
    query->before = count->end;   // what dies while somebody thinks is not what was asked about
  }
  pace.on_progress = [&](std::uint64_t done) {
    console.detail(grouped(done) + " " + words.done);
    return true;
  };
  const auto done = (admin.*act)(*query, pace);
  if (!done) return failed(explain(environment, done.error()));
  console.write_result({{"topic", query->topic}, {"group", query->group}, {"dry_run", false}, {"messages", *done}},
                       grouped(*done) + " dead messages" + where + " " + words.done + "\n");
  return ExitCode::kOk;
}

Result<ExitCode, Failure> redrive(const ChangeArguments& given, const Environment& environment) {
  return change(given, environment, &Admin::redrive, {"redrive", "redriven"});
}

Result<ExitCode, Failure> purge(const ChangeArguments& given, const Environment& environment) {
  return change(given, environment, &Admin::purge_dead, {"purge", "purged"});
}

}  // namespace

void add_dlq(CLI::App& app, Action& action) {
  CLI::App* dlq = app.add_subcommand("dlq", "Look at a group's dead messages, redrive them, throw them away");
  dlq->require_subcommand(0, 1);
  add_command<ListArguments>(*dlq, action, "list", "Dead messages with why and when, the oldest first in each lane", &declare_list, &list);
  add_command<Selection>(*dlq, action, "show", "Dead messages with their payload and last errors", &declare_show, &show);
  add_command<ChangeArguments>(*dlq, action, "redrive", "Have dead messages delivered once more, with no attempt counted", &declare_redrive,
                               &redrive);
  add_command<ChangeArguments>(*dlq, action, "purge", "Throw dead messages away; asks first", &declare_purge, &purge);
}

}  // namespace takt::cli
