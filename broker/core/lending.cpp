// How messages are handed out: which ones, to whom, how many.

#include <algorithm>

#include "broker/core/dispatcher.h"

namespace takt::core {
namespace {

constexpr std::uint64_t frame_bytes_target = 256 * 1024;   // a Deliver is closed here
constexpr std::size_t load_bytes = 1024 * 1024;            // asked from the reader at once

}  // namespace

void Dispatcher::serve(Time now) {
  if (journal_.state().epoch_position() >= outbox_.committed()) return;   // no lease before the term's Epoch is durable
  if (std::exchange(room_made_, false)) {
    // One after the other: who gets nothing any more keeps its place ahead of those that did.
    for (std::size_t n = at_bound_.size(); n > 0 && leased_ < settings_.in_flight_max; --n) {
      Subscription& next = *at_bound_.front();
      at_bound_.pop_front();
      next.waiting = false;
      queue_for_credit(next);
      serve_woken(now);
    }
  }
  serve_woken(now);
}

/// How many more messages the session may have, under its own bound and the broker's.
std::uint32_t Dispatcher::lease_room(const Session& session) const {
  const auto left = [](std::uint64_t bound, std::uint64_t used) { return bound - std::min(bound, used); };
  return static_cast<std::uint32_t>(
      std::min(left(settings_.in_flight_per_worker_max, session.leased), left(settings_.in_flight_max, leased_)));
}

/// Whether messages are at hand that only have to be read back, or to become durable, or lie behind the lent hint.
bool Dispatcher::may_be_served_soon(const GroupWork& work) const {
  const auto load = loading_.lower_bound({work.topic, Lane(0), Offset(0)});
  return work.starved || (load != loading_.end() && std::get<TopicId>(*load) == work.topic) ||
         journal_.state().epoch_position() >= outbox_.committed();
}

void Dispatcher::serve_woken(Time now) {
  while (!woken_.empty()) {
    GroupWork* work = woken_.front();
    woken_.pop_front();
    work->woken = false;
    serve(*work, now);
  }
}

void Dispatcher::serve(GroupWork& work, Time now) {
  work.starved = false;
  Topic& topic = *journal_.state().find_topic(work.topic);
  topic.lanes.each([&](Lane lane, TopicLane& topic_lane) {   // lanes that came after the group's first worker
    if (work.lanes.find(lane) == nullptr) begin_lane(work, lane, topic_lane, Now{now, journal_.state().time()});
  });
  std::vector<Subscription*> pulled;
  std::vector<Subscription*> passed_over;
  while (!work.ring.empty()) {
    Subscription& next = *work.ring.front();
    if (!next.has_credit()) {
      work.ring.pop_front();
      next.waiting = false;
      if (work.emptying == &next) work.emptying = nullptr;
      continue;
    }
    if (lease_room(*next.session) == 0) {
      work.ring.pop_front();
      at_bound_.push_back(&next);
      ++times_at_bound_;
      if (work.emptying == &next) work.emptying = nullptr;
      continue;
    }
    Grant granted;
    if (!has_to_wait(work, next)) {
      if (work.suspects() > 0 && next.out_messages == 0) granted = grant(next, 1, Among::kSuspects, now);
      std::uint64_t at_hand = work.free();
      work.lanes.each([&](Lane lane, const LaneWork& here) {
        const Offset end = topic.lanes.find(lane)->committed;
        if (end > here.fresh) at_hand += end.value - here.fresh.value;
      });
      if (granted.messages == 0 && at_hand > 0) {
        // An even share of what is there, so that one large credit does not take a small queue from the others.
        const std::uint64_t share = std::max<std::uint64_t>(1, at_hand / work.ring.size());
        granted = grant(next, static_cast<std::uint32_t>(std::min<std::uint64_t>(share, slab_offsets)), Among::kOrdinary, now);
      }
      if (granted.messages == 0 && !granted.too_large && work.suspects() == 0) break;
    }
    if (granted.messages == 0) {   // the others may have room for what this one has not
      work.ring.pop_front();
      passed_over.push_back(&next);
      continue;
    }
    if (next.once && (pulled.empty() || pulled.back() != &next)) pulled.push_back(&next);
    work.ring.pop_front();
    next.waiting = next.has_credit();
    if (next.waiting) work.ring.push_back(&next);
  }
  work.ring.insert(work.ring.end(), passed_over.begin(), passed_over.end());
  for (Subscription* subscription : pulled)
    if (subscription->once) end_pull(*subscription);
}

/// Whoever has a suspect has nothing else. While suspects wait and nobody is empty, one is no longer given anything until it is.
bool Dispatcher::has_to_wait(GroupWork& work, Subscription& subscription) {
  if (subscription.has_suspect) return true;
  if (work.suspects() == 0 || subscription.out_messages == 0) return false;
  if (work.emptying == nullptr) work.emptying = &subscription;
  return work.emptying == &subscription;
}

Dispatcher::Grant Dispatcher::grant(Subscription& subscription, std::uint32_t quantum, Among among, Time now) {
  GroupWork& work = *subscription.work;
  Grant result;
  proto::Deliver frame{settings_.partition, subscription.id, {}};
  std::vector<BlockSlice> slices;
  std::uint64_t frame_bytes = 0;
  const State& state = journal_.state();
  Position after = std::max({state.epoch_position(), state.reclaimed_position(), group_of(work).put_position});
  for (std::uint8_t i = lane_count; i-- > 0 && !result.blocked;) {
    LaneWork* lane = work.lanes.find(Lane(i));
    if (lane == nullptr) continue;
    GroupLane& owed = owed_of(*lane);
    while (result.messages < quantum && frame_bytes < frame_bytes_target) {
      const std::uint32_t room = std::min({quantum - result.messages, subscription.credit_messages(), lease_room(*subscription.session)});
      if (room == 0) break;
      auto picked = pick(*lane, owed, room, among, now);
      if (!picked) {
        result.blocked = picked.error() == Nothing::kLoading;
        break;
      }
      const std::uint32_t n = fitting(*picked, static_cast<std::uint32_t>(picked->run.count), subscription.credit_bytes(),
                                      subscription.out_messages == 0 && result.messages == 0);
      if (n == 0) {
        result.too_large = true;
        break;
      }
      picked->run.count = n;
      const BlockSlice slice{picked->block, static_cast<std::uint32_t>(picked->run.first.value - picked->block->first_offset.value), n};
      const std::uint64_t bytes = slice_bytes(slice);
      frame.ranges.push_back(lend(subscription, *lane, *picked, bytes, now));
      slices.push_back(slice);
      frame_bytes += bytes;
      result.messages += n;
      after = std::max({after, picked->after, owed.lent_position});
    }
  }
  if (result.messages == 0) return result;
  work.counters.delivered += result.messages;
  CorrelationId correlation;
  if (subscription.once) {
    correlation = subscription.once->correlation;
    subscription.once->after = std::max(subscription.once->after, after);
  }
  outbox_.send_after(after, Outgoing{subscription.session->id, correlation, std::move(frame), std::move(slices)});
  return result;
}

/// What came back goes first.
void Dispatcher::choose_returned(LaneWork& lane, GroupLane& owed, std::uint32_t limit, Among among, Pick& pick) {
  const TopicId topic = lane.work->topic;
  for (;;) {
    std::optional<OffsetRun> returned;
    if (among == Among::kOrdinary) {
      returned = lane.first_free(limit);
    } else if (!lane.suspects.empty()) {
      const auto next = lane.suspects.lower_bound(lane.next_suspect);
      returned = OffsetRun{next == lane.suspects.end() ? *lane.suspects.begin() : *next, 1};
    }
    if (!returned) return;
    if (!owed.owes(returned->first) ||   // settled or buried meanwhile
        unreadable_.end_of(topic, lane.lane, returned->first)) {
      lane.forget(returned->first);
      continue;
    }
    pick.run = *returned;
    pick.run.count = owed.owed_run(pick.run.first, pick.run.count);
    for (auto dead = owed.dead.lower_bound(pick.run.first); dead != owed.dead.end() && dead->first < pick.run.end(); ++dead)
      pick.after = std::max(pick.after, dead->second.redriven);
    if (const auto retry = owed.retries.lower_bound(pick.run.first); retry != owed.retries.end() && retry->first == pick.run.first) {
      pick.attempt = retry->second.attempts + 1;
      std::uint64_t alike = 0;
      for (auto it = retry; it != owed.retries.end() && alike < pick.run.count && it->first == pick.run.first.plus(alike) &&
                            it->second.attempts + 1 == pick.attempt;
           ++it, ++alike)
        pick.after = std::max(pick.after, it->second.position);
      pick.run.count = alike;
    } else if (retry != owed.retries.end()) {
      pick.run.count = std::min(pick.run.count, retry->first.value - pick.run.first.value);
    }
    return;
  }
}

tl::expected<Dispatcher::Pick, Dispatcher::Nothing> Dispatcher::pick(LaneWork& lane, GroupLane& owed, std::uint32_t limit, Among among,
                                                                     Time now) {
  const TopicId topic = lane.work->topic;
  Pick pick;
  choose_returned(lane, owed, limit, among, pick);
  if (pick.run.count == 0 && among == Among::kSuspects) return tl::make_unexpected(Nothing::kNoMessages);
  pick.is_suspect = among == Among::kSuspects;
  if (pick.run.count == 0) {
    const Offset committed = journal_.state().find_topic(topic)->lanes.find(lane.lane)->committed;
    lane.fresh = owed.done.next_open(std::max(lane.fresh, owed.done.floor()));
    while (const auto end = unreadable_.end_of(topic, lane.lane, lane.fresh)) lane.fresh = owed.done.next_open(*end);
    if (lane.fresh >= committed) return tl::make_unexpected(Nothing::kNoMessages);
    if (lane.fresh.value + ahead(lane, now) / 2 >= owed.lent.value) mark_dirty(*lane.work);
    if (lane.fresh >= owed.lent) {
      lane.work->starved = is_starving_ = true;   // flush() renews the hint and wakes the group
      return tl::make_unexpected(Nothing::kLoading);
    }
    const std::uint64_t in_slab = slab_offsets - lane.fresh.value % slab_offsets;
    const std::uint64_t reach =
        std::min({std::uint64_t{limit}, in_slab, committed.value - lane.fresh.value, owed.lent.value - lane.fresh.value});
    pick.run = {lane.fresh, owed.done.open_run(lane.fresh, reach)};
    pick.fresh = true;
  }
  pick.block = cache_.find(topic, lane.lane, pick.run.first);
  if (!pick.block) {
    request_load(topic, lane.lane, pick.run.first);
    return tl::make_unexpected(Nothing::kLoading);
  }
  pick.run.count = std::min(pick.run.count, pick.block->end().value - pick.run.first.value);
  return pick;
}

/// How many of the picked messages fit `bytes`; when even the first does not, it passes alone if nothing else is out.
std::uint32_t Dispatcher::fitting(const Pick& pick, std::uint32_t limit, std::uint64_t bytes, bool at_least_one) const {
  const auto first = static_cast<std::uint32_t>(pick.run.first.value - pick.block->first_offset.value);
  const auto fits = [&](std::uint32_t n) { return slice_bytes({pick.block, first, n}) <= bytes; };
  if (fits(limit)) return limit;
  std::uint32_t low = 0;
  std::uint32_t high = limit;
  while (low + 1 < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return std::max(low, at_least_one ? 1u : 0u);
}

proto::DeliveredRange Dispatcher::lend(Subscription& subscription, LaneWork& lane, const Pick& pick, std::uint64_t bytes, Time now) {
  const auto count = static_cast<std::uint32_t>(pick.run.count);
  if (pick.fresh) {
    lane.fresh = pick.run.end();
    lane.handed_out += count;
  }
  if (subscription.once) {
    subscription.once->delivered += count;
    subscription.once->bytes -= std::min(subscription.once->bytes, bytes);
  }
  if (pick.is_suspect) lane.next_suspect = pick.run.end();
  const auto [slot, token] =
      give(subscription, lane,
           {.first = pick.run.first, .count = count, .attempt = pick.attempt, .is_suspect = pick.is_suspect, .bytes = bytes}, now);
  const Position position = pick.block->first_position.plus(pick.run.first.value - pick.block->first_offset.value);
  return {slot, token, lane.lane, {pick.run.first, position, count}, pick.attempt};
}

/// The range, of one slab, is the subscription's from now on. The caller says which one, its attempt, flags and bytes.
Dispatcher::Given Dispatcher::give(Subscription& subscription, LaneWork& lane, LeaseRange range, Time now) {
  const std::uint32_t count = range.count;
  lane.lease(range.first, count);
  const LeaseToken token = next_token();
  next_token_ += count;
  range.holder = &subscription;
  range.lane = &lane;
  range.token = token;
  range.since = now;
  range.open = count;
  range.remaining.set(0, count);
  subscription.out_messages += count;
  subscription.out_bytes += range.bytes;
  subscription.has_suspect = subscription.has_suspect || range.is_suspect;
  Session& session = *subscription.session;
  const Slot slot = session.slots.add(std::move(range));
  session.leased += count;
  leased_ += count;
  const TimerKey old{TimerKey::Kind::kOldLeases, session.id.value};
  if (!timers_.contains(old)) timers_.set(old, now + settings_.held_after);
  return {slot, token};
}

void Dispatcher::request_load(TopicId topic, Lane lane, Offset from) {
  if (!loading_.insert({topic, lane, from}).second) return;
  const TopicLane& here = *journal_.state().find_topic(topic)->lanes.find(lane);
  outbox_.send_now(LoadBlocks{topic, lane, from, load_bytes, State::locate(here, from, here.committed)});
}

}  // namespace takt::core
