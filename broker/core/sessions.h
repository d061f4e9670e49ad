#pragma once
// Sessions, their subscriptions and the lease ranges they hold: the leader's memory, gone with it.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/core/command.h"
#include "broker/core/slab.h"
#include "proto/planted_bug.h"

namespace takt::core {

struct GroupWork;
struct LaneWork;
struct Subscription;

/// Consecutive offsets of one slab in the hands of one worker. Message i has token + i.
struct LeaseRange {
  Subscription* holder = nullptr;   ///< null: the slot is unused
  LaneWork* lane = nullptr;
  Offset first{};
  std::uint32_t count = 0;
  LeaseToken token{};
  std::uint32_t attempt = 1;
  Time since{};
  bool logged = false;              ///< a Held event names it
  bool is_suspect = false;          ///< one message, with which workers died; its holder has nothing else of the group
  bool is_death_counted = false;    ///< its connection broke before, and it was resumed
  std::uint32_t open = 0;           ///< members of `remaining`
  std::uint64_t bytes = 0;          ///< credit that it still takes
  SlabBits remaining{};             ///< not yet acked, failed or given back; by index
};

/// A session's lease ranges by slot. Slots are used again; the token tells a late ack from its successor's.
class SlotTable {
 public:
  Slot add(LeaseRange range) {
    if (unused_.empty()) {
      ranges_.push_back(std::move(range));
      return Slot(static_cast<std::uint32_t>(ranges_.size() - 1));
    }
    const Slot slot = unused_.back();
    unused_.pop_back();
    ranges_[slot.value] = std::move(range);
    return slot;
  }
  /// The live range in `slot` whose first token is `token`, or null.
  LeaseRange* find(Slot slot, LeaseToken token) {
    if (slot.value >= ranges_.size()) return nullptr;
    LeaseRange& range = ranges_[slot.value];
    if (planted(PlantedBug::kStaleAckAccepted) && range.holder != nullptr) return &range;
    return range.holder != nullptr && range.token == token ? &range : nullptr;
  }
  void remove(Slot slot) {
    ranges_[slot.value].holder = nullptr;
    unused_.push_back(slot);
  }
  /// Calls `visit(Slot, LeaseRange&)` for each live range; it may remove the one it is given.
  template <class Visit>
  void each(Visit&& visit) {
    for (std::uint32_t i = 0; i < ranges_.size(); ++i)
      if (ranges_[i].holder != nullptr) visit(Slot(i), ranges_[i]);
  }
  template <class Visit>
  void each(Visit&& visit) const {
    for (const LeaseRange& range : ranges_)
      if (range.holder != nullptr) visit(range);
  }

 private:
  std::deque<LeaseRange> ranges_;
  std::vector<Slot> unused_;
};

/// A pull that waits for messages.
struct OneShotCredit {
  CorrelationId correlation;
  std::uint32_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint32_t delivered = 0;
  Position after{};                 ///< of its latest delivery
};

struct Session;

/// A worker's place in a group.
struct Subscription {
  Session* session = nullptr;
  SubscriptionId id;
  GroupWork* work = nullptr;
  std::uint32_t window_messages = 0;      ///< standing credit
  std::uint64_t window_bytes = 0;
  std::uint32_t out_messages = 0;         ///< leased and open
  std::uint64_t out_bytes = 0;
  bool has_suspect = false;               ///< that is all of out_messages
  std::optional<OneShotCredit> once;
  bool waiting = false;                   ///< stands in its group's ring, or in line for room under a bound

  /// Messages that may be handed out now; and bytes (at least one message passes when nothing is out).
  std::uint32_t credit_messages() const {
    if (once) return once->messages - once->delivered;
    return window_messages > out_messages ? window_messages - out_messages : 0;
  }
  std::uint64_t credit_bytes() const {
    if (once) return once->bytes;
    return window_bytes > out_bytes ? window_bytes - out_bytes : 0;
  }
  bool has_credit() const { return credit_messages() > 0 && (credit_bytes() > 0 || out_messages == 0); }
};

struct Session {
  SessionId id;
  ClientId client;
  proto::ClientKind kind = proto::ClientKind::kTool;
  std::string name;
  std::map<SubscriptionId, std::unique_ptr<Subscription>> subscriptions;
  SlotTable slots;
  std::uint32_t leased = 0;
};

}  // namespace takt::core
