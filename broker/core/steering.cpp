// Single messages: where one stands, and cancel, reschedule and run now.

#include <algorithm>
#include <utility>

#include "broker/core/partition_body.h"
#include "proto/check.h"

namespace takt::core {
namespace {

constexpr std::size_t searches_max = 64;                    // at once, of a thousand messages each
constexpr std::size_t group_statuses_max = 20'000;          // in one answer: a topic may have a thousand groups
constexpr std::chrono::milliseconds search_retry_after{100};

std::uint64_t ms_of(WallTime time) { return static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0)); }

}  // namespace

/// Where fired messages stand that no checkpoint knows of yet.
struct Partition::Body::FoundPlaces {
  std::map<std::pair<TopicId, Lane>, std::vector<IndexSegment>> recent;   ///< by position

  std::optional<Offset> find(const Topic& topic, Lane lane, Position position) {
    const auto [entry, is_new] = recent.try_emplace({topic.id, lane});
    if (is_new) {
      entry->second = topic.lanes.find(lane)->recent;
      std::ranges::sort(entry->second, {}, &IndexSegment::position);
    }
    auto segment = std::ranges::upper_bound(entry->second, position, {}, &IndexSegment::position);
    if (segment == entry->second.begin() || (--segment)->position.plus(segment->count) <= position) return std::nullopt;
    return segment->first.plus(position.value - segment->position.value);
  }
};

void Partition::Body::decide(Session&, ClientRequest& request, proto::ChangeMessages& change, Now) {
  if (searches_.size() >= searches_max)
    return refuse(request, {ErrorCode::kBusy, "64 requests about messages are under way: send again in a moment", search_retry_after});
  Search search;
  for (const Position position : change.positions)
    if (position < journal_.next()) search.end = std::max(search.end, position.plus(1));
  search.request = std::move(request);
  const std::uint64_t number = ++last_search_;
  begin_search(number, searches_[number] = std::move(search));
}

void Partition::Body::begin_searches() {
  for (auto& [number, search] : searches_)
    if (!search.is_under_way) begin_search(number, search);
}

/// What the stores know is asked beside the loop; what has happened since they were written, memory knows.
void Partition::Body::begin_search(std::uint64_t number, Search& search) {
  if (search.end > committed_end()) return;
  search.is_under_way = true;
  search.checkpoints = checkpoints_;
  FindMessages find{number, {}};
  for (const Position position : std::get<proto::ChangeMessages>(search.request.body).positions)
    if (position < search.end) find.positions.push_back(position);
  std::ranges::sort(find.positions);
  find.positions.erase(std::unique(find.positions.begin(), find.positions.end()), find.positions.end());
  outbox_.send_now(std::move(find));
}

void Partition::Body::on(MessagesFound&& found, Now now) {
  const auto entry = searches_.find(found.number);
  if (entry == searches_.end()) return;   // it was asked by memory that is gone
  Search& search = entry->second;
  FoundPlaces places;
  const State& state = journal_.state();
  // What fired and was written down meanwhile is in neither place that was looked at.
  const bool is_passed = std::ranges::any_of(found.messages, [&](const FoundMessage& message) {
    const Topic* topic = state.find_topic(message.topic);
    return topic != nullptr && message.is_scheduled && !message.offset &&
           !state.wheel().is_armed(state.steered().timer_of(message.position)) && !state.steered().is_cancelled(message.position) &&
           !places.find(*topic, message.lane, message.position);
  });
  if (is_passed && search.checkpoints != checkpoints_) return begin_search(entry->first, search);

  const ClientRequest request = std::move(search.request);
  searches_.erase(entry);
  const auto& change = std::get<proto::ChangeMessages>(request.body);
  proto::MessagesChanged answered;
  std::size_t groups = 0;
  for (const Position position : change.positions) {
    if (groups > group_statuses_max) break;
    const auto message = std::ranges::lower_bound(found.messages, position, {}, &FoundMessage::position);
    const bool is_found = message != found.messages.end() && message->position == position;
    answered.messages.push_back(is_found ? steer(change, *message, places, now) : proto::MessageStatus{.position = position});
    groups += answered.messages.back().groups.size();
  }
  std::vector<Dispatcher::LeasedMessage> leased;
  for (proto::MessageStatus& message : answered.messages) {
    for (proto::GroupStatus& group : message.groups) {
      if (group.state != proto::GroupState::kLeased) continue;
      const Topic* topic = journal_.state().find_topic(message.topic);
      leased.push_back({topic->id, topic->find_group(group.group)->id, message.lane, *message.offset, &group});
    }
  }
  dispatcher_.name_workers(std::move(leased), now);
  answer(request, std::move(answered));
}

