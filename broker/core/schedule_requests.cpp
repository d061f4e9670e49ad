// Requests about schedules.

#include <algorithm>

#include "broker/core/occurrences.h"
#include "broker/core/partition_body.h"
#include "proto/limits.h"
#include "proto/record.h"
#include "proto/section.h"

namespace takt::core {
namespace {

constexpr std::size_t listed_max = 500;   // some hundred kilobytes

Refusal unknown_schedule(const std::string& name) {
  return {ErrorCode::kUnknownSchedule, "schedule '" + name + "' does not exist; `takt schedule put` makes one"};
}

std::uint64_t to_ms(WallTime time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }

std::optional<std::uint64_t> planned_ms(const std::optional<NextOccurrence>& next) {
  return next ? std::optional(to_ms(next->planned)) : std::nullopt;
}

bool comes_at_the_same_times(const proto::ScheduleSettings& a, const proto::ScheduleSettings& b) {
  return a.rule == b.rule && a.zone == b.zone && a.start_ms == b.start_ms && a.end_ms == b.end_ms;
}

proto::ScheduleEntry entry_of(const Schedule& schedule, PartitionId partition) {
  proto::ScheduleEntry entry;
  entry.partition = partition;
  entry.schedule = schedule.name;
  entry.topic = schedule.topic;
  entry.lane = schedule.lane;
  entry.settings = schedule.settings;
  if (const auto metadata = proto::decode_record(as_bytes(schedule.metadata))) entry.kind = metadata->kind;
  entry.payload_bytes = schedule.payload.size();
  entry.paused = schedule.is_paused;
  entry.next_ms = planned_ms(schedule.next);
  if (schedule.next) entry.next_due_ms = to_ms(schedule.next->due);
  entry.waits = schedule.waiting.has_value();
  entry.fired = schedule.fired;
  entry.skipped = schedule.skipped;
  if (const auto occurrences = Occurrences::parse(schedule.name, schedule.settings, schedule.anchor); !occurrences)
    entry.trouble = occurrences.error().message;
  return entry;
}

}  // namespace

void Partition::Body::decide(Session&, ClientRequest& request, proto::PutSchedule& put, Now now) {
  const Schedules& schedules = journal_.state().schedules();
  const Schedule* const there = schedules.find(put.schedule);
  const proto::SectionView message(request.metadata.bytes, request.payload.bytes, 1);
  CronPut event{.schedule = there != nullptr ? there->id : schedules.next_id(),
                .name = put.schedule,
                .topic = put.topic,
                .lane = put.lane,
                .settings = put.settings,
                .metadata = std::string(as_text(message.metadata(0))),
                .payload = std::string(as_text(message.payload(0))),
                .anchor = journal_.time(now.wall),
                .decided_to = journal_.time(now.wall),
                .next = {}};
  if (there != nullptr && there->topic == put.topic && there->lane == put.lane && there->settings == put.settings &&
      there->metadata == event.metadata && there->payload == event.payload)
    return answer(request, proto::ScheduleDone{proto::PutOutcome::kUnchanged, planned_ms(there->next)});
  if (there == nullptr && schedules.all().size() >= settings_.schedules_max)
    return refuse(request, {ErrorCode::kTooManySchedules, "schedule '" + put.schedule + "' cannot be made: there are " +
                                                              std::to_string(settings_.schedules_max) +
                                                              " already; delete unused ones or raise limits.schedules"});
  if (auto room = check_made(); !room) return refuse(request, std::move(room.error()));
  if (auto room = check_room(put.topic, event.metadata.size() + event.payload.size()); !room)
    return refuse(request, std::move(room.error()));
  if (there != nullptr && comes_at_the_same_times(there->settings, put.settings)) {
    event.anchor = there->anchor;
    event.decided_to = there->decided_to;
  } else if (there != nullptr) {
    event.decided_to = std::max(event.decided_to, there->decided_to);
  }
  const auto occurrences = Occurrences::parse(put.schedule, put.settings, event.anchor);
  if (!occurrences) return refuse(request, occurrences.error());
  const auto next = occurrences->next(event.decided_to);
  if (!next) return refuse(request, {ErrorCode::kBadField, "put_schedule: field 'settings': no occurrence comes any more before its end"});
  if (const std::size_t bytes = occurrence_record(put.schedule, event.metadata, next->planned).size(); bytes > limits::metadata_bytes_max)
    return refuse(request, {ErrorCode::kMessageTooLarge, "the schedule's message has metadata of " + std::to_string(bytes) +
                                                             " bytes with the schedule's name and may have " +
                                                             std::to_string(limits::metadata_bytes_max)});
  const bool is_paused = there != nullptr && there->is_paused;
  if (!is_paused) event.next = next;
  const auto outcome = there == nullptr ? proto::PutOutcome::kCreated : proto::PutOutcome::kChanged;
  if (there != nullptr && there->waiting) schedule_turns_.set(there->id, now.mono);   // perhaps it need not any more
  journal_.stage(event, now.wall);
  answer(request, proto::ScheduleDone{outcome, planned_ms(event.next)});
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::DeleteSchedule& remove, Now now) {
  const Schedule* const schedule = journal_.state().schedules().find(remove.schedule);
  if (schedule == nullptr) return refuse(request, unknown_schedule(remove.schedule));
  journal_.stage(CronDel{schedule->id}, now.wall);
  answer(request, proto::ScheduleDeleted{});
}

/// What came while it was paused does not come later: it was paused so that it would not come.
void Partition::Body::decide(Session&, ClientRequest& request, proto::PauseSchedule& pause, Now now) {
  const Schedule* const schedule = journal_.state().schedules().find(pause.schedule);
  if (schedule == nullptr) return refuse(request, unknown_schedule(pause.schedule));
  const bool is_changed = schedule->is_paused != pause.paused;
  if (is_changed) {
    CronRearm rearm{schedule->id, pause.paused, std::max(schedule->decided_to, journal_.time(now.wall)), {}};
    if (!pause.paused) {
      const auto occurrences = Occurrences::parse(schedule->name, schedule->settings, schedule->anchor);
      if (!occurrences) return refuse(request, occurrences.error());
      rearm.next = occurrences->next(rearm.decided_to);
      if (schedule->waiting) schedule_turns_.set(schedule->id, now.mono);
    }
    journal_.stage(rearm, now.wall);
  }
  answer(request, proto::SchedulePaused{is_changed, planned_ms(schedule->next)});
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::TriggerSchedule& trigger, Now now) {
  const Schedule* const schedule = journal_.state().schedules().find(trigger.schedule);
  if (schedule == nullptr) return refuse(request, unknown_schedule(trigger.schedule));
  // A name of its own: no rule plans for anything but a whole second.
  WallTime planned = std::max(journal_.time(now.wall), journal_.state().schedules().triggered() + std::chrono::milliseconds(1));
  if (planned == std::chrono::floor<std::chrono::seconds>(planned)) planned += std::chrono::milliseconds(1);
  if (beside_the_last(*schedule, proto::Outcome::kManual) != proto::Outcome::kManual)
    return answer(request,
                  proto::ScheduleTriggered{settings_.partition, {to_ms(planned), to_ms(planned), proto::Outcome::kOverlap, 1, {}}});
  auto fired = stage_occurrence(*schedule, {schedule->id, planned, proto::Outcome::kManual, 1, {}, {}}, now);
  if (!fired) return refuse(request, std::move(fired.error()));
  answer(request,
         proto::ScheduleTriggered{settings_.partition,
                                  {to_ms(planned), to_ms(journal_.time(now.wall)), proto::Outcome::kManual, 1, fired->message->position}});
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::ListSchedules& list, Now) {
  const Schedules& schedules = journal_.state().schedules();
  proto::Schedules page;
  for (auto it = schedules.by_name().upper_bound(list.after); it != schedules.by_name().end() && page.schedules.size() < listed_max; ++it)
    page.schedules.push_back(entry_of(*schedules.find(it->second), settings_.partition));
  answer(request, std::move(page));
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::ShowSchedule& show, Now) {
  const Schedule* const schedule = journal_.state().schedules().find(show.schedule);
  if (schedule == nullptr) return refuse(request, unknown_schedule(show.schedule));
  proto::ScheduleShown shown{entry_of(*schedule, settings_.partition), {}, {}};
  if (const auto occurrences = Occurrences::parse(schedule->name, schedule->settings, schedule->anchor)) {
    for (auto next = schedule->next; next && shown.upcoming.size() < show.upcoming_max; next = occurrences->next(next->planned))
      shown.upcoming.push_back(to_ms(next->planned));
  }
  for (const Schedule::Past& past : schedule->history)
    shown.history.push_back({to_ms(past.planned), to_ms(past.decided), past.outcome, past.count, past.message});
  std::ranges::reverse(shown.history);
  answer(request, std::move(shown));
}

}  // namespace takt::core
