#include "broker/core/partition_clock.h"

#include <algorithm>

namespace takt::core {

PartitionClock::PartitionClock(const Settings& settings, std::optional<WallTime> log, Now now) : settings_(settings), last_(now.wall) {
  run_from(now.wall, now.mono);
  if (!log) return;
  if (now.wall < *log) {
    fall_behind(last_ = *log, now);
  } else if (now.wall - *log > settings_.stopped_max) {
    run_from(last_ = *log, now.mono);
    hold(now);
    held_step_ = now.wall - *log;
  }
}

WallTime PartitionClock::free_running(Time mono) const {
  const Duration elapsed = mono - base_mono_;
  return base_ + std::chrono::floor<std::chrono::milliseconds>(state_ == State::kSlews ? elapsed / 2 : elapsed);
}

void PartitionClock::follow(Now now) {
  state_ = State::kFollows;
  is_accepted_ = false;
  run_from(std::max(now.wall, last_), now.mono);
}

void PartitionClock::fall_behind(WallTime time, Now now) {
  run_from(time, now.mono);
  state_ = time - now.wall <= settings_.slewed_max ? State::kSlews : State::kRunsOn;
}

void PartitionClock::hold(Now now) {
  state_ = State::kHolds;
  held_since_ = now.mono;
  held_for_ = settings_.held;
}

std::optional<Time> PartitionClock::held_until() const {
  return state_ == State::kHolds ? std::optional(held_since_ + held_for_) : std::nullopt;
}

WallTime PartitionClock::read(Now now) {
  const WallTime free = free_running(now.mono);
  const Duration step = now.wall - free;
  held_for_ = now.is_synchronised ? settings_.held_synchronised : settings_.held;
  const bool is_close = step <= settings_.unnoticed && step >= -settings_.unnoticed;
  if (is_close) {
    follow(now);
  } else if (step < Duration::zero()) {
    if (state_ != State::kRunsOn && !(state_ == State::kSlews && -step <= settings_.slewed_max)) fall_behind(free, now);
  } else if (step <= settings_.believed_max && state_ != State::kHolds) {
    ++steps_;
    follow(now);
  } else {
    // Another jump is judged anew.
    if (state_ != State::kHolds || step > held_step_ + settings_.believed_max) {
      run_from(free, now.mono);
      hold(now);
      held_for_ = now.is_synchronised ? settings_.held_synchronised : settings_.held;
      held_step_ = step;
    }
    if (is_accepted_ || now.mono - held_since_ >= held_for_) follow(now);
  }
  last_ = std::max(last_, free_running(now.mono));
  ahead_ = now.wall - last_;
  return last_;
}

}  // namespace takt::core
