#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/core/bytes.h"
#include "broker/core/commit.h"
#include "broker/core/rows.h"
#include "scheduler/id_set.h"
#include "scheduler/timer_wheel.h"

namespace takt::core {

/// Of the scheduled messages: which ones come at another time than they were sent with, and which ones were cancelled, of
/// these the newest million. Part of the fold. Thread: its owner's.
class Steered {
 public:
  static constexpr std::uint64_t cancelled_max = 1'000'000;

  /// The message waits for `timer`, whose id is another.
  void rearm(Position position, const scheduler::TimerKey& timer);
  void cancel(Position position);
  /// The timer has fired. Gives the position of its message.
  Position fired(scheduler::TimerId timer);

  /// What a rearmed message waits for; null: it is none.
  const scheduler::TimerKey* find(Position position) const;
  /// The id of the timer that the message has, or had.
  scheduler::TimerId timer_of(Position position) const;
  bool is_cancelled(Position position) const { return cancelled_.contains(position.value); }

  void append_to(ByteWriter& out) const;
  void take_changes(Checkpoint& out);
  Result<void, Corruption> load_rearmed(std::string_view key, std::string_view value);
  Result<void, Corruption> load_cancelled(std::string_view key, std::string_view value);
  /// The first that does not hold; none when all do.
  std::optional<std::string> broken_invariant(const scheduler::TimerWheel& wheel) const;

 private:
  void forget(Position position);

  std::map<Position, scheduler::TimerKey> rearmed_;
  std::unordered_map<std::uint64_t, Position> by_timer_;   ///< of these
  scheduler::IdSet cancelled_;
  std::set<Position> changed_;                             ///< rows of rearmed_
};

}  // namespace takt::core
