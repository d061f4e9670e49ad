#include "broker/core/dispatcher.h"

#include <algorithm>

#include "proto/planted_bug.h"

namespace takt::core {
namespace {

constexpr Duration wait_for_disk = std::chrono::seconds(1);
constexpr Duration held_log_pause = std::chrono::milliseconds(500);   // so that many ages of leases don't make many events
constexpr std::uint64_t lent_ahead_min = 1024;
constexpr std::uint64_t lent_ahead_max = 1u << 20;

}  // namespace

std::size_t Dispatcher::TimerKeyHash::operator()(const TimerKey& k) const noexcept {
  std::uint64_t h = static_cast<std::uint64_t>(k.kind);
  for (const std::uint64_t part : {k.a, k.b, k.c, k.d}) h = (h ^ part) * 0x9E3779B97F4A7C15ull + (h >> 29);
  return h;
}

// ---- sessions and subscriptions

void Dispatcher::open_session(const SessionUp& up) {
  auto session = std::make_unique<Session>();
  session->id = up.session;
  session->client = up.client;
  session->kind = up.kind;
  session->name = up.name;
  sessions_[up.session] = std::move(session);
}

Session* Dispatcher::find_session(SessionId id) {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

void Dispatcher::end_session(const SessionLost& lost, Now now) {
  Session* session = find_session(lost.session);
  if (session == nullptr) return;
  if (planted(PlantedBug::kSessionEndNotReturned)) session->slots = SlotTable();
  session->slots.each([&](Slot slot, LeaseRange& range) {
    if (lost.how == SessionEnd::kGoodbye)
      release(slot, range);
    else
      lose(slot, range, now);
  });
  session->slots = SlotTable();   // each subscription would look through all that were ever in use
  while (!session->subscriptions.empty()) {
    Subscription& subscription = *session->subscriptions.begin()->second;
    if (subscription.once) timers_.cancel({TimerKey::Kind::kPull, session->id.value, subscription.id.value});
    subscription.once.reset();   // nobody is there to hear of it
    unsubscribe(subscription, now);
  }
  timers_.cancel({TimerKey::Kind::kOldLeases, lost.session.value});
  sessions_.erase(lost.session);
}

Subscription& Dispatcher::subscribe(Session& session, SubscriptionId id, TopicId topic, GroupId group, Now now) {
  auto subscription = std::make_unique<Subscription>();
  subscription->session = &session;
  subscription->id = id;
  subscription->work = &work(topic, group, now);
  ++subscription->work->subscriptions;
  ++subscription_count_;
  mark_dirty(*subscription->work);   // its lent hint can ride with the event that made the group
  return *(session.subscriptions[id] = std::move(subscription));
}

void Dispatcher::unsubscribe(Subscription& subscription, Now now) {
  Session& session = *subscription.session;
  session.slots.each([&](Slot slot, LeaseRange& range) {
    if (range.holder == &subscription) release(slot, range);
  });
  if (subscription.once) end_pull(subscription);
  GroupWork& work = *subscription.work;
  std::erase(work.ring, &subscription);
  std::erase(at_bound_, &subscription);
  if (work.emptying == &subscription) work.emptying = nullptr;
  if (--work.subscriptions == 0) work.left = now.mono;
  --subscription_count_;
  wake(work);
  session.subscriptions.erase(subscription.id);
}

void Dispatcher::set_credit(Subscription& subscription, std::uint32_t messages, std::uint32_t bytes) {
  subscription.window_messages = messages;
  subscription.window_bytes = bytes;
  queue_for_credit(subscription);
}

Result<void, Refusal> Dispatcher::pull(Subscription& subscription, CorrelationId correlation, const proto::Credit& credit, Now now) {
  if (subscription.once)
    return failed(Refusal{ErrorCode::kSubscriptionInUse, "subscription " + std::to_string(subscription.id.value) +
                                                             " has a pull that still waits; wait for its CreditEnded"});
  subscription.once = OneShotCredit{correlation, credit.messages, credit.bytes};
  queue_for_credit(subscription);
  Duration wait = std::chrono::milliseconds(credit.wait_ms);
  if (credit.wait_ms == 0) {
    serve(now.mono);
    if (!subscription.once) return {};
    if (may_be_served_soon(*subscription.work)) wait = wait_for_disk;   // "nothing there" would be wrong
  }
  if (wait == Duration::zero())
    end_pull(subscription);
  else
    timers_.set({TimerKey::Kind::kPull, subscription.session->id.value, subscription.id.value}, now.mono + wait);
  return {};
}

void Dispatcher::end_pull(Subscription& subscription) {
  const OneShotCredit once = *subscription.once;
  subscription.once.reset();
  timers_.cancel({TimerKey::Kind::kPull, subscription.session->id.value, subscription.id.value});
  outbox_.send_after(once.after,
                     Outgoing{subscription.session->id, once.correlation, proto::CreditEnded{subscription.id, once.delivered}, {}});
}

void Dispatcher::queue_for_credit(Subscription& subscription) {
  if (!subscription.has_credit()) return;
  if (!subscription.waiting) {
    subscription.waiting = true;
    subscription.work->ring.push_back(&subscription);
  }
  wake(*subscription.work);
}

// ---- groups

GroupWork& Dispatcher::work(TopicId topic, GroupId group, Now now) {
  auto& slot = works_[{topic, group}];
  if (slot) return *slot;
  slot = std::make_unique<GroupWork>();
  slot->topic = topic;
  slot->group = group;
  Topic& t = *journal_.state().find_topic(topic);
  t.lanes.each([&](Lane lane, TopicLane& topic_lane) { begin_lane(*slot, lane, topic_lane, now); });
  return *slot;
}

const GroupWork* Dispatcher::find_work(TopicId topic, GroupId group) const {
  const auto it = works_.find({topic, group});
  return it == works_.end() ? nullptr : it->second.get();
}

Group& Dispatcher::group_of(const GroupWork& work) { return journal_.state().find_topic(work.topic)->groups.at(work.group); }

GroupLane& Dispatcher::owed_of(const LaneWork& lane) { return *group_of(*lane.work).lanes.find(lane.lane); }

Duration Dispatcher::alone_for(TopicId topic, GroupId group, Time now) const {
  const GroupWork* work = find_work(topic, group);
  if (work != nullptr && work->subscriptions > 0) return Duration::zero();
  return now - std::max(started_, work == nullptr ? Time{} : work->left);
}

void Dispatcher::wake(GroupWork& work) {
  if (work.woken) return;
  work.woken = true;
  woken_.push_back(&work);
}

void Dispatcher::wake(TopicId topic) {
  for (auto it = works_.lower_bound({topic, GroupId(0)}); it != works_.end() && it->first.first == topic; ++it)
    if (!it->second->ring.empty()) wake(*it->second);
}

void Dispatcher::mark_dirty(GroupWork& work) {
  if (work.dirty) return;
  work.dirty = true;
  dirty_.push_back(&work);
}

void Dispatcher::drop_group(TopicId topic, GroupId group) {
  const auto it = works_.find({topic, group});
  if (it == works_.end()) return;
  GroupWork* gone = it->second.get();
  for (auto& [id, session] : sessions_) {
    session->slots.each([&](Slot slot, LeaseRange& range) {
      if (range.lane->work != gone) return;
      leased_ -= range.open;
      room_made_ = true;
      session->leased -= range.open;
      session->slots.remove(slot);
    });
    for (auto s = session->subscriptions.begin(); s != session->subscriptions.end();) {
      if (s->second->work != gone) {
        ++s;
        continue;
      }
      if (s->second->once) end_pull(*s->second);
      outbox_.send_after_open_commit(Outgoing{id, CorrelationId(0), proto::Unsubscribed{s->first}, {}});
      std::erase(at_bound_, s->second.get());
      --subscription_count_;
      s = session->subscriptions.erase(s);
    }
  }
  gone->lanes.each([&](Lane lane, LaneWork& here) {
    for (const Offset offset : here.parked) timers_.cancel({TimerKey::Kind::kRetry, topic.value, group.value, lane.value, offset.value});
  });
  timers_.cancel({TimerKey::Kind::kGrace, topic.value, group.value});
  timers_.cancel({TimerKey::Kind::kHeld, topic.value, group.value});
  std::erase(woken_, gone);
  std::erase(dirty_, gone);
  works_.erase(it);
}

void Dispatcher::settle_missing(TopicId topic, Lane lane, Offset from, Offset until) {
  Topic* t = journal_.state().find_topic(topic);
  if (t == nullptr) return;
  for (auto& [id, group] : t->groups) {
    const auto it = works_.find({topic, id});
    GroupLane* owed = group.lanes.find(lane);
    if (it == works_.end() || owed == nullptr) continue;
    LaneWork* here = it->second->lanes.find(lane);
    if (here == nullptr) continue;
    Done gone{topic, id, lane, {}, std::nullopt};
    for (Offset at = owed->next_owed(from); at < until; at = owed->next_owed(at.plus(1))) {
      if (here->is_leased(at) || here->is_staged(at)) continue;   // a worker has it: it will say what became of it
      if (here->is_free(at)) here->forget(at);
      if (here->parked.erase(at) > 0) timers_.cancel({TimerKey::Kind::kRetry, topic.value, id.value, lane.value, at.value});
      ++it->second->counters.settled;
      if (!gone.runs.empty() && gone.runs.back().end() == at)
        ++gone.runs.back().count;
      else
        gone.runs.push_back({at, 1});
    }
    if (gone.runs.empty()) continue;
    journal_.stage(gone, journal_.state().time());
    wake(*it->second);
  }
}

// ---- time

void Dispatcher::tick(Now now) {
  while (journal_.bytes() < commit_bytes_target) {   // what is left is due at once
    const auto due = timers_.pop_due(now.mono);
    if (!due) return;
    const auto work_of = [&]() -> GroupWork* {
      const auto it = works_.find({TopicId(static_cast<std::uint32_t>(due->a)), GroupId(static_cast<std::uint32_t>(due->b))});
      return it == works_.end() ? nullptr : it->second.get();
    };
    switch (due->kind) {
      case TimerKey::Kind::kRetry:
        if (GroupWork* work = work_of()) {
          if (planted(PlantedBug::kRetryLost)) break;
          unpark(*work->lanes.find(Lane(static_cast<std::uint8_t>(due->c))), Offset(due->d), now);
        }
        break;
      case TimerKey::Kind::kPull:
        if (Session* session = find_session(SessionId(due->a))) {
          const auto it = session->subscriptions.find(SubscriptionId(static_cast<std::uint32_t>(due->b)));
          if (it != session->subscriptions.end() && it->second->once) end_pull(*it->second);
        }
        break;
      case TimerKey::Kind::kGrace:
      case TimerKey::Kind::kHeld:
        if (GroupWork* work = work_of()) {
          work->lanes.each([&](Lane, LaneWork& lane) {
            (due->kind == TimerKey::Kind::kGrace ? lane.grace_over : lane.held_over) = true;
            free_uncertain(lane, owed_of(lane), now);
          });
          wake(*work);
        }
        break;
      case TimerKey::Kind::kOldLeases:
        if (Session* session = find_session(SessionId(due->a))) log_old_leases(*session, now);
        break;
    }
  }
}

/// Leases that have grown old are logged once, so that they wait for their worker after a crash.
void Dispatcher::log_old_leases(Session& session, Now now) {
  std::map<std::tuple<TopicId, GroupId, Lane>, std::vector<OffsetRun>> old;   // never by address: the log must not depend on it
  std::optional<Time> oldest;
  session.slots.each([&](Slot, LeaseRange& range) {
    if (range.logged) return;
    if (range.since + settings_.held_after > now.mono) {
      oldest = std::min(oldest.value_or(range.since), range.since);
      return;
    }
    range.logged = true;
    for (std::uint32_t at = range.remaining.next(0); at < range.count;) {
      const std::uint32_t stop = std::min(range.remaining.next_clear(at), range.count);
      old[{range.lane->work->topic, range.lane->work->group, range.lane->lane}].push_back({range.first.plus(at), stop - at});
      at = range.remaining.next(stop);
    }
  });
  for (auto& [lane, runs] : old) {
    journal_.stage(Held{std::get<TopicId>(lane), std::get<GroupId>(lane), std::get<Lane>(lane), session.client, joined(std::move(runs))},
                   now.wall);
  }
  if (oldest) {
    timers_.set({TimerKey::Kind::kOldLeases, session.id.value}, std::max(*oldest + settings_.held_after, now.mono + held_log_pause));
  }
}

// ---- the commit

/// How far ahead of `fresh` to lend: what one second hands out at the measured rate, at least 1,024.
std::uint64_t Dispatcher::ahead(const LaneWork& lane, Time now) const {
  const Duration elapsed = std::max<Duration>(now - lane.hinted, std::chrono::milliseconds(1));
  const double per_second = static_cast<double>(lane.handed_out) * 1e9 / static_cast<double>(elapsed.count());
  return std::clamp<std::uint64_t>(std::max<std::uint64_t>(static_cast<std::uint64_t>(per_second), 2 * lane.handed_out), lent_ahead_min,
                                   lent_ahead_max);
}

void Dispatcher::flush(Now now) {
  is_starving_ = false;
  for (GroupWork* work : std::exchange(dirty_, {})) {
    work->dirty = false;
    work->lanes.each([&](Lane which, LaneWork& lane) {
      const GroupLane& owed = owed_of(lane);
      Done done{work->topic, work->group, which, lane.flush(), std::nullopt};
      const std::uint64_t lead = ahead(lane, now.mono);
      const Offset from = std::max(lane.fresh, owed.done.floor());
      if (work->subscriptions > 0 && from.value + lead / 2 >= owed.lent.value) {
        done.lent = from.plus(lead);
        lane.handed_out = 0;
        lane.hinted = now.mono;
      }
      if (!done.runs.empty() || done.lent) journal_.stage(std::move(done), now.wall);
    });
    if (work->starved) wake(*work);
  }
}

}  // namespace takt::core
