#include "broker/core/schedules.h"

#include <algorithm>

#include "broker/core/staged_for.h"
#include "proto/planted_bug.h"

namespace takt::core {
namespace {

auto unknown(ScheduleId id) { return failed(Corruption{"an event names schedule " + std::to_string(id.value) + ", which is not there"}); }

/// Occurrences that the rule brings, in order; the others come between them.
bool has_turn(proto::Outcome outcome) { return outcome != proto::Outcome::kManual && outcome != proto::Outcome::kBuffered; }

}  // namespace

const Schedule* Schedules::find(ScheduleId id) const {
  const auto it = schedules_.find(id);
  return it == schedules_.end() ? nullptr : &it->second;
}

const Schedule* Schedules::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &schedules_.at(it->second);
}

Schedule* Schedules::find_known(ScheduleId id) {
  const auto it = schedules_.find(id);
  if (it == schedules_.end()) return nullptr;
  changed_.insert(id);
  return &it->second;
}

void Schedules::disarm(Schedule& schedule, scheduler::TimerWheel& wheel) {
  if (schedule.next) wheel.disarm(schedule.timer);   // unless it has fired
  schedule.next.reset();
}

void Schedules::arm(Schedule& schedule, const std::optional<NextOccurrence>& next, Position position, scheduler::TimerWheel& wheel) {
  disarm(schedule, wheel);
  schedule.next = next;
  if (!next) return;
  // What is due already comes next.
  schedule.timer = {std::max(next->due, wheel.fired_to().due), scheduler::TimerId(position.value)};
  wheel.arm({schedule.timer, tag_of(schedule.id)});
}

void Schedules::wait(Schedule& schedule, std::optional<WallTime> planned) {
  const auto message = std::tuple(schedule.last->topic, schedule.last->lane, schedule.last->offset);
  schedule.waiting = planned;
  if (planned)
    awaited_[message] = schedule.id;
  else
    awaited_.erase(message);
}

void Schedules::settled(TopicId topic, Lane lane, OffsetRun run) {
  for (auto it = awaited_.lower_bound({topic, lane, run.first}); it != awaited_.end() && it->first < std::tuple(topic, lane, run.end());
       ++it)
    settled_.push_back(it->second);
}

Result<void, Corruption> Schedules::on(const CronPut& e, Position position, scheduler::TimerWheel& wheel) {
  const auto named = by_name_.find(e.name);
  if (named == by_name_.end() ? e.schedule != next_id_ : e.schedule != named->second)
    return failed(Corruption{"schedule '" + e.name + "' is put under an id that is not its own"});
  Schedule& schedule = schedules_[e.schedule];
  if (named == by_name_.end()) {
    next_id_ = next_id_.plus(1);
    by_name_.emplace(e.name, e.schedule);
    schedule.id = e.schedule;
    schedule.name = e.name;
  }
  schedule.topic = e.topic;
  schedule.lane = e.lane;
  schedule.settings = e.settings;
  schedule.metadata = e.metadata;
  schedule.payload = e.payload;
  schedule.anchor = e.anchor;
  schedule.decided_to = e.decided_to;
  arm(schedule, e.next, position, wheel);
  changed_.insert(e.schedule);
  put_.insert(e.schedule);
  made_ += 1 + (e.metadata.size() + e.payload.size()) / row_value_bytes_max;
  return {};
}

Result<void, Corruption> Schedules::on(const CronDel& e, scheduler::TimerWheel& wheel) {
  Schedule* const schedule = find_known(e.schedule);
  if (schedule == nullptr) return unknown(e.schedule);
  disarm(*schedule, wheel);
  if (schedule->waiting) wait(*schedule, std::nullopt);
  by_name_.erase(schedule->name);
  schedules_.erase(e.schedule);
  changed_.erase(e.schedule);
  put_.erase(e.schedule);
  deleted_.push_back(e.schedule);
  return {};
}

Result<void, Corruption> Schedules::on(const CronRearm& e, Position position, scheduler::TimerWheel& wheel) {
  Schedule* const schedule = find_known(e.schedule);
  if (schedule == nullptr) return unknown(e.schedule);
  schedule->is_paused = e.is_paused;
  schedule->decided_to = e.decided_to;
  arm(*schedule, e.next, position, wheel);
  return {};
}

Result<void, Corruption> Schedules::on(const CronFire& e, Position position, WallTime time, scheduler::TimerWheel& wheel) {
  Schedule* const schedule = find_known(e.schedule);
  if (schedule == nullptr) return unknown(e.schedule);
  const auto wrong = [&](const std::string& what) {
    return failed(Corruption{"a CronFire event of schedule '" + schedule->name + "' " + what});
  };
  if (e.message.has_value() != proto::is_fired(e.outcome)) return wrong("has a message and did not fire, or fired without one");
  if (e.outcome == proto::Outcome::kBuffered ? !schedule->waiting
                                             : e.outcome == proto::Outcome::kWaits && (schedule->waiting || !schedule->last))
    return wrong("waits, or has waited, where nothing can");
  if (has_turn(e.outcome)) {
    if (e.planned <= schedule->decided_to) return wrong("comes a second time");
    if (!planted(PlantedBug::kOccurrenceAgain)) schedule->decided_to = e.planned;
    arm(*schedule, e.next, position, wheel);
  }
  if (e.outcome == proto::Outcome::kManual) triggered_ = e.planned;
  if (e.message) {
    // One that waits, of a policy that has changed since, waits for this message now.
    const std::optional<WallTime> waiting = e.outcome == proto::Outcome::kBuffered ? std::nullopt : schedule->waiting;
    if (schedule->waiting) wait(*schedule, std::nullopt);
    schedule->last = e.message;
    if (waiting) wait(*schedule, waiting);
  }
  if (e.outcome == proto::Outcome::kWaits)
    wait(*schedule, e.planned);
  else
    remember(*schedule, e, time);
  return {};
}

void Schedules::remember(Schedule& schedule, const CronFire& e, WallTime time) {
  (e.message ? schedule.fired : schedule.skipped) += e.count;
  std::vector<Schedule::Past>& history = schedule.history;
  if (!e.message && !history.empty() && history.back().outcome == e.outcome) {
    history.back().planned = e.planned;
    history.back().decided = time;
    history.back().count += e.count;
    return;
  }
  if (history.size() == Schedule::history_max) history.erase(history.begin());
  std::optional<Position> message;
  if (e.message) message = e.message->position;
  history.push_back({e.planned, time, e.outcome, e.count, message});
}

}  // namespace takt::core
