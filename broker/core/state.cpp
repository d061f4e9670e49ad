#include "broker/core/state.h"

#include <algorithm>

#include "proto/planted_bug.h"

namespace takt::core {
namespace {

Result<void, Corruption> unknown_topic(TopicId topic) {
  return failed(Corruption{"an event names topic " + std::to_string(topic.value) + ", which is not there"});
}

/// Takes `run` out of the held rows: rows never overlap, so one look finds an offset's. What sticks out on either side stays.
void cut_held(GroupLane& lane, OffsetRun run) {
  auto it = lane.held.upper_bound(run.first);
  if (it != lane.held.begin()) --it;
  while (it != lane.held.end() && it->first < run.end()) {
    const auto [first, held] = *it;
    const Offset end = first.plus(held.count);
    if (end <= run.first) {
      ++it;
      continue;
    }
    it = lane.held.erase(it);
    lane.changed_held.insert(first);
    if (first < run.first) lane.held.emplace(first, HeldState{run.first.value - first.value, held.client});
    if (end > run.end()) {
      lane.held.emplace(run.end(), HeldState{end.value - run.end().value, held.client});
      lane.changed_held.insert(run.end());
    }
  }
}

}  // namespace

Group* Topic::find_group(std::string_view wanted) const {
  const auto it = std::ranges::lower_bound(by_name, wanted, {}, &Group::name);
  return it == by_name.end() || (*it)->name != wanted ? nullptr : *it;
}

void Topic::enter_by_name(Group& group) { by_name.insert(std::ranges::lower_bound(by_name, group.name, {}, &Group::name), &group); }

std::uint64_t Topic::mean_bytes() const {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  lanes.each([&](Lane, const TopicLane& lane) { messages += lane.enqueued(), bytes += lane.bytes; });
  return messages == 0 ? 1 : std::max<std::uint64_t>(1, bytes / messages);
}

Offset Topic::low(Lane lane) const {
  const TopicLane* here = lanes.find(lane);
  if (here == nullptr) return Offset(0);
  if (groups.empty()) return here->horizon;
  Offset low = keeps(settings) ? here->horizon : here->next;
  for (const auto& [number, group] : groups)
    if (const GroupLane* owed = group.lanes.find(lane)) low = std::min(low, owed->done.floor());
  return low;
}

Offset Topic::pinned(Lane lane) const {
  Offset pinned = low(lane);
  for (const auto& [number, group] : groups)
    if (const GroupLane* owed = group.lanes.find(lane); owed != nullptr && !owed->dead.empty())
      pinned = std::min(pinned, owed->dead.begin()->first);
  return pinned;
}

std::vector<OffsetRun> Topic::owed(Lane lane, Offset from, Offset until) const {
  std::vector<OffsetRun> runs;
  if (groups.empty()) {
    const Offset first = std::max(from, lanes.find(lane)->horizon);
    if (first < until) runs.push_back({first, until.value - first.value});
    return runs;
  }
  for (const auto& [number, group] : groups) {
    const GroupLane* here = group.lanes.find(lane);
    if (here == nullptr) continue;
    for (Offset at = here->done.next_open(from); at < until;) {
      const std::uint64_t n = here->done.open_run(at, until.value - at.value);
      runs.push_back({at, n});
      at = here->done.next_open(at.plus(n));
    }
    for (auto dead = here->dead.lower_bound(from); dead != here->dead.end() && dead->first < until; ++dead)
      runs.push_back({dead->first, 1});
  }
  std::ranges::sort(runs, {}, &OffsetRun::first);
  return runs;
}

bool GroupLane::is_held(Offset offset) const {
  auto it = held.upper_bound(offset);
  if (it == held.begin()) return false;
  --it;
  return offset < it->first.plus(it->second.count);
}

Offset GroupLane::next_owed(Offset from) const {
  const Offset open = done.next_open(from);
  const auto again = redriven.lower_bound(from);
  return again == redriven.end() ? open : std::min(open, *again);
}

std::uint64_t GroupLane::owed_run(Offset from, std::uint64_t limit) const {
  if (const std::uint64_t open = done.open_run(from, limit); open > 0) return open;
  std::uint64_t n = 0;
  for (auto it = redriven.find(from); it != redriven.end() && *it == from.plus(n) && n < limit; ++it) ++n;
  return n;
}

std::uint64_t GroupLane::owed_within(Offset from, Offset until) const {
  std::uint64_t owed = 0;
  for (Offset at = next_owed(from); at < until;) {
    const std::uint64_t n = owed_run(at, until.value - at.value);
    owed += n;
    at = next_owed(at.plus(n));
  }
  return owed;
}

Offset Topic::start(Lane lane, proto::StartFrom from) const {
  const TopicLane* here = lanes.find(lane);
  if (here == nullptr) return Offset(0);
  return from == proto::StartFrom::kNow ? here->next : low(lane);
}

std::uint64_t Topic::retained_messages() const {
  std::uint64_t messages = 0;
  lanes.each([&](Lane lane, const TopicLane& here) { messages += here.next.value - low(lane).value + here.scheduled; });
  return messages;
}

Topic* State::find_topic(std::string_view name) {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &topics_.at(it->second);
}

Topic* State::find_topic(TopicId id) {
  const auto it = topics_.find(id);
  return it == topics_.end() ? nullptr : &it->second;
}

const Topic* State::find_topic(TopicId id) const {
  const auto it = topics_.find(id);
  return it == topics_.end() ? nullptr : &it->second;
}

TopicLane& State::open_lane(Topic& topic, Lane lane) {
  changed_topics_.insert(topic.id);
  if (TopicLane* here = topic.lanes.find(lane)) return *here;
  for (auto& [id, group] : topic.groups) {
    group.lanes.make(lane, Offset(0));
    changed_groups_.insert({topic.id, id});   // or events about the lane would name what no row has
  }
  return topic.lanes.make(lane);
}

std::vector<IndexSegment> State::locate(const TopicLane& lane, Offset from, Offset until) {
  constexpr std::size_t places_max = 16'384;
  std::vector<IndexSegment> located;
  auto it = std::ranges::upper_bound(lane.recent, from, {}, &IndexSegment::first);
  if (it == lane.recent.begin()) return located;
  for (--it; it != lane.recent.end() && from < std::min(it->end(), until) && located.size() < places_max; ++it) {
    const std::uint64_t skipped = from.value - it->first.value;
    const Offset end = std::min(it->end(), until);
    located.push_back({from, it->position.plus(skipped), end.value - from.value});
    from = end;
  }
  return located;
}

Result<void, Corruption> State::apply(const Event& event, Position position, WallTime time) {
  return std::visit([&](const auto& e) { return on(e, position, time); }, event);
}

Result<void, Corruption> State::apply(const RunView& run, WallTime time) {
  Topic* topic = find_topic(run.topic);
  if (topic == nullptr) return unknown_topic(run.topic);
  if (run.lane.value >= lane_count) return failed(Corruption{"a run has lane " + std::to_string(run.lane.value)});
  if (run.run_class == proto::RunClass::kScheduled) return schedule(*topic, run, time);
  TopicLane& lane = open_lane(*topic, run.lane);
  if (lane.next != run.first_offset) {
    return failed(Corruption{"a run of topic '" + topic->name + "' begins at offset " + std::to_string(run.first_offset.value) +
                             ", the state expects " + std::to_string(lane.next.value)});
  }
  enter(*topic, run.lane, run.first_position, run.count);
  lane.bytes += run.metadata.size() + run.payload.size();
  if (run.stamp.epoch != 0) producers_.record(run.stamp, run.first_position, run.first_offset, time);
  return {};
}

void State::enter(Topic& topic, Lane where, Position position, std::uint64_t count) {
  TopicLane& lane = open_lane(topic, where);
  const bool is_open = lane.recent.size() > (planted(PlantedBug::kIndexMergedIntoFrozen) ? 0 : lane.frozen);
  if (is_open && lane.recent.back().position.plus(lane.recent.back().count) == position) {
    lane.recent.back().count += count;
  } else {
    lane.recent.push_back({lane.next, position, count});
  }
  lane.next = lane.next.plus(count);
}

void TopicLane::note_entered(WallTime time, std::chrono::milliseconds keep) {
  constexpr std::size_t told_max = 20;   // of eight lanes they fit into a topic's row
  if (!entered.empty() && time - entered.back().since < keep / 16) {
    entered.back().end = next;
    entered.back().time = time;
    return;
  }
  if (entered.size() == told_max) {
    entered[1].since = entered[0].since;
    entered.erase(entered.begin());
  }
  entered.push_back({next, time, time});
}

Result<void, Corruption> State::on(const EpochBegun& e, Position position, WallTime) {
  if (e.epoch <= epoch_)
    return failed(Corruption{"epoch " + std::to_string(e.epoch.value) + " follows epoch " + std::to_string(epoch_.value)});
  epoch_ = e.epoch;
  epoch_position_ = position;
  return {};
}

Result<void, Corruption> State::on(const Reclaimed& e, Position position, WallTime) {
  if (e.epoch <= reclaimed_ || e.epoch > epoch_)
    return failed(Corruption{"the grace of epoch " + std::to_string(e.epoch.value) + " ends in epoch " + std::to_string(epoch_.value)});
  reclaimed_ = e.epoch;
  reclaimed_position_ = position;
  return {};
}

/// What is gone already is not kept; what is let go need not be passed first.
void State::keep_from_now(Topic& topic, const proto::TopicSettings& next, WallTime time) {
  const bool is_kept = keeps(topic.settings);
  if (keeps(next) && !is_kept) raise_horizons(topic);
  topic.lanes.each([&](Lane, TopicLane& here) {
    if (!keeps(next) && is_kept) here.let_go({here.horizon, here.next.value - here.horizon.value});
    if (next.keep_ms == 0) here.entered.clear();
    if (next.keep_ms != 0 && topic.settings.keep_ms == 0 && here.is_fired_into) here.note_entered(time, keep_of(next));
  });
}

Result<void, Corruption> State::on(const TopicPut& e, Position, WallTime time) {
  if (Topic* topic = find_topic(e.topic)) {
    keep_from_now(*topic, e.settings, time);
    topic->settings = e.settings;
  } else {
    if (e.topic != next_topic_ || by_name_.contains(e.name))
      return failed(Corruption{"topic '" + e.name + "' is made under an id or name that is taken"});
    next_topic_ = next_topic_.plus(1);
    by_name_.emplace(e.name, e.topic);
    ++made_;
    Topic& made = topics_[e.topic];
    made.id = e.topic;
    made.name = e.name;
    made.settings = e.settings;
  }
  changed_topics_.insert(e.topic);
  return {};
}

Result<void, Corruption> State::on(const TopicDel& e, Position, WallTime) {
  Topic* topic = find_topic(e.topic);
  if (topic == nullptr) return unknown_topic(e.topic);
  for (const auto& [id, group] : topic->groups) changed_groups_.erase({e.topic, id});
  topic->lanes.each([&](Lane lane, const TopicLane& here) { schedules_.settled(e.topic, lane, {Offset(0), here.next.value}); });
  group_count_ -= topic->groups.size();
  changed_topics_.erase(e.topic);
  deleted_topics_.push_back(e.topic);
  by_name_.erase(topic->name);
  topics_.erase(e.topic);
  return {};
}

Result<void, Corruption> State::on(const GroupPut& e, Position position, WallTime) {
  Topic* topic = find_topic(e.topic);
  if (topic == nullptr) return unknown_topic(e.topic);
  auto it = topic->groups.find(e.group);
  if (it == topic->groups.end()) {
    if (e.group != next_group_) return failed(Corruption{"group '" + e.name + "' is made under an id that is taken"});
    for (const LaneStart& start : e.starts) {
      const TopicLane* lane = start.lane.value < lane_count ? topic->lanes.find(start.lane) : nullptr;
      if (lane == nullptr || start.from > lane->next)
        return failed(
            Corruption{"group '" + e.name + "' begins in a lane or at an offset of topic '" + topic->name + "' that is not there"});
    }
    next_group_ = next_group_.plus(1);
    it = topic->groups.try_emplace(e.group).first;
    ++group_count_;
    it->second.id = e.group;
    it->second.name = e.name;
    it->second.leases_from = e.leases_from;
    topic->enter_by_name(it->second);
    ++made_;
    for (const LaneStart& start : e.starts) {
      it->second.lanes.make(start.lane, start.from);
      schedules_.settled(e.topic, start.lane, {Offset(0), start.from.value});
      TopicLane& here = *topic->lanes.find(start.lane);
      if (!here.is_fired_into || start.from >= here.next) continue;
      here.owed_again.push_back({start.from, here.next.value - start.from.value});
      changed_topics_.insert(e.topic);
    }
    topic->lanes.each([&](Lane lane, const TopicLane&) { it->second.lanes.make(lane, Offset(0)); });
  }
  it->second.settings = e.settings;
  it->second.put_position = position;
  changed_groups_.insert({e.topic, e.group});
  return {};
}

Result<void, Corruption> State::on(const GroupDel& e, Position, WallTime) {
  Topic* topic = find_topic(e.topic);
  const auto group = topic == nullptr ? std::map<GroupId, Group>::iterator() : topic->groups.find(e.group);
  if (topic == nullptr || group == topic->groups.end()) return unknown_topic(e.topic);
  if (topic->groups.size() == 1) raise_horizons(*topic);   // what the last group has done does not come back
  topic->lanes.each([&](Lane lane, TopicLane& here) {      // its dead messages are nobody's now
    const GroupLane* owed = group->second.lanes.find(lane);
    if (owed == nullptr) return;
    const Offset first = owed->dead.empty() ? owed->done.floor() : std::min(owed->done.floor(), owed->dead.begin()->first);
    if (!owed->dead.empty()) here.erased_below = std::min(here.erased_below, first);
    here.let_go({first, here.next.value - first.value});   // what it alone still owed
    schedules_.settled(e.topic, lane, {first, here.next.value - first.value});
  });
  std::erase(topic->by_name, &group->second);
  topic->groups.erase(group);
  --group_count_;
  changed_groups_.erase({e.topic, e.group});
  deleted_groups_.emplace_back(e.topic, e.group);
  changed_topics_.insert(e.topic);
  return {};
}

Result<State::Target, Corruption> State::target(TopicId topic, GroupId group, Lane lane) {
  Topic* t = find_topic(topic);
  if (t == nullptr) return failed(unknown_topic(topic).error());
  const auto it = t->groups.find(group);
  GroupLane* l = it == t->groups.end() || lane.value >= lane_count ? nullptr : it->second.lanes.find(lane);
  if (l == nullptr) {
    return failed(Corruption{"an event names group " + std::to_string(group.value) + ", lane " + std::to_string(lane.value) +
                             " of topic '" + t->name + "', which is not there"});
  }
  changed_topics_.insert(topic);
  changed_groups_.insert({topic, group});
  return Target{t, &it->second, l};
}

void State::raise_horizons(Topic& topic) {
  topic.lanes.each([&](Lane lane, TopicLane& here) { here.raise_horizon(topic.low(lane)); });
}

/// Nothing is left of a dead message, or of one that was dead.
void State::forget_dead(const Target& at, Lane lane, Offset offset) {
  at.lane->dead.erase(offset);
  at.lane->redriven.erase(offset);
  at.lane->changed_dead.insert(offset);
  TopicLane& here = *at.topic->lanes.find(lane);
  here.let_go({offset, 1});
  here.erased_below = std::min(here.erased_below, offset);
}

/// Offsets are done for the group: their retries are over, and so is what was redriven.
void State::settle(const Target& at, Lane lane, OffsetRun run) {
  GroupLane& owed = *at.lane;
  at.group->done += owed.done.add(run.first, run.count);
  for (auto it = owed.retries.lower_bound(run.first); it != owed.retries.end() && it->first < run.end(); it = owed.retries.erase(it))
    owed.changed_retries.insert(it->first);
  at.topic->lanes.find(lane)->let_go(run);
  for (auto it = owed.redriven.lower_bound(run.first); it != owed.redriven.end() && *it < run.end();) forget_dead(at, lane, *it++);
  schedules_.settled(at.topic->id, lane, run);
}

Result<void, Corruption> State::on(const Done& e, Position position, WallTime time) {
  const auto at = target(e.topic, e.group, e.lane);
  if (!at) return failed(at.error());
  const Offset next = at->topic->lanes.find(e.lane)->next;
  for (const OffsetRun& run : e.runs) {
    if (run.end() > next) return failed(Corruption{"a Done event reaches beyond the end of topic '" + at->topic->name + "'"});
    settle(*at, e.lane, run);
  }
  at->lane->finished.note(at->lane->done.floor(), time);
  if (e.lent && *e.lent > at->lane->lent) {
    at->lane->lent = *e.lent;
    at->lane->lent_position = position;
  }
  return {};
}

Result<void, Corruption> State::on(const Retry& e, Position position, WallTime time) {
  const auto at = target(e.topic, e.group, e.lane);
  if (!at) return failed(at.error());
  if (!at->lane->owes(e.offset)) return {};
  const auto [entry, is_first] = at->lane->retries.try_emplace(e.offset);
  RetryState& retry = entry->second;
  if (const auto dead = at->lane->dead.find(e.offset); is_first && dead != at->lane->dead.end()) retry.failures = dead->second.failures;
  at->lane->changed_retries.insert(e.offset);
  retry.due = e.due;
  retry.position = position;
  if (!is_first && e.lease == retry.lease) return {};
  const bool is_death = e.code == failure_worker_lost;
  if (e.attempts > retry.attempts) {
    if (!is_death && retry.failed() == 0) retry.since = time;
    retry.deaths += is_death ? 1 : 0;
    retry.deaths_in_row += is_death ? 1 : 0;
    retry.failures.add({time, e.worker, e.code, e.text});
  }
  // Who gives it back for later has looked at it and lives; who does so at once may never have begun.
  if (!is_death && (e.attempts > retry.attempts || e.due > time)) retry.deaths_in_row = 0;
  retry.attempts = e.attempts;
  retry.lease = e.lease;
  retry.code = e.code;
  return {};
}

Result<void, Corruption> State::on(const Dead& e, Position position, WallTime time) {
  const auto at = target(e.topic, e.group, e.lane);
  if (!at) return failed(at.error());
  if (e.offset >= at->topic->lanes.find(e.lane)->next)
    return failed(Corruption{"a Dead event reaches beyond the end of topic '" + at->topic->name + "'"});
  GroupLane& owed = *at->lane;
  Failures failures;
  if (const auto retry = owed.retries.find(e.offset); retry != owed.retries.end())
    failures = std::move(retry->second.failures);
  else if (const auto before = owed.dead.find(e.offset); before != owed.dead.end())
    failures = std::move(before->second.failures);
  failures.add({time, e.worker, e.code, e.text});
  settle(*at, e.lane, {e.offset, 1});
  owed.finished.note(owed.done.floor(), time);
  owed.dead[e.offset] = {e.attempts, e.reason, std::move(failures), time, position, {}, {}};
  owed.changed_dead.insert(e.offset);
  return {};
}

Result<void, Corruption> State::on(const Redrive& e, Position position, WallTime) {
  const auto at = target(e.topic, e.group, e.lane);
  if (!at) return failed(at.error());
  GroupLane& owed = *at->lane;
  for (const OffsetRun& run : e.runs) {
    for (auto it = owed.dead.lower_bound(run.first); it != owed.dead.end() && it->first < run.end(); ++it) {
      if (it->second.is_redriven()) continue;
      it->second.leases_from = e.leases_from;
      it->second.redriven = position;
      owed.redriven.insert(it->first);
      cut_held(owed, {it->first, 1});   // that was of an older lease
      owed.changed_dead.insert(it->first);
    }
  }
  return {};
}

Result<void, Corruption> State::on(const DeadPurge& e, Position, WallTime) {
  const auto at = target(e.topic, e.group, e.lane);
  if (!at) return failed(at.error());
  for (const OffsetRun& run : e.runs) {
    for (auto it = at->lane->dead.lower_bound(run.first); it != at->lane->dead.end() && it->first < run.end();) {
      const auto dead = it++;
      if (!dead->second.is_redriven()) forget_dead(*at, e.lane, dead->first);
    }
  }
  return {};
}

Result<void, Corruption> State::on(const Held& e, Position, WallTime) {
  const auto at = target(e.topic, e.group, e.lane);
  if (!at) return failed(at.error());
  for (const OffsetRun& run : e.runs) {
    cut_held(*at->lane, run);
    at->lane->held.emplace(run.first, HeldState{run.count, e.client});
    at->lane->changed_held.insert(run.first);
  }
  return {};
}

Result<void, Corruption> State::on(const Retain& e, Position, WallTime) {
  Topic* topic = find_topic(e.topic);
  if (topic == nullptr) return unknown_topic(e.topic);
  TopicLane* lane = e.lane.value < lane_count ? topic->lanes.find(e.lane) : nullptr;
  if (lane == nullptr || e.horizon > lane->next)
    return failed(Corruption{"a Retain event names a lane or offset of topic '" + topic->name + "' that is not there"});
  lane->raise_horizon(e.horizon);
  schedules_.settled(e.topic, e.lane, {Offset(0), e.horizon.value});
  changed_topics_.insert(e.topic);
  return {};
}

Result<void, Corruption> State::on(const ProducerPut& e, Position, WallTime time) {
  producers_.put(e.producer, e.epoch, time);
  return {};
}

}  // namespace takt::core
