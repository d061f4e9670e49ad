#include "broker/core/steered.h"

#include <utility>

#include "proto/planted_bug.h"

namespace takt::core {

using scheduler::TimerId;
using scheduler::TimerKey;

void Steered::rearm(Position position, const TimerKey& timer) {
  forget(position);
  rearmed_[position] = timer;
  by_timer_[static_cast<std::uint64_t>(timer.id)] = position;
  changed_.insert(position);
}

void Steered::cancel(Position position) {
  forget(position);
  cancelled_.add(position.value);
  if (cancelled_.size() > cancelled_max) cancelled_.remove(cancelled_.lowest());
}

Position Steered::fired(TimerId timer) {
  const auto it = by_timer_.find(static_cast<std::uint64_t>(timer));
  if (it == by_timer_.end()) return Position(static_cast<std::uint64_t>(timer));
  const Position position = it->second;
  forget(position);
  return position;
}

void Steered::forget(Position position) {
  const auto it = rearmed_.find(position);
  if (it == rearmed_.end()) return;
  changed_.insert(position);
  by_timer_.erase(static_cast<std::uint64_t>(it->second.id));
  rearmed_.erase(it);
}

const TimerKey* Steered::find(Position position) const {
  const auto it = rearmed_.find(position);
  return it == rearmed_.end() ? nullptr : &it->second;
}

TimerId Steered::timer_of(Position position) const {
  const TimerKey* const timer = find(position);
  return timer == nullptr ? TimerId(position.value) : timer->id;
}

void Steered::append_to(ByteWriter& out) const {
  out.varint(rearmed_.size());
  for (const auto& [position, timer] : rearmed_)
    out.id(position).signed_varint(timer.due.time_since_epoch().count()).varint(static_cast<std::uint64_t>(timer.id));
  out.varint(cancelled_.size());
}

void Steered::take_changes(Checkpoint& out) {
  for (const Position position : std::exchange(changed_, {})) {
    if (planted(PlantedBug::kRearmForgotten)) continue;
    std::optional<std::string> value;
    if (const TimerKey* timer = find(position))
      value = ByteWriter().signed_varint(timer->due.time_since_epoch().count()).varint(static_cast<std::uint64_t>(timer->id)).take();
    out.changed.push_back({Table::kRearmed, ByteWriter().key(position).take(), std::move(value)});
  }
  for (scheduler::IdSet::Row& row : cancelled_.take_changes())
    out.changed.push_back({Table::kCancelled, ByteWriter().key(row.index).take(), std::move(row.value)});
}

Result<void, Corruption> Steered::load_rearmed(std::string_view key, std::string_view value) {
  ByteReader k(key);
  ByteReader in(value);
  const auto position = k.key_id<Position>();
  TimerKey timer;
  timer.due = WallTime(std::chrono::milliseconds(in.signed_varint()));
  timer.id = TimerId(in.varint());
  const bool is_sound = timer.due >= scheduler::Instant{} && timer.due <= scheduler::instant_max &&
                        by_timer_.emplace(static_cast<std::uint64_t>(timer.id), position).second;
  if (!k.finished() || !in.finished() || !is_sound) return failed(Corruption{"a row of a message that was rescheduled is malformed"});
  rearmed_[position] = timer;
  return {};
}

Result<void, Corruption> Steered::load_cancelled(std::string_view key, std::string_view value) {
  ByteReader k(key);
  const auto index = k.key<std::uint64_t>();
  if (!k.finished() || !cancelled_.load(index, value)) return failed(Corruption{"a row of the cancelled messages is malformed"});
  return {};
}

std::optional<std::string> Steered::broken_invariant(const scheduler::TimerWheel& wheel) const {
  if (rearmed_.size() != by_timer_.size()) return "a message that was rescheduled has two timers";
  for (const auto& [position, timer] : rearmed_)
    if (!wheel.is_armed(timer.id) || wheel.is_armed(TimerId(position.value)) || cancelled_.contains(position.value))
      return "position " + std::to_string(position.value) + " was rescheduled and does not wait for that";
  return std::nullopt;
}

}  // namespace takt::core
