#pragma once

#include <cstdint>
#include <optional>

#include "proto/time.h"

namespace takt::core {

/// A partition's time: the wall clock, as far as it can be believed. What is due fires by it and cannot be unfired, so it never
/// goes back, and a clock that jumps far ahead is not followed at once. Pure. Thread: one.
///
/// Small differences are an NTP daemon's work and are followed. Beyond, the partition goes on by the monotonic clock, which
/// counts while the machine sleeps, so waking up is no jump:
/// - back by up to `slewed_max`: at half speed until the wall clock has caught up; by more: at full speed, until it has.
/// - ahead by up to `believed_max`: followed; by more: only when it still says so after `held`, or when somebody accepts it.
class PartitionClock {
 public:
  struct Settings {
    Duration unnoticed = std::chrono::milliseconds(250);
    Duration slewed_max = std::chrono::seconds(10);
    Duration believed_max = std::chrono::minutes(5);
    Duration stopped_max = std::chrono::hours(24 * 7);       ///< so long a broker may have been down without it being a jump
    Duration held = std::chrono::minutes(10);
    Duration held_synchronised = std::chrono::seconds(60);   ///< when the system says that its clock is synchronised
  };
  enum class State : std::uint8_t {
    kFollows,   ///< the wall clock
    kSlews,     ///< it was set back a little
    kRunsOn,    ///< it was set back by much: people should look
    kHolds,     ///< it jumped far ahead: people should look
  };

  /// `log` is the time of the last commit; none: the log is empty, and any clock is believed.
  PartitionClock(const Settings& settings, std::optional<WallTime> log, Now now);

  /// The partition's time; never less than before.
  WallTime read(Now now);
  /// A jump ahead is held no longer.
  void accept() { is_accepted_ = state_ == State::kHolds; }

  State state() const { return state_; }
  /// How far the wall clock is ahead of the partition's time, as of the last read.
  Duration ahead() const { return ahead_; }
  /// When a held jump will be followed.
  std::optional<Time> held_until() const;
  /// Steps of the wall clock that were followed at once, ever.
  std::uint64_t steps() const { return steps_; }

 private:
  WallTime free_running(Time mono) const;
  void run_from(WallTime time, Time mono) {
    base_ = time;
    base_mono_ = mono;
  }
  void follow(Now now);
  void fall_behind(WallTime time, Now now);
  void hold(Now now);

  const Settings settings_;
  State state_ = State::kFollows;
  WallTime base_{};          ///< the partition's time when the monotonic clock showed base_mono_
  Time base_mono_{};
  WallTime last_{};
  Duration ahead_{};
  Time held_since_{};
  Duration held_for_{};
  Duration held_step_{};     ///< how far the jump went
  bool is_accepted_ = false;
  std::uint64_t steps_ = 0;
};

}  // namespace takt::core
