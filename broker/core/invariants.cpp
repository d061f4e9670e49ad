// What must hold in memory between any two calls, looked at apart from the paths that keep it so.

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "broker/core/partition_body.h"

namespace takt::core {
namespace {

using Broken = std::optional<std::string>;

std::string number(std::uint64_t n) { return std::to_string(n); }

/// `visit(first bit, count)` for each run of members, until it gives false.
template <class Visit>
void each_run(const SlabBits& bits, Visit&& visit) {
  for (std::uint32_t at = bits.next(0); at < SlabBits::end();) {
    const std::uint32_t stop = bits.next_clear(at);
    visit(at, stop - at);
    at = bits.next(stop);
  }
}

std::uint64_t owed_among(const GroupLane& owed, Offset first, const SlabBits& bits) {
  std::uint64_t n = 0;
  each_run(bits, [&](std::uint32_t at, std::uint32_t count) {
    for (std::uint32_t i = at; i < at + count; ++i) n += owed.owes(first.plus(i)) ? 1 : 0;
  });
  return n;
}

std::string name_of(const LaneWork& lane) { return "group " + number(lane.work->group.value) + " lane " + number(lane.lane.value) + ": "; }

}  // namespace

/// Offsets below the floor are done, and only what is not done can have failed.
std::optional<std::string> State::broken_invariant() const {
  Broken broken;
  for (const auto& [topic_id, topic] : topics_) {
    for (const auto& [group_id, group] : topic.groups) {
      group.lanes.each([&](Lane lane, const GroupLane& owed) {
        const TopicLane* here = topic.lanes.find(lane);
        const std::string name = "group " + number(group.id.value) + " lane " + number(lane.value) + ": ";
        if (here == nullptr) {
          broken = name + "it owes in a lane that its topic does not have";
          return;
        }
        if (owed.done.floor() > here->next) broken = name + "its floor is beyond the end of the lane";
        if (owed.done.floor().value + owed.done.count_above_floor() > here->next.value) broken = name + "more is done than there is";
        for (const auto& [offset, retry] : owed.retries)
          if (!owed.owes(offset) || offset >= here->next) broken = name + "a retry of offset " + number(offset.value) + ", not owed";
        for (const auto& [offset, dead] : owed.dead) {
          if (!owed.done.contains(offset)) broken = name + "offset " + number(offset.value) + " is dead and not done";
          if (dead.is_redriven() != owed.redriven.contains(offset))
            broken = name + "offset " + number(offset.value) + " is redriven by halves";
        }
        for (const Offset offset : owed.redriven)
          if (!owed.dead.contains(offset)) broken = name + "offset " + number(offset.value) + " is redriven and was not dead";
      });
    }
  }
  if (!broken) broken = steered_.broken_invariant(wheel_);
  return broken ? broken : schedules_.broken_invariant(wheel_);
}

/// The counts of a session and its subscriptions are those of its ranges.
std::optional<std::string> Dispatcher::broken_sum(const Session& session) const {
  std::unordered_map<const Subscription*, std::uint64_t> out;
  std::unordered_map<const Subscription*, std::uint64_t> lent;
  std::unordered_set<const Subscription*> with_suspect;
  std::uint64_t leased = 0;
  Broken broken;
  session.slots.each([&](const LeaseRange& range) {
    if (range.open == 0 || range.open != range.remaining.count()) broken = "a lease range counts what it does not have";
    out[range.holder] += range.open;
    if (range.is_suspect) with_suspect.insert(range.holder);
    lent[range.holder] += range.bytes > 0 ? range.open : 0;   // what was resumed takes none
    leased += range.open;
  });
  if (leased != session.leased) broken = "session " + number(session.id.value) + " counts leases that it does not have";
  for (const auto& [id, subscription] : session.subscriptions) {
    if (subscription->out_messages != out[subscription.get()]) broken = "subscription " + number(id.value) + " counts messages wrongly";
    if (subscription->has_suspect != with_suspect.contains(subscription.get()))
      broken = "subscription " + number(id.value) + " is wrong about having a suspect";
    if (subscription->has_suspect && lent[subscription.get()] > 1)
      broken = "subscription " + number(id.value) + " has more beside a suspect";
  }
  return broken;
}

/// `held` is what the sessions' ranges say of this lane: each offset at one of them (G2).
std::optional<std::string> Dispatcher::broken_lane(const LaneWork& lane, const std::map<Offset, SlabBits>& held) const {
  const GroupLane& owed = *journal_.state().find_topic(lane.work->topic)->groups.at(lane.work->group).lanes.find(lane.lane);
  Broken broken;
  std::uint64_t leased = 0;
  std::uint64_t free = 0;
  std::size_t slabs = 0;
  lane.each_slab([&](Offset first, const Slab& slab) {
    const auto of_sessions = held.find(first);
    if (slab.leased != (of_sessions == held.end() ? SlabBits{} : of_sessions->second))
      broken = "near offset " + number(first.value) + " the slab's leases are not the sessions'";
    slabs += of_sessions == held.end() ? 0 : 1;
    if (slab.leased.meets(slab.free) || slab.leased.meets(slab.staged) || slab.free.meets(slab.staged))
      broken = "near offset " + number(first.value) + " an offset is in two states";
    leased += slab.leased.count();
    free += slab.free.count();
    for (const SlabBits* bits : {&slab.leased, &slab.staged})
      each_run(*bits, [&](std::uint32_t at, std::uint32_t count) {
        for (std::uint32_t i = at; i < at + count; ++i)
          if (!owed.owes(first.plus(i))) broken = "near offset " + number(first.value) + " what is done is leased";
      });
  });
  if (slabs != held.size()) broken = "sessions hold what no slab knows";
  if (leased != lane.leased || free != lane.free) broken = "the counts of leased or free offsets are wrong";
  for (const Offset offset : lane.suspects)
    if (lane.is_leased(offset) || lane.is_staged(offset) || !owed.owes(offset) || !owed.retries.contains(offset))
      broken = "offset " + number(offset.value) + " is to be lent alone and is in another state as well";
  for (const Offset offset : lane.parked)
    if (lane.is_leased(offset) || lane.is_free(offset) || lane.is_staged(offset) || !owed.retries.contains(offset))
      broken = "offset " + number(offset.value) + " waits for its retry and is in another state as well";
  if (broken) return name_of(lane) + *broken;
  return broken_owing(lane);
}

/// Whatever is owed and was handed out before is leased, acked, back or waiting for its retry: nothing is forgotten.
std::optional<std::string> Dispatcher::broken_owing(const LaneWork& lane) const {
  const TopicId topic = lane.work->topic;
  const GroupLane& owed = *journal_.state().find_topic(topic)->groups.at(lane.work->group).lanes.find(lane.lane);
  std::uint64_t known = lane.leased + lane.parked.size() + lane.suspects.size();
  lane.each_slab([&](Offset first, const Slab& slab) {
    known += slab.staged.count();
    known += owed_among(owed, first, slab.free);
  });
  const std::uint64_t open = owed.owed_within(Offset(0), lane.fresh);
  const bool may_wait = !lane.grace_over || !lane.held_over || unreadable_.owed(topic, lane.lane, owed) > 0;
  if (known > open || (known < open && !may_wait))
    return name_of(lane) + "of what was handed out " + number(open) + " are owed and " + number(known) + " are accounted for";
  return std::nullopt;
}

std::optional<std::string> Dispatcher::broken_invariant() const {
  std::unordered_map<const LaneWork*, std::map<Offset, SlabBits>> held;
  std::uint64_t leased = 0;
  Broken broken;
  for (const auto& [id, session] : sessions_) {
    if (Broken sum = broken_sum(*session)) return sum;
    leased += session->leased;
    std::as_const(session->slots).each([&](const LeaseRange& range) {
      const std::uint64_t begin = range.first.value % slab_offsets;
      SlabBits& bits = held[range.lane][Offset(range.first.value - begin)];
      each_run(range.remaining, [&](std::uint32_t at, std::uint32_t count) {
        const auto bit = static_cast<std::uint32_t>(begin + at);
        if (bits.next(bit) < bit + count)
          broken = name_of(*range.lane) + "an offset near " + number(range.first.value) + " is leased twice";
        bits.set(bit, count);
      });
    });
  }
  if (broken) return broken;
  if (leased != leased_) return "the count of all leases is wrong";
  for (const auto& [key, work] : works_) {
    work->lanes.each([&](Lane, const LaneWork& lane) {
      if (!broken) broken = broken_lane(lane, held[&lane]);
    });
  }
  return broken;
}

std::optional<std::string> Partition::Body::broken_invariant() const {
  if (Broken broken = journal_.state().broken_invariant()) return broken;
  if (peeks_by_lane_.size() != peeks_.size() || peeks_by_session_.size() != peeks_.size()) return "a waiting peek is not in every index";
  return dispatcher_.broken_invariant();
}

}  // namespace takt::core
