// What the front of the log still owes: the rest may be freed.

#include <algorithm>

#include "broker/core/partition_body.h"

namespace takt::core {
namespace {

struct Span {
  std::uint64_t from, until;
};

/// The first offset of `run` that `keep` still holds on to; the run's end when none. What was appended earlier passes earlier.
std::uint64_t first_kept(const Topic& topic, const TopicLane& lane, const Partition::FrontRun& run, WallTime now) {
  const std::uint64_t from = run.first_offset.value;
  const std::uint64_t until = from + run.count;
  if (topic.settings.keep_ms != 0 && run.time + std::chrono::milliseconds(topic.settings.keep_ms) > now) return from;
  if (topic.settings.keep_bytes == 0) return until;
  const std::uint64_t kept = topic.settings.keep_bytes / topic.mean_bytes();
  return std::clamp(lane.next.value - std::min(kept, lane.next.value), from, until);
}

/// Offsets of [from, until) that some group has not done, or keeps as dead; or all, when there is no group to finish them.
std::vector<Span> owed_spans(const Topic& topic, Lane lane, std::uint64_t from, std::uint64_t until) {
  if (topic.groups.empty()) return {{std::max(from, topic.lanes.find(lane)->horizon.value), until}};
  std::vector<Span> spans;
  for (const auto& [id, group] : topic.groups) {
    const GroupLane* owed = group.lanes.find(lane);
    if (owed == nullptr) continue;
    for (Offset at = owed->done.next_open(Offset(from)); at.value < until;) {
      const std::uint64_t n = owed->done.open_run(at, until - at.value);
      spans.push_back({at.value, at.value + n});
      at = owed->done.next_open(at.plus(n));
    }
    for (auto dead = owed->dead.lower_bound(Offset(from)); dead != owed->dead.end() && dead->first.value < until; ++dead)
      spans.push_back({dead->first.value, dead->first.value + 1});
  }
  return spans;
}

}  // namespace

std::vector<Partition::LiveStretch> Partition::Body::live(std::span<const FrontRun> runs, Now now) {
  std::vector<LiveStretch> live;
  std::map<std::pair<TopicId, Lane>, std::uint64_t> expired;   // up to where `keep` has passed
  for (const FrontRun& run : runs) {
    const Topic* topic = journal_.state().find_topic(run.topic);
    if (topic == nullptr) continue;
    const TopicLane& lane = *topic->lanes.find(run.lane);
    const std::uint64_t from = run.first_offset.value;
    const std::uint64_t until = from + run.count;
    std::vector<Span> spans = owed_spans(*topic, run.lane, from, until);
    const std::uint64_t kept = first_kept(*topic, lane, run, now.wall);
    if (const std::uint64_t kept_from = std::max(kept, lane.horizon.value); kept_from < until) spans.push_back({kept_from, until});
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.from < b.from; });
    std::uint64_t end = from;
    for (const Span& span : spans) {
      const std::uint64_t begin = std::max(span.from, end);
      if (begin >= span.until) continue;
      const bool joins = !live.empty() && end == begin && begin > from && live.back().topic == run.topic && live.back().lane == run.lane;
      if (joins)
        live.back().count += static_cast<std::uint32_t>(span.until - begin);
      else
        live.push_back(
            {run.topic, run.lane, Offset(begin), run.first_position.plus(begin - from), static_cast<std::uint32_t>(span.until - begin)});
      end = span.until;
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

}  // namespace takt::core
