// What waits for its due: how the state takes it in, fires it, and writes it down.

#include <algorithm>
#include <utility>

#include "broker/core/bytes.h"
#include "broker/core/staged_for.h"
#include "broker/core/state.h"
#include "broker/core/timer_rows.h"
#include "proto/planted_bug.h"
#include "proto/record.h"
#include "proto/section.h"

namespace takt::core {

using scheduler::Timer;
using scheduler::TimerId;
using scheduler::TimerKey;

Result<void, Corruption> State::schedule(Topic& topic, const RunView& run, WallTime time) {
  const proto::SectionView messages(run.metadata, run.payload, run.count);
  TopicLane& lane = open_lane(topic, run.lane);
  const std::uint64_t tag = StagedFor{topic.id, run.lane}.tag();
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const auto record = proto::check_record(messages.metadata(i));
    if (!record || !record->is_scheduled())
      return failed(Corruption{"message " + std::to_string(i) + " of a scheduled run of topic '" + topic.name + "' has no due"});
    // What is due already comes next.
    wheel_.arm({{std::max(record->due(run.taken), wheel_.fired_to().due), TimerId(run.first_position.plus(i).value)}, tag});
  }
  lane.scheduled += run.count;
  if (!scheduled_.empty() && scheduled_.back().first.plus(scheduled_.back().count) == run.first_position)
    scheduled_.back().count += run.count;
  else
    scheduled_.push_back({run.first_position, run.count});
  lane.bytes += run.metadata.size() + run.payload.size();
  producers_.record(run.stamp, run.first_position, run.first_offset, time);
  return {};
}

Result<void, Corruption> State::on(const Fire& e, Position, WallTime time) {
  const auto wrong = [](const std::string& what) { return failed(Corruption{"a Fire event " + what}); };
  TimerKey last = wheel_.fired_to();
  for (const Timer& timer : e.timers) {
    if (timer.key <= last || !wheel_.is_armed(timer.key.id))
      return wrong("names position " + std::to_string(static_cast<std::uint64_t>(timer.key.id)) + ", which waits for nothing");
    last = timer.key;
  }
  if (e.up_to < last) return wrong("moves its watermark back");
  wheel_.fire(e.timers, e.up_to);
  for (const Timer& timer : e.timers) {
    if (schedule_of(timer.tag)) continue;   // what becomes of the occurrence a CronFire says
    const Position position = steered_.fired(timer.key.id);
    const StagedFor place = StagedFor::of(timer.tag);
    Topic* topic = find_topic(place.topic);
    TopicLane* lane = topic == nullptr || place.lane.value >= lane_count ? nullptr : topic->lanes.find(place.lane);
    if (lane == nullptr) continue;   // the topic was deleted meanwhile
    --lane->scheduled;
    lane->is_fired_into = true;
    enter(*topic, place.lane, position, 1);
    if (topic->settings.keep_ms != 0) lane->note_entered(time, keep_of(topic->settings));
  }
  return {};
}

Result<State::Waiting, Corruption> State::waiting(TopicId topic, Lane lane, Position position, WallTime due) {
  Topic* there = find_topic(topic);
  TopicLane* here = there == nullptr || lane.value >= lane_count ? nullptr : there->lanes.find(lane);
  const TimerKey timer{due, steered_.timer_of(position)};
  const TimerKey* const rearmed = steered_.find(position);
  if (here == nullptr || here->scheduled == 0 || !wheel_.is_armed(timer.id) || (rearmed != nullptr && *rearmed != timer))
    return failed(Corruption{"an event changes the due of position " + std::to_string(position.value) + ", which does not wait for it"});
  changed_topics_.insert(topic);
  return Waiting{here, timer};
}

Result<void, Corruption> State::on(const Cancel& e, Position, WallTime) {
  const auto at = waiting(e.topic, e.lane, e.position, e.due);
  if (!at) return failed(at.error());
  if (!planted(PlantedBug::kCancelledFires)) wheel_.disarm(at->timer);
  --at->lane->scheduled;
  ++at->lane->cancelled;
  steered_.cancel(e.position);
  cancelled_.push_back({e.topic, e.position});
  return {};
}

Result<void, Corruption> State::on(const Rearm& e, Position position, WallTime) {
  const auto at = waiting(e.topic, e.lane, e.position, e.due);
  if (!at) return failed(at.error());
  if (e.to < scheduler::Instant{} || e.to > scheduler::instant_max)
    return failed(Corruption{"a Rearm event names an instant that no timer has"});
  wheel_.disarm(at->timer);
  const TimerKey next{std::max(e.to, wheel_.fired_to().due), TimerId(position.value)};
  wheel_.arm({next, StagedFor{e.topic, e.lane}.tag()});
  steered_.rearm(e.position, next);
  return {};
}

/// What a new group begins with; and of what somebody has done, that which nobody else is owed.
void State::release(const Topic& topic, Lane lane, TopicLane& here, Checkpoint& out) {
  for (const OffsetRun& run : std::exchange(here.owed_again, {})) out.owed_again.push_back({topic.id, lane, run.first, run.count});
  std::vector<OffsetRun> settled = std::exchange(here.settled, {});
  std::ranges::sort(settled, {}, &OffsetRun::first);
  Offset done;   // so far they are looked at
  for (const OffsetRun& run : settled) {
    Offset at = std::max(run.first, done);
    if (at >= run.end()) continue;
    done = run.end();
    std::vector<OffsetRun> owed = topic.owed(lane, at, done);
    if (keeps(topic.settings) && here.horizon < done)
      owed.push_back({std::max(at, here.horizon), done.value - std::max(at, here.horizon).value});
    std::ranges::sort(owed, {}, &OffsetRun::first);
    owed.push_back({done, 1});
    for (const OffsetRun& kept : owed) {
      if (kept.first > at) out.released.push_back({topic.id, lane, at, kept.first.value - at.value});
      at = std::max(at, kept.end());
    }
  }
}

void State::freeze_wheel(Checkpoint& out) {
  out.scheduled = std::exchange(scheduled_, {});
  out.cancelled = std::exchange(cancelled_, {});
  scheduler::TimerWheel::Changes changes = wheel_.freeze();
  for (const auto& range : changes.erased)
    out.erased.push_back({Table::kTimers, timers_key(range.bucket, range.from), timers_key(range.bucket, range.until)});
  for (auto& chunk : changes.chunks)
    out.changed.push_back({Table::kTimers, timers_key(chunk.bucket, chunk.sequence), std::move(chunk.value)});
  for (auto& row : changes.buckets) out.changed.push_back({Table::kBuckets, bucket_key(row.bucket), std::move(row.value)});
  for (auto& row : changes.armed) out.changed.push_back({Table::kArmed, ByteWriter().key(row.index).take(), std::move(row.value)});
  out.changed.push_back({Table::kMeta, "wheel", std::move(changes.state)});
}

Result<void, Corruption> State::load_bucket(std::string_view key, std::string_view value) {
  const auto bucket = bucket_of(key);
  if (!bucket || !wheel_.load_bucket(*bucket, value)) return failed(Corruption{"a row of the wheel's buckets is malformed"});
  return {};
}

Result<void, Corruption> State::load_armed(std::string_view key, std::string_view value) {
  ByteReader in(key);
  const auto index = in.key<std::uint64_t>();
  if (!in.finished() || !wheel_.load_armed(index, value)) return failed(Corruption{"a row of the wheel's armed timers is malformed"});
  return {};
}

}  // namespace takt::core
