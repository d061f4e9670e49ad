// Acks and failures: how leases end.

#include <algorithm>

#include "broker/core/dispatcher.h"
#include "broker/core/retry_policy.h"
#include "proto/check.h"
#include "proto/planted_bug.h"

namespace takt::core {

void Dispatcher::close_offsets(LeaseRange& range, std::uint32_t count) {
  Subscription& holder = *range.holder;
  const std::uint64_t bytes = range.open == count ? range.bytes : std::min(range.bytes, range.bytes / range.open * count);
  range.open -= count;
  range.bytes -= bytes;
  if (!planted(PlantedBug::kCreditNotReturned)) holder.out_messages -= count;
  holder.out_bytes -= bytes;
  holder.session->leased -= count;
  holder.has_suspect = holder.has_suspect && !range.is_suspect;
  leased_ -= count;
  room_made_ = true;
  queue_for_credit(holder);
}

proto::Acked Dispatcher::ack(Subscription& subscription, const std::vector<proto::AckEntry>& entries) {
  proto::Acked answer{subscription.id, {}, {}};
  GroupWork& work = *subscription.work;
  for (const proto::AckEntry& entry : entries) {
    LeaseRange* range = subscription.session->slots.find(entry.slot, entry.token);
    if (range == nullptr || range->holder != &subscription) {
      answer.stale.push_back(entry);
      for (const proto::IndexRun& run : entry.runs) work.counters.stale += run.count;
      continue;
    }
    proto::AckEntry done{entry.slot, entry.token, {}};
    proto::AckEntry stale{entry.slot, entry.token, {}};
    for (const proto::IndexRun& run : entry.runs) {
      const std::uint64_t end = std::uint64_t{run.first} + run.count;
      const auto within = static_cast<std::uint32_t>(std::min<std::uint64_t>(end, range->count));
      std::uint32_t at = run.first;
      while (at < within) {
        const std::uint32_t open = std::min(range->remaining.next(at), within);
        if (open > at) stale.runs.push_back({at, open - at});
        if (open == within) break;
        const std::uint32_t stop = std::min(range->remaining.next_clear(open), within);
        range->remaining.clear(open, stop - open);
        range->lane->stage_done(range->first.plus(open), stop - open);
        close_offsets(*range, stop - open);
        done.runs.push_back({open, stop - open});
        work.counters.acked += stop - open;
        at = stop;
      }
      if (end > range->count)
        stale.runs.push_back({std::max(run.first, range->count), static_cast<std::uint32_t>(end - std::max(run.first, range->count))});
    }
    if (range->open == 0) subscription.session->slots.remove(entry.slot);
    for (const proto::IndexRun& run : stale.runs) work.counters.stale += run.count;
    if (!done.runs.empty()) answer.done.push_back(std::move(done));
    if (!stale.runs.empty()) answer.stale.push_back(std::move(stale));
  }
  if (!answer.done.empty()) mark_dirty(work);
  return answer;
}

bool Dispatcher::holds(Subscription& subscription, Slot slot, LeaseToken token, const std::vector<proto::IndexRun>& runs) {
  const LeaseRange* range = subscription.session->slots.find(slot, token);
  if (range == nullptr || range->holder != &subscription) return false;
  SlabBits open = range->remaining;
  for (const proto::IndexRun& run : runs) {
    const std::uint64_t end = std::uint64_t{run.first} + run.count;
    if (end > range->count || open.next_clear(run.first) < end) return false;
    open.clear(run.first, run.count);
  }
  return true;
}

std::optional<proto::Failed> Dispatcher::fail(Subscription& subscription, const proto::Fail& fail, Now now) {
  LeaseRange* range = subscription.session->slots.find(fail.slot, fail.token);
  if (range == nullptr || range->holder != &subscription || fail.index >= range->count || !range->remaining.test(fail.index)) {
    ++subscription.work->counters.stale;
    return std::nullopt;
  }
  const Offset offset = range->first.plus(fail.index);
  LaneWork& lane = *range->lane;
  std::optional<std::chrono::milliseconds> delay;
  if (fail.delay_ms) delay = std::chrono::milliseconds(*fail.delay_ms);
  const Ending ending{failure_application_base + fail.code, kept_text(fail.text), kept_worker(subscription.session->name)};
  proto::Failed answer{subscription.id, range->attempt - 1, false};
  range->remaining.clear(fail.index, 1);
  switch (fail.outcome) {
    case proto::FailOutcome::kRelease:
      if (!delay) delay.emplace(0);
      postpone(*range, offset, range->attempt - 1, ending, *delay, now);
      if (delay->count() == 0) ++subscription.work->counters.returned_released;
      break;
    case proto::FailOutcome::kRetry:
      fail_offset(*range, offset, ending, delay, fail.policy, now);
      answer.attempts = range->attempt;
      answer.dead = !owed_of(lane).owes(offset);
      break;
    case proto::FailOutcome::kDead:
      bury(*range, offset, ending, proto::DeadReason::kRejected, now);
      answer.attempts = range->attempt;
      answer.dead = true;
      break;
  }
  close_offsets(*range, 1);
  if (range->open == 0) subscription.session->slots.remove(fail.slot);
  wake(*subscription.work);
  return answer;
}

/// `delay`: none, as the message says, or else its group.
void Dispatcher::fail_offset(LeaseRange& range, Offset offset, const Ending& ending, std::optional<std::chrono::milliseconds> delay,
                             const proto::MessagePolicy& policy, Now now) {
  GroupWork& work = *range.lane->work;
  const proto::GroupSettings& settings = group_of(work).settings;
  const auto& retries = owed_of(*range.lane).retries;
  const auto before = retries.find(offset);
  const std::uint32_t failures = 1 + (before == retries.end() ? 0 : before->second.failed());   // with this one
  if (failures >= policy.attempts_max.value_or(settings.attempts_max))
    return bury(range, offset, ending, proto::DeadReason::kAttempts, now);
  const proto::RetryPolicy& retry = policy.retry ? *policy.retry : settings.retry;
  if (!delay) delay = retry_delay(retry, failures, range.token.value + (offset.value - range.first.value));
  const std::chrono::milliseconds give_up(retry.give_up_ms);
  const WallTime since = failures > 1 ? before->second.since : partition_time(now);
  if (give_up.count() != 0 && partition_time(now) + *delay >= since + give_up)
    return bury(range, offset, ending, proto::DeadReason::kGivenUp, now);
  postpone(range, offset, range.attempt, ending, *delay, now);
  ++work.counters.retried;
}

/// Its worker died with it: that is no failure of the message, unless it happens again and again, the last time with nothing else
/// to blame. A connection that broke and was resumed is one death, however often it breaks.
void Dispatcher::lose_offset(LeaseRange& range, Offset offset, const Ending& ending, Now now) {
  GroupWork& work = *range.lane->work;
  const std::uint32_t deaths_max = group_of(work).settings.retry.deaths_max;
  const auto& retries = owed_of(*range.lane).retries;
  const auto before = retries.find(offset);
  const std::uint32_t deaths = (range.is_death_counted ? 0 : 1) + (before == retries.end() ? 0 : before->second.deaths_in_row);
  if (deaths_max != 0 && deaths >= deaths_max && (range.is_suspect || deaths_max == 1))
    return bury(range, offset, ending, proto::DeadReason::kPoison, now);
  postpone(range, offset, range.is_death_counted ? range.attempt - 1 : range.attempt, ending, std::chrono::milliseconds(0), now);
  ++work.counters.retried;
}

/// Owed again at its due, which survives a restart. `attempts` are the failures counted until now.
void Dispatcher::postpone(LeaseRange& range, Offset offset, std::uint32_t attempts, const Ending& ending, std::chrono::milliseconds delay,
                          Now now) {
  LaneWork& lane = *range.lane;
  GroupWork& work = *lane.work;
  const WallTime due = delay.count() > 0 ? partition_time(now) + delay : journal_.time(now.wall);
  const LeaseToken lease = range.token.plus(offset.value - range.first.value);
  journal_.stage(Retry{work.topic, work.group, lane.lane, offset, attempts, due, lease, ending.code, ending.text, ending.worker}, now.wall);
  if (delay.count() > 0) {
    park(lane, offset, due, now);
  } else {
    give_back(lane, {offset, 1});
  }
}

void Dispatcher::bury(LeaseRange& range, Offset offset, const Ending& ending, proto::DeadReason reason, Now now) {
  LaneWork& lane = *range.lane;
  GroupWork& work = *lane.work;
  journal_.stage(Dead{work.topic, work.group, lane.lane, offset, range.attempt, ending.code, ending.text, ending.worker, reason}, now.wall);
  ++work.counters.dead_lettered[static_cast<std::size_t>(reason) - 1];
  lane.forget(offset);
}

/// Of one slab. One with which workers died in a row is lent alone: when the next one dies as well, only that one is to blame.
void Dispatcher::give_back(LaneWork& lane, OffsetRun run) {
  const auto& retries = owed_of(lane).retries;
  const std::uint32_t deaths_max = group_of(*lane.work).settings.retry.deaths_max;
  Offset at = run.first;
  for (auto retry = retries.lower_bound(run.first); deaths_max != 0 && retry != retries.end() && retry->first < run.end(); ++retry) {
    if (retry->second.deaths_in_row == 0 || retry->second.deaths_in_row + 1 < deaths_max) continue;
    if (at < retry->first) lane.give_back(at, static_cast<std::uint32_t>(retry->first.value - at.value));
    lane.suspect(retry->first);
    at = retry->first.plus(1);
  }
  if (at < run.end()) lane.give_back(at, static_cast<std::uint32_t>(run.end().value - at.value));
}

void Dispatcher::park(LaneWork& lane, Offset offset, WallTime due, Now now) {
  lane.forget(offset);
  lane.parked.insert(offset);
  const GroupWork& work = *lane.work;
  timers_.set({TimerKey::Kind::kRetry, work.topic.value, work.group.value, lane.lane.value, offset.value},
              now.mono + std::max<Duration>(due - partition_time(now), Duration::zero()));
}

/// A retry's wait is over. The log is told before the message is handed out: after a restart under a clock that was set back,
/// it would be taken for one that waits, while a worker has it.
void Dispatcher::unpark(LaneWork& lane, Offset offset, Now now) {
  GroupWork& work = *lane.work;
  lane.parked.erase(offset);
  give_back(lane, {offset, 1});
  ++work.counters.returned_retry;
  const auto& retries = owed_of(lane).retries;
  if (const auto retry = retries.find(offset); retry != retries.end() && !planted(PlantedBug::kWaitEndUntold)) {
    const RetryState& waited = retry->second;
    journal_.stage(
        Retry{work.topic, work.group, lane.lane, offset, waited.attempts, journal_.time(now.wall), waited.lease, waited.code, {}, {}},
        now.wall);
  }
  wake(work);
}

/// The worker gives the rest of the range back: no attempt is counted.
void Dispatcher::release(Slot slot, LeaseRange& range) {
  GroupWork& work = *range.lane->work;
  for (std::uint32_t at = range.remaining.next(0); at < range.count; at = range.remaining.next(at)) {
    const std::uint32_t stop = std::min(range.remaining.next_clear(at), range.count);
    give_back(*range.lane, {range.first.plus(at), stop - at});
    work.counters.returned_released += stop - at;
    at = stop;
  }
  close_offsets(range, range.open);
  range.holder->session->slots.remove(slot);
  wake(work);
}

void Dispatcher::withdraw(TopicId topic, GroupId group, Lane lane, Offset offset, Now now) {
  const GroupLane* const owed = journal_.state().find_topic(topic)->groups.at(group).lanes.find(lane);
  if (owed == nullptr || !owed->owes(offset)) return;
  const auto work = works_.find({topic, group});
  LaneWork* const here = work == works_.end() ? nullptr : work->second->lanes.find(lane);
  if (here != nullptr) {
    if (here->is_staged(offset)) return;   // acked
    revoke(*here, offset);
    here->forget(offset);
    if (here->parked.erase(offset) > 0) timers_.cancel({TimerKey::Kind::kRetry, topic.value, group.value, lane.value, offset.value});
    ++work->second->counters.settled;
    wake(*work->second);
  }
  journal_.stage(Done{topic, group, lane, {{offset, 1}}, std::nullopt}, now.wall);
}

void Dispatcher::revoke(LaneWork& lane, Offset offset) {
  if (!lane.is_leased(offset)) return;
  for (const auto& [id, session] : sessions_) {
    session->slots.each([&](Slot slot, LeaseRange& range) {
      if (range.lane != &lane || offset < range.first || offset >= range.first.plus(range.count)) return;
      const auto index = static_cast<std::uint32_t>(offset.value - range.first.value);
      if (!range.remaining.test(index)) return;
      range.remaining.clear(index, 1);
      close_offsets(range, 1);
      if (range.open == 0) session->slots.remove(slot);
    });
  }
}

/// The worker is gone with the rest of the range: an attempt is counted for each.
void Dispatcher::lose(Slot slot, LeaseRange& range, Now now) {
  GroupWork& work = *range.lane->work;
  const Ending ending{failure_worker_lost, {}, kept_worker(range.holder->session->name)};
  for (std::uint32_t at = range.remaining.next(0); at < range.count; at = range.remaining.next(at + 1)) {
    lose_offset(range, range.first.plus(at), ending, now);
    ++work.counters.returned_lost;
  }
  close_offsets(range, range.open);
  range.holder->session->slots.remove(slot);
  wake(work);
}

}  // namespace takt::core
