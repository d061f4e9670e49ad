#include <algorithm>
#include <map>

#include "proto/limits.h"
#include "worker-sdk/cpp/src/admin_body.h"
#include "worker-sdk/cpp/src/validate.h"

namespace takt {
namespace {

using namespace sdk;
using SysTime = std::chrono::sys_time<std::chrono::milliseconds>;

std::optional<SysTime> time_of(const std::optional<std::uint64_t>& ms) {
  return ms ? std::optional(SysTime(std::chrono::milliseconds(*ms))) : std::nullopt;
}

MessageStatus to_public(proto::MessageStatus&& wire, std::uint32_t partition) {
  MessageStatus status;
  status.id = {partition, wire.position.value};
  status.state = static_cast<MessageState>(wire.state);
  status.changed = wire.changed;
  status.topic = std::move(wire.topic);
  status.priority = wire.lane.value;
  status.kind = std::move(wire.kind);
  status.due = time_of(wire.due_ms);
  if (wire.offset) status.offset = wire.offset->value;
  for (proto::GroupStatus& group : wire.groups)
    status.groups.push_back(
        {std::move(group.group), static_cast<GroupState>(group.state), group.attempts, std::move(group.worker), time_of(group.time_ms)});
  return status;
}

}  // namespace

std::string_view text_of(MessageState state) { return name_of(static_cast<proto::MessageState>(state)); }
std::string_view text_of(GroupState state) { return name_of(static_cast<proto::GroupState>(state)); }

Result<std::vector<MessageStatus>> Admin::steer(std::span<const MessageId> ids, MessageAction action, std::optional<std::uint64_t> due_ms) {
  if (ids.empty()) return tl::make_unexpected(bad_option("ids", "there must be at least one"));
  const auto info = broker();
  if (!info) return tl::make_unexpected(info.error());
  std::vector<MessageStatus> statuses;
  std::map<std::uint32_t, std::vector<std::size_t>> by_partition;   ///< places in `ids`
  for (const MessageId& id : ids) {
    if (id.partition < info->partitions) by_partition[id.partition].push_back(statuses.size());
    MessageStatus& unknown = statuses.emplace_back();
    unknown.id = id;
  }
  for (const auto& [partition, places] : by_partition) {
    for (std::size_t done = 0; done < places.size();) {
      proto::ChangeMessages change{PartitionId(partition), static_cast<proto::MessageAction>(action), {}, due_ms};
      for (std::size_t i = done; i < places.size() && change.positions.size() < limits::messages_at_once_max; ++i)
        change.positions.push_back(Position(ids[places[i]].position));
      auto answer = body_->ask(std::move(change));
      auto reply = expect<proto::MessagesChanged>(answer);
      if (!reply) return tl::make_unexpected(std::move(reply.error()));
      for (proto::MessageStatus& message : reply->messages) {
        if (done == places.size()) break;
        statuses[places[done++]] = to_public(std::move(message), partition);
      }
    }
  }
  return statuses;
}

Result<std::vector<MessageStatus>> Admin::messages(std::span<const MessageId> ids) { return steer(ids, MessageAction::kShow); }

Result<std::vector<MessageStatus>> Admin::cancel(std::span<const MessageId> ids) { return steer(ids, MessageAction::kCancel); }

Result<std::vector<MessageStatus>> Admin::run_now(std::span<const MessageId> ids) { return steer(ids, MessageAction::kRunNow); }

Result<std::vector<MessageStatus>> Admin::reschedule(std::span<const MessageId> ids, SysTime at) {
  const auto ms = at.time_since_epoch().count();
  if (ms < 1 || static_cast<std::uint64_t>(ms) > limits::due_ms_max)
    return tl::make_unexpected(bad_option("at", "it is not between the years 1970 and 9999"));
  return steer(ids, MessageAction::kReschedule, static_cast<std::uint64_t>(ms));
}

}  // namespace takt
