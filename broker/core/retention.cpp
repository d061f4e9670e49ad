// What the front of the log still owes: the rest may be freed.

#include <algorithm>

#include "broker/core/cold_rows.h"
#include "broker/core/partition_body.h"

namespace takt::core {
namespace {

Offset first_of_kept_bytes(const Topic& topic, const TopicLane& lane) {
  const std::uint64_t kept = topic.settings.keep_bytes / topic.mean_bytes();
  return Offset(lane.next.value - std::min(kept, lane.next.value));
}

/// The first offset of `run` that `keep` still holds on to; the run's end when none. What was appended earlier passes earlier.
std::uint64_t first_kept(const Topic& topic, const TopicLane& lane, const Partition::FrontRun& run, WallTime now) {
  const std::uint64_t from = run.first_offset.value;
  const std::uint64_t until = from + run.count;
  if (topic.settings.keep_ms != 0 && run.time + keep_of(topic.settings) > now) return from;
  if (topic.settings.keep_bytes == 0) return until;
  return std::clamp(first_of_kept_bytes(topic, lane).value, from, until);
}

}  // namespace

std::vector<Partition::LiveStretch> Partition::Body::live(std::span<const FrontRun> runs, Now now) {
  std::vector<LiveStretch> live;
  std::map<std::pair<TopicId, Lane>, std::uint64_t> expired;   // up to where `keep` has passed
  for (const FrontRun& run : runs) {
    const Topic* topic = journal_.state().find_topic(run.topic);
    if (topic == nullptr) continue;
    if (run.lane == staged_lane) {   // whose messages are owed only the tables know
      live.push_back({run.topic, run.lane, run.first_offset, run.first_position, run.count});
      continue;
    }
    const TopicLane& lane = *topic->lanes.find(run.lane);
    const std::uint64_t from = run.first_offset.value;
    const std::uint64_t until = from + run.count;
    std::vector<OffsetRun> spans = topic->owed(run.lane, Offset(from), Offset(until));
    const std::uint64_t kept = first_kept(*topic, lane, run, now.wall);
    if (const std::uint64_t kept_from = std::max(kept, lane.horizon.value); kept_from < until)
      spans.push_back({Offset(kept_from), until - kept_from});
    std::ranges::sort(spans, {}, &OffsetRun::first);
    std::uint64_t end = from;
    for (const OffsetRun& span : spans) {
      const std::uint64_t begin = std::max(span.first.value, end);
      const std::uint64_t stop = span.end().value;
      if (begin >= stop) continue;
      const bool joins = !live.empty() && end == begin && begin > from && live.back().topic == run.topic && live.back().lane == run.lane;
      if (joins)
        live.back().count += static_cast<std::uint32_t>(stop - begin);
      else
        live.push_back(
            {run.topic, run.lane, Offset(begin), run.first_position.plus(begin - from), static_cast<std::uint32_t>(stop - begin)});
      end = stop;
    }
    if (keeps(topic->settings) && !topic->groups.empty() && kept > from) {   // some of it has passed, and all before it
      std::uint64_t& until_here = expired[{run.topic, run.lane}];
      until_here = std::max(until_here, kept);
    }
  }
  for (const auto& [place, until] : expired)
    if (journal_.state().find_topic(place.first)->lanes.find(place.second)->horizon.value < until)
      journal_.stage(Retain{place.first, place.second, Offset(until)}, now.wall);
  return live;
}

/// Messages that fired have their places all over the log, so its front does not tell when they came into their lanes.
void Partition::Body::retain_fired() {
  const WallTime now = partition_time(now_);
  std::vector<Retain> passed;
  for (const auto& [id, topic] : journal_.state().topics()) {
    if (!keeps(topic.settings) || topic.groups.empty()) continue;
    topic.lanes.each([&](Lane lane, const TopicLane& here) {
      if (!here.is_fired_into) return;
      Offset until = topic.settings.keep_ms == 0 ? here.next : here.horizon;
      for (const Entered& entered : here.entered)
        if (entered.time + keep_of(topic.settings) <= now) until = entered.end;
      if (topic.settings.keep_bytes != 0) until = std::min(until, first_of_kept_bytes(topic, here));
      if (until > here.horizon) passed.push_back({id, lane, until});
    });
  }
  for (const Retain& retain : passed) journal_.stage(retain, now);
}

}  // namespace takt::core
