// takt groups list | show | create | delete.

#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "cli/retry.h"

namespace takt::cli {
namespace {

using Json = nlohmann::ordered_json;

Json document_of(const RetryPolicy& policy) {
  return {{"backoff", backoff_text(policy)},
          {"jitter_percent", policy.jitter_percent},
          {"give_up_ms", policy.give_up.count()},
          {"deaths_max", policy.deaths_max}};
}

std::string give_up_text(const RetryPolicy& policy) { return policy.give_up.count() == 0 ? "never" : duration_text(policy.give_up); }

Json document_of(const GroupInfo& group) {
  return {{"topic", group.topic},
          {"group", group.name},
          {"ready", group.ready},
          {"leased", group.leased},
          {"retrying", group.retrying},
          {"held", group.held},
          {"dead", group.dead},
          {"done", group.done},
          {"workers", group.workers},
          {"attempts_max", group.attempts_max},
          {"retry", document_of(group.retry)}};
}

struct ListArguments {
  std::string topic;
};

void declare_list(CLI::App& command, ListArguments& given) {
  command.footer(R"(takt groups list
takt groups list photos)");
  command.add_option("TOPIC", given.topic, "Only this topic's groups")->type_name("");
}

Result<ExitCode, Failure> list(const ListArguments& given, const Environment& environment) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto groups =
      given.topic.empty() ? list_all_groups(environment, connection->admin) : list_groups(environment, connection->admin, given.topic);
  if (!groups) return failed(groups.error());
  auto documents = Json::array();
  Table table({{"TOPIC"},
               {"GROUP"},
               {"READY", Align::kRight},
               {"LEASED", Align::kRight},
               {"RETRYING", Align::kRight},
               {"HELD", Align::kRight},
               {"DEAD", Align::kRight},
               {"DONE", Align::kRight},
               {"WORKERS", Align::kRight}});
  for (const GroupInfo& group : *groups) {
    documents.push_back(document_of(group));
    table.add({group.topic, group.name, grouped(group.ready), grouped(group.leased), grouped(group.retrying), grouped(group.held),
               grouped(group.dead), grouped(group.done), std::to_string(group.workers)});
  }
  const Console& console = environment.console;
  if (console.format == Format::kJson) {
    console.write_document({{"groups", documents}});
  } else if (table.empty()) {
    console.note("no groups yet; a group's first worker makes it, or: takt groups create TOPIC GROUP");
  } else {
    console.write(table.render(console.color_out));
  }
  return ExitCode::kOk;
}

struct NameArguments {
  std::string topic;
  std::string group;
};

void declare_name(CLI::App& command, NameArguments& given) {
  command.add_option("TOPIC", given.topic, "Name of the topic")->type_name("")->required();
  command.add_option("GROUP", given.group, "Name of the group")->type_name("")->required();
}

void declare_show(CLI::App& command, NameArguments& given) {
  declare_name(command, given);
  command.footer(R"(takt groups show photos thumbs
takt groups show photos thumbs -o json)");
}

Result<ExitCode, Failure> show(const NameArguments& given, const Environment& environment) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto group = find_group(environment, connection->admin, given.topic, given.group);
  if (!group) return failed(group.error());
  const Console& console = environment.console;
  if (console.format == Format::kJson) {
    console.write_document(document_of(*group));
    return ExitCode::kOk;
  }
  Table facts({{"GROUP"}, {printable(group->name), Align::kRight}});
  facts.add({"topic", group->topic});
  facts.add({"ready", grouped(group->ready)});
  facts.add({"leased", grouped(group->leased)});
  facts.add({"retrying", grouped(group->retrying)});
  facts.add({"held", grouped(group->held)});
  facts.add({"dead", grouped(group->dead)});
  facts.add({"done ever", grouped(group->done)});
  facts.add({"workers", std::to_string(group->workers)});
  facts.add({"attempts at most", std::to_string(group->attempts_max)});
  facts.add({"backoff", backoff_text(group->retry)});
  facts.add({"jitter percent", std::to_string(group->retry.jitter_percent)});
  facts.add({"given up after", give_up_text(group->retry)});
  facts.add({"workers' deaths in a row", std::to_string(group->retry.deaths_max)});
  console.write(facts.render(console.color_out));
  return ExitCode::kOk;
}

struct CreateArguments {
  NameArguments name;
  std::string attempts;
  std::string backoff;
  std::string jitter;
  std::string give_up;
  std::string deaths;
  std::string from;
};

void declare_create(CLI::App& command, CreateArguments& given) {
  declare_name(command, given.name);
  command.footer(R"(takt groups create photos thumbs
takt groups create photos thumbs --attempts 3
takt groups create photos thumbs --backoff exponential:5s:1h --give-up-after 1d
takt groups create photos mails --backoff 10s,1m,10m --jitter 0
takt groups create photos audit --from now)");
  command.add_option("--attempts", given.attempts, "Failures until a message is dead: 1 to 1,000")->type_name("N")->default_str("8");
  command
      .add_option("--backoff", given.backoff,
                  "How long a message waits that failed, where its worker does not say: first delay and longest, or a list whose last "
                  "delay stays")
      ->type_name("exponential:D:D|linear:D:D|D,D,...")
      ->default_str("exponential:1s:5m");
  command.add_option("--jitter", given.jitter, "Shorten each delay by a random share of up to so many percent; 100 is full jitter")
      ->type_name("PERCENT")
      ->default_str("20");
  command
      .add_option("--give-up-after", given.give_up,
                  "A message is dead when its next attempt would begin so long after its first failure; 0 never")
      ->type_name("DURATION")
      ->default_str("0");
  command.add_option("--deaths", given.deaths, "A message with which so many workers in a row died is dead; 0 no matter how many")
      ->type_name("N")
      ->default_str("3");
  command.add_option("--from", given.from, "Where a new group begins: at the earliest retained message, or with what comes from now on")
      ->type_name("start|now")
      ->default_str("start");
}

