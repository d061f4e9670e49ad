#pragma once
// Requests and replies about single messages: where one stands, and cancel, reschedule and run now. Part of messages.h.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/ids.h"
#include "proto/message_type.h"

namespace takt::proto {

enum class MessageAction : std::uint8_t {
  kShow = 0,
  kCancel = 1,       ///< nobody is owed it who has not begun it
  kReschedule = 2,   ///< due at another time, where it still waits for its due
  kRunNow = 3,       ///< due now, or tried again now
};
/// Messages by their positions, in this order.
struct ChangeMessages {
  static constexpr auto type = MessageType::kChangeMessages;
  PartitionId partition{};
  MessageAction action = MessageAction::kShow;
  std::vector<Position> positions{};      ///< 1 to 1,000
  std::optional<std::uint64_t> due_ms{};  ///< of a reschedule: since 1970; what is past is due at once
  friend bool operator==(const ChangeMessages&, const ChangeMessages&) = default;
};

enum class MessageState : std::uint8_t {
  kUnknown = 1,      ///< there never was a message
  kScheduled = 2,    ///< waits for its due
  kCancelled = 3,    ///< while it waited
  kQueued = 4,       ///< has its place in its topic: what its groups make of it, they say
  kGone = 5,         ///< every group had done it, or its topic was deleted: it is not kept
  kUnreadable = 6,   ///< what the disk has of it is damaged
};
inline constexpr std::size_t message_state_count = 6;
/// `unknown`, `scheduled`, ...
std::string_view name_of(MessageState state);
/// A message for one group.
enum class GroupState : std::uint8_t {
  kReady = 1,
  kLeased = 2,
  kRetrying = 3,     ///< failed, or was given back, and waits
  kHeld = 4,         ///< may be with a worker that had it before the broker's last start
  kDead = 5,
  kDone = 6,
  kUnreadable = 7,
};
inline constexpr std::size_t group_state_count = 7;
std::string_view name_of(GroupState state);

struct GroupStatus {
  std::string group{};
  GroupState state = GroupState::kReady;
  std::uint32_t attempts = 0;             ///< failures so far
  std::string worker{};                   ///< that has it
  /// Since 1970: leased since, retrying until, dead since, done by then at the latest.
  std::optional<std::uint64_t> time_ms{};
  friend bool operator==(const GroupStatus&, const GroupStatus&) = default;
};
struct MessageStatus {
  Position position{};
  MessageState state = MessageState::kUnknown;   ///< after the request
  bool changed = false;                   ///< by this request
  std::string topic{};                    ///< empty: it is not known
  Lane lane{};
  std::string kind{};
  std::optional<std::uint64_t> due_ms{};  ///< of a scheduled one, since 1970
  std::optional<Offset> offset{};         ///< of a queued one
  std::vector<GroupStatus> groups{};      ///< of a queued one: its topic's, by name
  friend bool operator==(const MessageStatus&, const MessageStatus&) = default;
};
/// The first of those that were asked for, in their order, as many as fit, at least one: ask again for the others, which were not touched.
struct MessagesChanged {
  static constexpr auto type = MessageType::kMessagesChanged;
  std::vector<MessageStatus> messages{};
  friend bool operator==(const MessagesChanged&, const MessagesChanged&) = default;
};

}  // namespace takt::proto
