// What comes due: the leader's turn of the wheel.

#include "broker/core/partition_body.h"
#include "broker/core/staged_for.h"
#include "proto/planted_bug.h"

namespace takt::core {
namespace {

constexpr std::size_t timers_per_event = 8192;
constexpr std::chrono::milliseconds ahead_max = std::chrono::hours(24);   // what comes later is no number of nanoseconds
constexpr int events_per_turn = 4;   // the rest with the next turn: other traffic keeps its share

}  // namespace

void Partition::Body::turn_wheel(Now now) {
  scheduler::TimerWheel& wheel = journal_.state().wheel();
  wheel.turn_to(partition_time(now));
  if (staged_bytes() >= commit_bytes_target) return load_timers();   // as much as the disk takes
  // What fires is due by its commit's time. One commit may be closed for that; behind it the open one goes first.
  if (const auto next = wheel.next(); next && *next <= partition_time(now) && *next > journal_.time(now.wall) && closed_.empty())
    close_commit(now);
  const WallTime instant = journal_.time(now.wall) + (planted(PlantedBug::kFiredEarly) ? std::chrono::seconds(1) : std::chrono::seconds(0));
  for (int i = 0; i < events_per_turn; ++i) {
    scheduler::TimerWheel::Due due = wheel.take_due(instant, timers_per_event);
    if (due.timers.empty()) break;
    for (const scheduler::Timer& timer : due.timers) {
      if (const auto schedule = schedule_of(timer.tag)) {
        schedule_turns_.set(*schedule, now.mono);
        continue;
      }
      const StagedFor place = StagedFor::of(timer.tag);
      fired_lanes_.insert({place.topic, place.lane});
      count_fired(place.topic, timer.key.due);
    }
    journal_.stage(Fire{due.up_to, std::move(due.timers)}, now.wall);
    if (journal_.bytes() >= commit_bytes_target) close_commit(now);
  }
  load_timers();
}

void Partition::Body::load_timers() {
  while (const auto range = journal_.state().wheel().next_load()) outbox_.send_now(LoadTimers{*range});
}

void Partition::Body::count_fired(TopicId topic, WallTime due) {
  if (journal_.state().find_topic(topic) != nullptr) ++counters_[topic].fired;
  note_fired(due);
}

void Partition::Body::note_fired(WallTime due) {
  if (fired_dues_.empty() || fired_dues_.back().due != due) fired_dues_.push_back({due, 0, {}});
  ++fired_dues_.back().count;
}

std::optional<Time> Partition::Body::next_firing() const {
  const auto next = journal_.state().wheel().next();
  if (!next) return std::nullopt;
  const WallTime instant = partition_time(now_);
  if (*next > instant) return now_.mono + std::min<std::chrono::milliseconds>(*next - instant, ahead_max);
  if (staged_bytes() >= commit_bytes_target) return std::nullopt;   // a seal comes first
  if (*next > journal_.time(now_.wall)) return std::nullopt;   // the open commit is sealed first, and that will be heard of
  return now_.mono;
}

/// What is due among them fires with the next tick.
void Partition::Body::on(TimersLoaded&& loaded, Now) {
  scheduler::TimerWheel& wheel = journal_.state().wheel();
  if (loaded.damage && wheel.awaits(loaded.range))
    damage_ = std::move(*loaded.damage);
  else if (!wheel.loaded(loaded.range, loaded.chunks))
    damage_ = Corruption{"timers of the wheel are malformed"};
  else
    load_timers();
}

}  // namespace takt::core