proto::MessageStatus Partition::Body::steer(const proto::ChangeMessages& change, const FoundMessage& found, FoundPlaces& places, Now now) {
  const State& state = journal_.state();
  proto::MessageStatus status{.position = found.position};
  if (found.what == FoundMessage::Kind::kNone) return status;
  const Topic* topic = state.find_topic(found.topic);
  if (found.what == FoundMessage::Kind::kUnreadable) {
    status.state = proto::MessageState::kUnreadable;
  } else if (state.steered().is_cancelled(found.position)) {
    status.state = proto::MessageState::kCancelled;
  } else {
    status.state = proto::MessageState::kGone;
  }
  if (topic == nullptr) return status;
  status.topic = topic->name;
  status.lane = found.lane;
  status.kind = found.kind;
  if (found.is_scheduled) status.due_ms = ms_of(found.due);
  if (status.state != proto::MessageState::kGone) return status;
  if (found.is_scheduled && state.wheel().is_armed(state.steered().timer_of(found.position))) {
    steer_scheduled(change, found, status, now);
    return status;
  }
  status.offset = found.offset ? found.offset : places.find(*topic, found.lane, found.position);
  if (!status.offset || (topic->groups.empty() && *status.offset < topic->low(found.lane))) return status;
  steer_queued(change, *topic, status, now);
  return status;
}

void Partition::Body::steer_scheduled(const proto::ChangeMessages& change, const FoundMessage& found, proto::MessageStatus& status,
                                      Now now) {
  const State& state = journal_.state();
  // What was due already when it came waits behind the watermark, and so does what the watermark has reached.
  const scheduler::TimerKey* const rearmed = state.steered().find(found.position);
  const WallTime due = rearmed == nullptr ? std::max(found.due, state.wheel().fired_to().due) : rearmed->due;
  status.state = proto::MessageState::kScheduled;
  status.due_ms = ms_of(due);
  TopicCounters& counters = counters_[found.topic];
  if (change.action == proto::MessageAction::kShow) return;
  status.changed = true;
  if (change.action == proto::MessageAction::kCancel) {
    journal_.stage(Cancel{found.topic, found.lane, found.position, due}, now.wall);
    status.state = proto::MessageState::kCancelled;
    ++counters.cancelled;
    return;
  }
  const bool is_now = change.action == proto::MessageAction::kRunNow;
  const WallTime to = is_now ? journal_.time(now.wall) : WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(*change.due_ms)));
  journal_.stage(Rearm{found.topic, found.lane, found.position, due, to}, now.wall);
  status.due_ms = ms_of(state.steered().find(found.position)->due);
  ++counters.rescheduled;
}

void Partition::Body::steer_queued(const proto::ChangeMessages& change, const Topic& topic, proto::MessageStatus& status, Now now) {
  status.state = proto::MessageState::kQueued;
  for (const Group* group : topic.by_name) {
    proto::GroupStatus here = dispatcher_.status(topic, *group, status.lane, *status.offset, now);
    const bool is_open = here.state == proto::GroupState::kReady || here.state == proto::GroupState::kRetrying;
    bool is_changed = false;
    if (change.action == proto::MessageAction::kCancel && is_open) {
      dispatcher_.withdraw(topic.id, group->id, status.lane, *status.offset, now);
      is_changed = true;
    } else if (change.action == proto::MessageAction::kRunNow && here.state == proto::GroupState::kRetrying) {
      is_changed = dispatcher_.hurry(topic.id, group->id, status.lane, *status.offset, now);
    }
    if (is_changed) here = dispatcher_.status(topic, *group, status.lane, *status.offset, now);
    status.changed = status.changed || is_changed;
    status.groups.push_back(std::move(here));
  }
  if (!status.changed) return;
  TopicCounters& counters = counters_[topic.id];
  ++(change.action == proto::MessageAction::kCancel ? counters.cancelled : counters.rescheduled);
}

