// Dead messages, looked at and dealt with by people.

#include <algorithm>

#include "broker/core/partition_body.h"
#include "proto/check.h"

namespace takt::core {
namespace {

constexpr std::size_t looked_at_max = 10'000;          // by one request: a millisecond at most
constexpr std::size_t listed_bytes_max = 512 * 1024;   // of texts; a client asks again for the rest

std::uint64_t ms_of(WallTime time) { return static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0)); }

bool is_selected(const proto::DeadSelection& by, const DeadState& dead) {
  const std::uint64_t died = ms_of(dead.time);
  return !dead.is_redriven() && (!by.reason || *by.reason == dead.reason) && (!by.code || *by.code == dead.failures.list().back().code) &&
         (!by.from_ms || died >= *by.from_ms) && (!by.until_ms || died < *by.until_ms) && (!by.before || dead.position < *by.before);
}

/// Each once.
void sort_places(proto::DeadSelection& by) {
  std::ranges::sort(by.places);
  by.places.erase(std::unique(by.places.begin(), by.places.end()), by.places.end());
}

/// Calls `visit(Place, const DeadState&)` for the group's selected messages from `from` on until it gives false, or enough have
/// been looked at; gives the place to go on from. The selection's places must be sorted.
template <class Visit>
std::optional<proto::Place> each_selected(const Group& group, const proto::DeadSelection& by, proto::Place from, Visit&& visit) {
  if (!by.places.empty()) {
    for (auto place = std::ranges::lower_bound(by.places, from); place != by.places.end(); ++place) {
      const GroupLane* owed = group.lanes.find(place->lane);
      const auto dead = owed == nullptr ? std::map<Offset, DeadState>::const_iterator() : owed->dead.find(place->offset);
      if (owed == nullptr || dead == owed->dead.end() || !is_selected(by, dead->second)) continue;
      if (!visit(*place, dead->second)) return *place;
    }
    return std::nullopt;
  }
  std::size_t looked_at = 0;
  for (Lane lane = from.lane; lane.value < lane_count; lane = lane.plus(1)) {
    const GroupLane* owed = group.lanes.find(lane);
    if (owed == nullptr) continue;
    for (auto dead = owed->dead.lower_bound(lane == from.lane ? from.offset : Offset(0)); dead != owed->dead.end(); ++dead) {
      const proto::Place place{lane, dead->first};
      if (looked_at++ == looked_at_max) return place;
      if (is_selected(by, dead->second) && !visit(place, dead->second)) return place;
    }
  }
  return std::nullopt;
}

proto::DeadEntry entry_of(proto::Place place, const DeadState& dead) {
  proto::DeadEntry entry{place, dead.attempts, dead.reason, ms_of(dead.time), {}};
  for (const Failure& failure : dead.failures.list())
    entry.failures.push_back({ms_of(failure.time), failure.worker, failure.code, failure.text});
  return entry;
}

}  // namespace

void Partition::Body::decide(Session&, ClientRequest& request, proto::ListDead& list, Now) {
  const auto found = find_group(list.topic, list.group);
  if (!found) return refuse(request, found.error());
  sort_places(list.selection);
  proto::DeadListed answered;
  std::size_t bytes = 0;
  answered.next = each_selected(*found->group, list.selection, list.from, [&](proto::Place place, const DeadState& dead) {
    if (answered.entries.size() == list.entries_max || bytes >= listed_bytes_max) return false;
    for (const proto::FailureEntry& failure : answered.entries.emplace_back(entry_of(place, dead)).failures)
      bytes += failure.worker.size() + failure.text.size();
    return true;
  });
  answer(request, std::move(answered));
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::ChangeDead& change, Now now) {
  const auto found = find_group(change.topic, change.group);
  if (!found) return refuse(request, found.error());
  sort_places(change.selection);
  proto::DeadChanged answered{0, std::nullopt, journal_.next()};
  std::map<Lane, std::vector<OffsetRun>> chosen;
  answered.next = each_selected(*found->group, change.selection, change.from, [&](proto::Place place, const DeadState&) {
    if (answered.messages == change.messages_max) return false;
    ++answered.messages;
    chosen[place.lane].push_back({place.offset, 1});
    return true;
  });
  for (auto& [lane, offsets] : chosen) {
    if (change.action == proto::DeadAction::kRedrive) dispatcher_.redrive(found->topic->id, found->group->id, lane, joined(offsets), now);
    if (change.action == proto::DeadAction::kPurge) dispatcher_.purge(found->topic->id, found->group->id, lane, joined(offsets), now);
  }
  answer(request, std::move(answered));
}

void Dispatcher::redrive(TopicId topic, GroupId group, Lane lane, const std::vector<OffsetRun>& runs, Now now) {
  GroupWork& work = this->work(topic, group, now);
  LaneWork* here = work.lanes.find(lane);
  check(here != nullptr, "a lane with dead messages was lent from");
  journal_.stage(Redrive{topic, group, lane, runs, next_token()}, now.wall);
  for (const OffsetRun& run : runs) {
    work.counters.redriven += run.count;
    for (Offset at = run.first; at < run.end(); at = at.plus(1)) give_back(*here, {at, 1});
  }
  wake(work);
}

void Dispatcher::purge(TopicId topic, GroupId group, Lane lane, std::vector<OffsetRun> runs, Now now) {
  for (const OffsetRun& run : runs) work(topic, group, now).counters.purged += run.count;
  journal_.stage(DeadPurge{topic, group, lane, std::move(runs)}, now.wall);
}

}  // namespace takt::core
