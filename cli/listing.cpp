#include "cli/listing.h"

#include <algorithm>
#include <map>

#include "cli/suggest.h"

namespace takt::cli {
namespace {

std::string key_of(const TopicInfo& topic) { return topic.name; }
std::pair<std::string, std::string> key_of(const GroupInfo& group) { return {group.topic, group.name}; }

void add(TopicInfo& sum, const TopicInfo& info) {
  sum.messages += info.messages;
  sum.bytes += info.bytes;
  sum.enqueued += info.enqueued;
}

/// A worker works on every partition, so workers are not summed.
void add(GroupInfo& sum, const GroupInfo& info) {
  sum.ready += info.ready;
  sum.leased += info.leased;
  sum.retrying += info.retrying;
  sum.held += info.held;
  sum.dead += info.dead;
  sum.done += info.done;
}

template <class Info>
std::vector<Info> summed(const std::vector<Info>& infos) {
  std::map<decltype(key_of(infos.front())), Info> sums;
  for (const Info& info : infos) {
    const auto [at, first] = sums.try_emplace(key_of(info), info);
    if (!first) add(at->second, info);
  }
  std::vector<Info> sorted;
  sorted.reserve(sums.size());
  for (auto& [key, sum] : sums) sorted.push_back(std::move(sum));
  return sorted;
}

template <class Info>
const Info* named(const std::vector<Info>& infos, const std::string& name) {
  const auto at = std::ranges::find(infos, name, &Info::name);
  return at == infos.end() ? nullptr : &*at;
}

template <class Info>
std::optional<std::string> nearest_name(const std::vector<Info>& infos, const std::string& name) {
  std::vector<std::string> names;
  names.reserve(infos.size());
  for (const Info& info : infos) names.push_back(info.name);
  return nearest(name, names);
}

Failure unknown_topic(const Environment& environment, Admin& admin, const std::string& topic) {
  const auto topics = list_topics(environment, admin);
  if (!topics) return topics.error();
  const auto meant = nearest_name(*topics, topic);
  return not_found(ErrorCode::kUnknownTopic, "there is no topic '" + topic + "'",
                   meant ? "did you mean '" + *meant + "'? Else see `takt topics list`"
                         : "check the spelling with `takt topics list`; the first message sent to a topic makes it");
}

constexpr std::size_t listed_max = 2000;   // the broker's bound of a listing

/// An empty name would mean all topics to the broker.
Result<void, Failure> check_named(const std::string& topic) {
  if (!topic.empty()) return {};
  return failed(usage_failure("the topic's name is empty", "name one; is a variable of the script unset?"));
}

}  // namespace

Result<std::vector<TopicInfo>, Failure> list_topics(const Environment& environment, Admin& admin) {
  const auto topics = admin.topics();
  if (!topics) return failed(explain(environment, topics.error()));
  return summed(*topics);
}

Result<std::vector<GroupInfo>, Failure> list_all_groups(const Environment& environment, Admin& admin) {
  const auto groups = admin.groups({});
  if (!groups) return failed(explain(environment, groups.error()));
  return summed(*groups);
}

Result<std::vector<GroupInfo>, Failure> list_groups(const Environment& environment, Admin& admin, const std::string& topic) {
  if (auto is_named = check_named(topic); !is_named) return failed(is_named.error());
  const auto groups = admin.groups(topic);
  if (!groups && groups.error().is("unknown_topic")) return failed(unknown_topic(environment, admin, topic));
  if (!groups) return failed(explain(environment, groups.error()));
  return summed(*groups);
}

Result<TopicInfo, Failure> find_topic(const Environment& environment, Admin& admin, const std::string& topic) {
  auto found = look_for_topic(environment, admin, topic);
  if (!found) return failed(found.error());
  if (!*found) return failed(unknown_topic(environment, admin, topic));
  return std::move(**found);
}

Result<GroupInfo, Failure> find_group(const Environment& environment, Admin& admin, const std::string& topic, const std::string& group) {
  const auto groups = list_groups(environment, admin, topic);
  if (!groups) return failed(groups.error());
  if (const GroupInfo* found = named(*groups, group)) return *found;
  const auto meant = nearest_name(*groups, group);
  return failed(not_found(ErrorCode::kUnknownGroup, "topic '" + topic + "' has no group '" + group + "'",
                          meant ? "did you mean '" + *meant + "'? Else see `takt groups list " + topic + "`"
                                : "see `takt groups list " + topic + "`; the first worker of a group makes it"));
}

Result<std::optional<TopicInfo>, Failure> look_for_topic(const Environment& environment, Admin& admin, const std::string& topic) {
  if (auto is_named = check_named(topic); !is_named) return failed(is_named.error());
  // Asked before the listing, which then has it even when it is being made at this moment.
  const auto groups = admin.groups(topic);
  if (!groups && groups.error().is("unknown_topic")) return std::optional<TopicInfo>();
  if (!groups) return failed(explain(environment, groups.error()));
  const auto topics = list_topics(environment, admin);
  if (!topics) return failed(topics.error());
  if (const TopicInfo* found = named(*topics, topic)) return std::optional(*found);
  return failed(local_failure("topic '" + topic + "' exists, but the broker lists " + grouped(topics->size()) +
                                  " topics at most and it comes behind them: its counts and settings cannot be read",
                              "see the broker's metrics for its counts; delete topics that nobody needs"));
}

Result<std::optional<GroupInfo>, Failure> look_for_group(const Environment& environment, Admin& admin, const std::string& topic,
                                                         const std::string& group) {
  if (auto is_named = check_named(topic); !is_named) return failed(is_named.error());
  const auto groups = admin.groups(topic);
  if (!groups && groups.error().is("unknown_topic")) return std::optional<GroupInfo>();
  if (!groups) return failed(explain(environment, groups.error()));
  const auto sums = summed(*groups);
  if (const GroupInfo* found = named(sums, group)) return std::optional(*found);
  if (groups->size() < listed_max) return std::optional<GroupInfo>();
  return failed(local_failure("the broker lists " + grouped(listed_max) + " groups of topic '" + topic + "' at most, and '" + group +
                                  "' is not among them: whether it exists cannot be seen",
                              "delete groups that nobody needs"));
}

}  // namespace takt::cli
