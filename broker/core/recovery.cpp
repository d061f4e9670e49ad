// Who held what before a restart: the zone that may be out with workers, the grace it waits, and Resume.

#include <algorithm>

#include "broker/core/dispatcher.h"
#include "proto/limits.h"
#include "proto/planted_bug.h"

namespace takt::core {
namespace {

constexpr std::size_t granted_max = limits::entries_max / 2;   // in one Resumed, whose lost ranges share its bound

bool is_held(const GroupLane& owed, Offset offset) { return !planted(PlantedBug::kHeldGraceSkipped) && owed.is_held(offset); }

/// Nobody has it and nothing keeps it back.
bool is_idle(const LaneWork& lane, Offset offset) {
  if (planted(PlantedBug::kLeaseGivenTwice) && lane.is_leased(offset)) return true;
  return !lane.is_leased(offset) && !lane.is_staged(offset) && !lane.is_free(offset) && !lane.parked.contains(offset);
}

/// Whether the message has left this lease behind: a later one has ended too, or this one was ended by its worker, or in a term that
/// may have lent the message again. One that ended with its session in the running term lives on while nobody else has the message.
bool has_lost(const GroupLane& owed, Offset offset, LeaseToken token, LeaseToken now) {
  if (planted(PlantedBug::kOlderLeaseResumed)) return false;
  if (const auto dead = owed.dead.find(offset); dead != owed.dead.end() && token < dead->second.leases_from) return true;
  const auto it = owed.retries.find(offset);
  if (it == owed.retries.end() || token > it->second.lease) return false;
  return token != it->second.lease || epoch_of(token) != epoch_of(now) || it->second.code != failure_worker_lost;
}

}  // namespace

void Dispatcher::start(Now now) {
  started_ = now.mono;
  term_time_ = partition_time(now);
  reclaimed_at_start_ = journal_.state().reclaimed();
  for (auto& [id, topic] : journal_.state().topics()) {
    topic.lanes.each([](Lane, TopicLane& lane) { lane.committed = lane.at_start = lane.next; });
  }
}

void Dispatcher::begin_lane(GroupWork& work, Lane lane, const TopicLane& topic_lane, Now now) {
  GroupLane& owed = *group_of(work).lanes.find(lane);
  const Offset floor = owed.done.floor();
  LaneWork& here = work.lanes.make(lane, work, lane, std::max(floor, std::min(owed.lent, topic_lane.at_start)));
  here.hinted = now.mono;
  // What was due when the term began stays so: the Epoch has that time, and is durable before anything is lent.
  for (const auto& [offset, retry] : owed.retries)
    if (retry.due > term_time_) park(here, offset, retry.due, now);
  const Time grace_end = started_ + settings_.recover_grace;
  const Time held_end = started_ + std::max(settings_.session_timeout, settings_.recover_grace);
  const bool is_certain = floor == here.uncertain_end && owed.redriven.empty();
  here.grace_over = is_certain || now.mono >= grace_end;
  here.held_over = is_certain || now.mono >= held_end;
  if (!here.grace_over) timers_.set({TimerKey::Kind::kGrace, work.topic.value, work.group.value}, grace_end);
  if (!here.held_over) timers_.set({TimerKey::Kind::kHeld, work.topic.value, work.group.value}, held_end);
  free_uncertain(here, owed, now);
}

/// Frees what nobody resumed in time. Somebody else may have it from then on, so the log is told that older leases are void.
void Dispatcher::free_uncertain(LaneWork& lane, GroupLane& owed, Now now) {
  if (!lane.grace_over) return;
  const State& state = journal_.state();
  std::uint64_t freed = 0;
  for (Offset at = owed.next_owed(Offset(0)); at < lane.uncertain_end;) {
    const Offset end = at.plus(owed.owed_run(at, lane.uncertain_end.value - at.value));
    while (at < end) {
      Offset stop = at;   // one slab's at a time
      while (stop < end && (stop == at || stop.value % slab_offsets != 0) && is_idle(lane, stop) &&
             (lane.held_over || !is_held(owed, stop)))
        stop = stop.plus(1);
      give_back(lane, {at, stop.value - at.value});
      freed += stop.value - at.value;
      at = stop == at ? at.plus(1) : stop;
    }
    at = owed.next_owed(at);
  }
  if (freed > 0 && state.reclaimed() != state.epoch() && !planted(PlantedBug::kReclaimUntold))
    journal_.stage(Reclaimed{state.epoch()}, now.wall);
}

/// Whether a lease is of another group that had this one's name, or of a term before one that may have given its messages to others.
/// What happened in the running term is known message by message.
bool Dispatcher::is_void(const Group& group, LeaseToken token) const {
  return token < std::max(group.leases_from, make_token(reclaimed_at_start_, 0));
}

proto::Resumed Dispatcher::resume(Subscription& subscription, const std::vector<proto::HeldRange>& held, Now now) {
  proto::Resumed answer{subscription.id, {}, {}};
  GroupWork& work = *subscription.work;
  const auto lose_until = [&](const proto::HeldRange& range, Offset from, Offset until) {
    if (from >= until) return;
    answer.lost.push_back(
        {range.lane, from, static_cast<std::uint32_t>(until.value - from.value), range.token.plus(from.value - range.first.value)});
  };
  for (const proto::HeldRange& range : held) {
    const Offset end = range.first.plus(range.count);
    LaneWork* lane = work.lanes.find(range.lane);
    if (lane == nullptr) {
      lose_until(range, range.first, end);
      continue;
    }
    GroupLane& owed = owed_of(*lane);
    const Offset reach = is_void(group_of(work), range.token) ? range.first : std::min(end, lane->fresh);
    const auto grantable = [&](Offset o) {
      if (planted(PlantedBug::kResumeOfGivenLease) && lane->is_leased(o)) return true;
      return !lane->is_leased(o) && !lane->is_staged(o) && !lane->parked.contains(o) &&
             !has_lost(owed, o, range.token.plus(o.value - range.first.value), next_token());
    };
    struct Again {
      std::uint32_t attempt = 1;
      bool is_death_counted = false;
      bool operator==(const Again&) const = default;
    };
    const auto again_of = [&](Offset o) {
      const auto retry = owed.retries.find(o);
      if (retry == owed.retries.end()) return Again{};
      return Again{retry->second.attempts + 1, retry->second.lease == range.token.plus(o.value - range.first.value)};
    };
    Offset lost_from = range.first;
    for (Offset at = owed.next_owed(range.first); at < reach;) {
      if (!grantable(at)) {
        at = owed.next_owed(at.plus(1));
        continue;
      }
      const Again again = again_of(at);
      const std::uint32_t room = lease_room(*subscription.session);
      if (room == 0 || answer.granted.size() == granted_max) break;
      Offset stop = at.plus(1);
      while (stop < reach && stop.value - at.value < room && stop.value % slab_offsets != 0 && owed.owes(stop) && grantable(stop) &&
             again_of(stop) == again)
        stop = stop.plus(1);
      lose_until(range, lost_from, at);
      const auto count = static_cast<std::uint32_t>(stop.value - at.value);
      const auto [slot, token] =
          give(subscription, *lane, {.first = at, .count = count, .attempt = again.attempt, .is_death_counted = again.is_death_counted},
               now.mono);
      answer.granted.push_back({{range.lane, at, count, range.token.plus(at.value - range.first.value)}, slot, token});
      lost_from = stop;
      at = owed.next_owed(stop);
    }
    lose_until(range, lost_from, end);
  }
  // What the log says this client held and the client does not name waits like the rest: the row may be older than a
  // later lease, and then another worker is on its way to claim the message.
  wake(work);
  return answer;
}

}  // namespace takt::core