// ---- what the dispatcher knows

proto::GroupStatus Dispatcher::status(const Topic& topic, const Group& group, Lane lane, Offset offset, Now now) const {
  using proto::GroupState;
  proto::GroupStatus status{.group = group.name};
  const GroupLane* const owed = group.lanes.find(lane);
  check(owed != nullptr, "a group has every lane of its topic");
  if (const auto dead = owed->dead.find(offset); dead != owed->dead.end() && !dead->second.is_redriven()) {
    status.state = GroupState::kDead;
    status.attempts = dead->second.attempts;
    status.time_ms = ms_of(dead->second.time);
    return status;
  }
  const GroupWork* const work = find_work(topic.id, group.id);
  const LaneWork* const here = work == nullptr ? nullptr : work->lanes.find(lane);
  if (!owed->owes(offset) || (here != nullptr && here->is_staged(offset))) {
    status.state = GroupState::kDone;
    if (const auto by = owed->finished.by(offset)) status.time_ms = ms_of(*by);
    return status;
  }
  const auto retry = owed->retries.find(offset);
  if (retry != owed->retries.end()) status.attempts = retry->second.attempts;
  bool may_be_out = false;
  if (here != nullptr) {
    may_be_out = offset < here->uncertain_end && !here->held_over && !here->is_free(offset);
  } else if (offset < std::min(owed->lent, topic.lanes.find(lane)->at_start)) {  // nobody has asked for the group's messages in this term
    const Duration grace = settings_.recover_grace;
    const Duration patience = owed->is_held(offset) ? std::max(settings_.session_timeout, grace) : grace;
    may_be_out = now.mono < started_ + patience;
  }
  if (here != nullptr && here->is_leased(offset)) {
    status.state = GroupState::kLeased;
  } else if (retry != owed->retries.end() && (here == nullptr ? retry->second.due > partition_time(now) : here->parked.contains(offset))) {
    status.state = GroupState::kRetrying;
    status.time_ms = ms_of(retry->second.due);
  } else if (unreadable_.end_of(topic.id, lane, offset)) {
    status.state = GroupState::kUnreadable;
  } else {
    status.state = may_be_out ? GroupState::kHeld : GroupState::kReady;
  }
  return status;
}

void Dispatcher::name_workers(std::vector<LeasedMessage> leased, Now now) const {
  if (leased.empty()) return;
  std::ranges::sort(leased, std::less<>());
  for (const auto& [id, session] : sessions_) {
    std::as_const(session->slots).each([&](const LeaseRange& range) {
      const GroupWork& work = *range.lane->work;
      const LeasedMessage first{work.topic, work.group, range.lane->lane, range.first};
      for (auto one = std::ranges::lower_bound(leased, first, std::less<>()); one != leased.end(); ++one) {
        if (one->topic != first.topic || one->group != first.group || one->lane != first.lane) break;
        const std::uint64_t index = one->offset.value - range.first.value;
        if (index >= range.count) break;
        if (!range.remaining.test(static_cast<std::uint32_t>(index))) continue;
        one->status->worker = kept_worker(session->name);
        one->status->attempts = range.attempt - 1;
        one->status->time_ms = ms_of(now.wall - std::chrono::duration_cast<std::chrono::milliseconds>(now.mono - range.since));
      }
    });
  }
}

bool Dispatcher::hurry(TopicId topic, GroupId group, Lane lane, Offset offset, Now now) {
  LaneWork* const here = work(topic, group, now).lanes.find(lane);
  if (here == nullptr || !here->parked.contains(offset)) return false;
  timers_.cancel({TimerKey::Kind::kRetry, topic.value, group.value, lane.value, offset.value});
  unpark(*here, offset, now);
  return true;
}

}  // namespace takt::core
