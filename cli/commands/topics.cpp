// takt topics list | show | create | delete.

#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/listing.h"

namespace takt::cli {
namespace {

using Json = nlohmann::ordered_json;

Json document_of(const TopicInfo& topic) {
  return {{"topic", topic.name},
          {"messages", topic.messages},
          {"bytes", topic.bytes},
          {"enqueued", topic.enqueued},
          {"groups", topic.groups},
          {"keep_ms", topic.settings.keep.count()},
          {"keep_bytes", topic.settings.keep_bytes},
          {"bytes_max", topic.settings.bytes_max}};
}

std::string age_or_none(Milliseconds age) { return age.count() == 0 ? "none" : duration_text(age); }
std::string size_or_none(std::uint64_t bytes) { return bytes == 0 ? "none" : byte_text(bytes); }

struct ListArguments {};

void declare_list(CLI::App& command, ListArguments&) {
  command.footer(R"(takt topics list
takt topics list -o json)");
}

Result<ExitCode, Failure> list(const ListArguments&, const Environment& environment) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto topics = list_topics(environment, connection->admin);
  if (!topics) return failed(topics.error());
  auto documents = Json::array();
  Table table({{"TOPIC"},
               {"MESSAGES", Align::kRight},
               {"BYTES", Align::kRight},
               {"ENQUEUED", Align::kRight},
               {"GROUPS", Align::kRight},
               {"KEEP", Align::kRight},
               {"MAX", Align::kRight}});
  for (const TopicInfo& topic : *topics) {
    documents.push_back(document_of(topic));
    table.add({topic.name, grouped(topic.messages), byte_text(topic.bytes), grouped(topic.enqueued), std::to_string(topic.groups),
               age_or_none(topic.settings.keep), size_or_none(topic.settings.bytes_max)});
  }
  const Console& console = environment.console;
  if (console.format == Format::kJson) {
    console.write_document({{"topics", documents}});
  } else if (table.empty()) {
    console.note("no topics yet; sending a message makes one: takt send TOPIC KIND");
  } else {
    console.write(table.render(console.color_out));
  }
  return ExitCode::kOk;
}

struct ShowArguments {
  std::string topic;
};

void declare_show(CLI::App& command, ShowArguments& given) {
  command.footer(R"(takt topics show photos
takt topics show photos -o json)");
  command.add_option("TOPIC", given.topic, "Name of the topic")->type_name("")->required();
}

Result<ExitCode, Failure> show(const ShowArguments& given, const Environment& environment) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto topic = find_topic(environment, connection->admin, given.topic);
  if (!topic) return failed(topic.error());
  const auto groups = list_groups(environment, connection->admin, given.topic);
  if (!groups) return failed(groups.error());

  const Console& console = environment.console;
  if (console.format == Format::kJson) {
    Json document = document_of(*topic);
    document["group_names"] = Json::array();
    for (const GroupInfo& group : *groups) document["group_names"].push_back(group.name);
    console.write_document(document);
    return ExitCode::kOk;
  }
  Table facts({{"TOPIC"}, {printable(topic->name), Align::kRight}});
  facts.add({"messages", grouped(topic->messages)});
  facts.add({"bytes (estimated)", byte_text(topic->bytes)});
  facts.add({"enqueued ever", grouped(topic->enqueued)});
  facts.add({"keep at least", age_or_none(topic->settings.keep)});
  facts.add({"keep at least (bytes)", size_or_none(topic->settings.keep_bytes)});
  facts.add({"refuse above", size_or_none(topic->settings.bytes_max)});
  console.write(facts.render(console.color_out));
  if (groups->empty()) return ExitCode::kOk;
  Table table({{"GROUP"},
               {"READY", Align::kRight},
               {"LEASED", Align::kRight},
               {"DEAD", Align::kRight},
               {"DONE", Align::kRight},
               {"WORKERS", Align::kRight}});
  for (const GroupInfo& group : *groups) {
    table.add(
        {group.name, grouped(group.ready), grouped(group.leased), grouped(group.dead), grouped(group.done), std::to_string(group.workers)});
  }
  console.write("\n" + table.render(console.color_out));
  return ExitCode::kOk;
}

struct CreateArguments {
  std::string topic;
  std::string keep;
  std::string keep_bytes;
  std::string bytes_max;
};

void declare_create(CLI::App& command, CreateArguments& given) {
  command.footer(R"(takt topics create photos
takt topics create photos --keep 7d --max-bytes 10GiB
takt topics create photos --keep none)");
  command.add_option("TOPIC", given.topic, "Name of the topic: 1 to 200 of A-Z a-z 0-9 . _ -")->type_name("")->required();
  command.add_option("--keep", given.keep, "Keep messages at least so long, also when every group is done with them")
      ->type_name("DURATION|none");
  command.add_option("--keep-bytes", given.keep_bytes, "Keep at least so many of the newest bytes")->type_name("SIZE|none");
  command.add_option("--max-bytes", given.bytes_max, "Refuse new messages while the topic holds so many bytes")->type_name("SIZE|none");
}

/// What the user wants otherwise; the rest stays as it is.
struct Changes {
  std::optional<Milliseconds> keep;
  std::optional<std::uint64_t> keep_bytes;
  std::optional<std::uint64_t> bytes_max;
};