/// Sets what is given.
Result<void, Failure> take_settings(const CreateArguments& given, GroupSettings& settings) {
  const auto take = [](const char* option, const std::string& text, std::uint64_t least, std::uint64_t most,
                       std::uint32_t& number) -> Result<void, Failure> {
    if (text.empty()) return {};
    const auto parsed = parse_whole(option, text, least, most);
    if (!parsed) return failed(parsed.error());
    number = static_cast<std::uint32_t>(*parsed);
    return {};
  };
  if (auto taken = take("--attempts", given.attempts, 1, 1'000, settings.attempts_max); !taken) return taken;
  if (auto taken = take("--jitter", given.jitter, 0, 100, settings.retry.jitter_percent); !taken) return taken;
  if (auto taken = take("--deaths", given.deaths, 0, 1'000, settings.retry.deaths_max); !taken) return taken;
  if (!given.backoff.empty())
    if (auto taken = parse_backoff("--backoff", given.backoff, settings.retry); !taken) return taken;
  if (given.give_up.empty()) return {};
  const auto give_up = parse_duration_or_none("--give-up-after", given.give_up);
  if (!give_up) return failed(give_up.error());
  settings.retry.give_up = *give_up;
  return {};
}

Result<ExitCode, Failure> create(const CreateArguments& given, const Environment& environment) {
  GroupSettings settings;
  if (const auto taken = take_settings(given, settings); !taken) return failed(taken.error());   // before anybody is asked
  if (!given.from.empty() && given.from != "start" && given.from != "now")
    return failed(usage_failure("--from cannot be '" + given.from + "'", "give one of: start, now"));
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  // The broker replaces all settings at once, so those that stay are sent along.
  const auto group = look_for_group(environment, connection->admin, given.name.topic, given.name.group);
  if (!group) return failed(group.error());
  if (*group) {
    settings = {.attempts_max = (*group)->attempts_max, .retry = (*group)->retry};
    if (const auto taken = take_settings(given, settings); !taken) return failed(taken.error());
  }
  settings.from_now = given.from == "now";
  const auto created = connection->admin.put_group(given.name.topic, given.name.group, settings);
  if (!created) return failed(explain(environment, created.error()));
  const Console& console = environment.console;
  if (!*created && !given.from.empty()) console.note("--from changed nothing: it says where a new group begins, and this one was there");
  console.write_result({{"topic", given.name.topic},
                        {"group", given.name.group},
                        {"created", *created},
                        {"attempts_max", settings.attempts_max},
                        {"retry", document_of(settings.retry)}},
                       "group '" + given.name.group + "' of topic '" + given.name.topic + "' " + (*created ? "created" : "was there") +
                           ": attempts " + std::to_string(settings.attempts_max) + ", backoff " + backoff_text(settings.retry) + "\n");
  return ExitCode::kOk;
}

struct DeleteArguments {
  NameArguments name;
  bool yes = false;
};

void declare_delete(CLI::App& command, DeleteArguments& given) {
  declare_name(command, given.name);
  command.footer(R"(takt groups delete photos thumbs
takt groups delete photos thumbs --yes)");
  command.add_flag("-y,--yes", given.yes, "Do not ask; needed in scripts");
}

Result<ExitCode, Failure> remove(const DeleteArguments& given, const Environment& environment) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto group = find_group(environment, connection->admin, given.name.topic, given.name.group);
  if (!group) return failed(group.error());
  const Console& console = environment.console;
  const std::uint64_t unfinished = group->ready + group->leased + group->retrying + group->held;
  const std::string what = "group '" + group->name + "' of topic '" + group->topic + "' with " + grouped(unfinished) +
                           " messages unfinished, " + grouped(group->dead) + " dead and " + std::to_string(group->workers) + " workers";
  if (given.yes) {
    console.note("deleting " + what);
  } else if (const auto sure = confirm_deletion(console, what); !sure) {
    return failed(sure.error());
  }
  const auto deleted = connection->admin.delete_group(given.name.topic, given.name.group);
  if (!deleted) return failed(explain(environment, deleted.error()));
  console.write_result({{"topic", group->topic}, {"group", group->name}, {"deleted", true}, {"unfinished", unfinished}},
                       "group '" + group->name + "' of topic '" + group->topic + "' deleted\n");
  return ExitCode::kOk;
}

}  // namespace

void add_groups(CLI::App& app, Action& action) {
  CLI::App* groups = app.add_subcommand("groups", "List, show, create and delete groups of a topic");
  groups->require_subcommand(0, 1);
  add_command<ListArguments>(*groups, action, "list", "All groups with their counts", &declare_list, &list);
  add_command<NameArguments>(*groups, action, "show", "One group: counts, settings", &declare_show, &show);
  add_command<CreateArguments>(*groups, action, "create", "Make a group, or change settings of one; those not given stay as they are",
                               &declare_create, &create);
  add_command<DeleteArguments>(*groups, action, "delete", "Delete a group: what it had not finished is forgotten; asks first",
                               &declare_delete, &remove);
}

}  // namespace takt::cli
