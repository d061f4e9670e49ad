#pragma once
// Where a message stands, as its topic's groups see it.

#include <takt/message.h>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace takt {

enum class MessageState : std::uint8_t {
  kUnknown = 1,                                  ///< there never was a message with this id
  kScheduled = 2,                                ///< waits for its due
  kCancelled = 3,                                ///< while it waited; the broker remembers the newest million
  kQueued = 4,                                   ///< has its place in its topic: what its groups make of it, they say
  kGone = 5,                                     ///< every group had done it, or its topic was deleted: it is not kept
  kUnreadable = 6,                               ///< what the disk has of it is damaged
};
/// `unknown`, `scheduled`, `cancelled`, `queued`, `gone`, `unreadable`.
std::string_view text_of(MessageState state);

/// A message for one group.
enum class GroupState : std::uint8_t {
  kReady = 1,
  kLeased = 2,                                   ///< a worker has it
  kRetrying = 3,                                 ///< failed, or was given back, and waits
  kHeld = 4,                                     ///< may be with a worker that had it before the broker's last start
  kDead = 5,
  kDone = 6,
  kUnreadable = 7,
};
/// `ready`, `leased`, `retrying`, `held`, `dead`, `done`, `unreadable`.
std::string_view text_of(GroupState state);

struct GroupStatus {
  std::string group;
  GroupState state = GroupState::kReady;
  std::uint32_t attempts = 0;                    ///< failures so far
  std::string worker;                            ///< of a leased one: its name
  /// Leased since, retrying until, dead since. Done by then at the latest: to the second for the newest, ever more roughly for
  /// older ones; none when messages before it are not done.
  std::optional<std::chrono::sys_time<std::chrono::milliseconds>> time{};
};
struct MessageStatus {
  MessageId id;
  MessageState state = MessageState::kUnknown;   ///< after the call
  bool changed = false;                          ///< by this call
  std::string topic;                             ///< empty: not known
  std::uint8_t priority = 0;
  std::string kind;
  std::optional<std::chrono::sys_time<std::chrono::milliseconds>> due{};   ///< of one that was sent with a delay or `at`
  std::optional<std::uint64_t> offset{};         ///< of a queued one
  std::vector<GroupStatus> groups;               ///< of a queued one: its topic's, by name
};

}  // namespace takt