Result<std::optional<std::uint64_t>, Failure> parse_bound(std::string_view option, const std::string& text) {
  if (text.empty()) return std::optional<std::uint64_t>();
  if (text == "none") return std::optional<std::uint64_t>(0);
  const auto bytes = parse_bytes(option, text);
  if (!bytes) return failed(bytes.error());
  return std::optional(*bytes);
}

Result<Changes, Failure> changes_of(const CreateArguments& given) {
  Changes changes;
  if (given.keep == "none") {
    changes.keep = Milliseconds(0);
  } else if (!given.keep.empty()) {
    const auto keep = parse_duration("--keep", given.keep);
    if (!keep) return failed(keep.error());
    changes.keep = *keep;
  }
  const auto keep_bytes = parse_bound("--keep-bytes", given.keep_bytes);
  if (!keep_bytes) return failed(keep_bytes.error());
  changes.keep_bytes = *keep_bytes;
  const auto bytes_max = parse_bound("--max-bytes", given.bytes_max);
  if (!bytes_max) return failed(bytes_max.error());
  changes.bytes_max = *bytes_max;
  return changes;
}

Result<ExitCode, Failure> create(const CreateArguments& given, const Environment& environment) {
  const auto changes = changes_of(given);
  if (!changes) return failed(changes.error());
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  // The broker replaces all settings at once, so those that stay are sent along.
  const auto topic = look_for_topic(environment, connection->admin, given.topic);
  if (!topic) return failed(topic.error());
  TopicSettings settings = *topic ? (*topic)->settings : TopicSettings();
  settings.keep = changes->keep.value_or(settings.keep);
  settings.keep_bytes = changes->keep_bytes.value_or(settings.keep_bytes);
  settings.bytes_max = changes->bytes_max.value_or(settings.bytes_max);
  const auto created = connection->admin.put_topic(given.topic, settings);
  if (!created) return failed(explain(environment, created.error()));
  environment.console.write_result({{"topic", given.topic},
                                    {"created", *created},
                                    {"keep_ms", settings.keep.count()},
                                    {"keep_bytes", settings.keep_bytes},
                                    {"bytes_max", settings.bytes_max}},
                                   "topic '" + given.topic + "' " + (*created ? "created" : "was there") + ": keep " +
                                       age_or_none(settings.keep) + ", keep-bytes " + size_or_none(settings.keep_bytes) + ", max-bytes " +
                                       size_or_none(settings.bytes_max) + "\n");
  return ExitCode::kOk;
}

struct DeleteArguments {
  std::string topic;
  bool yes = false;
};

void declare_delete(CLI::App& command, DeleteArguments& given) {
  command.footer(R"(takt topics delete photos
takt topics delete photos --yes)");
  command.add_option("TOPIC", given.topic, "Name of the topic")->type_name("")->required();
  command.add_flag("-y,--yes", given.yes, "Do not ask; needed in scripts");
}

Result<ExitCode, Failure> remove(const DeleteArguments& given, const Environment& environment) {
  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  const auto groups = list_groups(environment, connection->admin, given.topic);
  if (!groups) return failed(groups.error());
  // A topic behind the end of the listing can be deleted too; how much is in it, nobody tells.
  const auto topics = list_topics(environment, connection->admin);
  if (!topics) return failed(topics.error());
  const auto topic = std::ranges::find(*topics, given.topic, &TopicInfo::name);
  const bool is_listed = topic != topics->end();
  std::uint64_t unfinished = 0;
  for (const GroupInfo& group : *groups) unfinished += group.ready + group.leased + group.retrying + group.held;

  const Console& console = environment.console;
  const std::string what = "topic '" + given.topic + "' with " + (is_listed ? grouped(topic->messages) + " messages" : "its messages") +
                           " and " + std::to_string(groups->size()) + " groups (" + grouped(unfinished) + " deliveries unfinished)";
  if (given.yes) {
    console.note("deleting " + what);
  } else if (const auto sure = confirm_deletion(console, what); !sure) {
    return failed(sure.error());
  }
  const auto deleted = connection->admin.delete_topic(given.topic);
  if (!deleted) return failed(explain(environment, deleted.error()));
  console.write_result({{"topic", given.topic},
                        {"deleted", true},
                        {"messages", is_listed ? Json(topic->messages) : Json(nullptr)},
                        {"groups", groups->size()}},
                       "topic '" + given.topic + "' deleted\n");
  return ExitCode::kOk;
}

}  // namespace

void add_topics(CLI::App& app, Action& action) {
  CLI::App* topics = app.add_subcommand("topics", "List, show, create and delete topics");
  topics->require_subcommand(0, 1);
  add_command<ListArguments>(*topics, action, "list", "All topics with their counts", &declare_list, &list);
  add_command<ShowArguments>(*topics, action, "show", "One topic: counts, settings, groups", &declare_show, &show);
  add_command<CreateArguments>(*topics, action, "create", "Make a topic, or change settings of one; those not given stay as they are",
                               &declare_create, &create);
  add_command<DeleteArguments>(*topics, action, "delete", "Delete a topic with its messages and groups; asks first", &declare_delete,
                               &remove);
}

}  // namespace takt::cli
