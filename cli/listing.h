#pragma once
// Topics and groups as people see them: one per name, its counts summed over the partitions.

#include <optional>
#include <string>
#include <vector>

#include "cli/connection.h"

namespace takt::cli {

/// By name.
Result<std::vector<TopicInfo>, Failure> list_topics(const Environment& environment, Admin& admin);
/// By topic and name.
Result<std::vector<GroupInfo>, Failure> list_all_groups(const Environment& environment, Admin& admin);
/// By name. Fails with unknown_topic, naming the nearest: this is how to ask whether a topic exists, because a listing of
/// topics may not reach it.
Result<std::vector<GroupInfo>, Failure> list_groups(const Environment& environment, Admin& admin, const std::string& topic);

/// Fail with unknown_topic or unknown_group, naming the nearest that exists. find_topic also fails for a topic that
/// exists behind the end of the listing: nothing else tells its counts and settings.
Result<TopicInfo, Failure> find_topic(const Environment& environment, Admin& admin, const std::string& topic);
Result<GroupInfo, Failure> find_group(const Environment& environment, Admin& admin, const std::string& topic, const std::string& group);

/// As find_..., for those who make what is not there: none when it is not.
Result<std::optional<TopicInfo>, Failure> look_for_topic(const Environment& environment, Admin& admin, const std::string& topic);
Result<std::optional<GroupInfo>, Failure> look_for_group(const Environment& environment, Admin& admin, const std::string& topic,
                                                         const std::string& group);

}  // namespace takt::cli
