// Schedules come round: what becomes of each occurrence, decided by the leader and said in the log.

#include <algorithm>

#include "broker/core/occurrences.h"
#include "broker/core/partition_body.h"
#include "proto/check.h"
#include "proto/record.h"

namespace takt::core {
namespace {

constexpr int schedules_per_turn = 16;   // the rest with the next turn; after a long downtime each may take half a millisecond
constexpr std::chrono::seconds room_retry_after{1};

}  // namespace

/// What each occurrence takes is there: else it waits, and nothing is said of it.
Result<FiredMessage, Refusal> Partition::Body::send_occurrence(const Schedule& schedule, WallTime planned, Now now) {
  proto::SectionBuilder builder;
  builder.add(occurrence_record(schedule.name, schedule.metadata, planned), as_bytes(schedule.payload));
  proto::Sections sections = builder.take();
  const std::size_t bytes = sections.metadata.size() + sections.payload.size();
  if (auto room = check_room(schedule.topic, bytes); !room) return failed(std::move(room.error()));
  const auto topic = ensure_topic(schedule.topic, now);
  if (!topic) return failed(topic.error());
  PendingRun run;
  run.topic = *topic;
  run.lane = schedule.lane;
  run.run_class = proto::RunClass::kImmediate;
  run.count = 1;
  run.stamp.count = 1;
  run.metadata_checksum = proto::section_checksum(sections.metadata);
  run.payload_checksum = proto::section_checksum(sections.payload);
  run.metadata = SharedBytes::own(std::move(sections.metadata));
  run.payload = SharedBytes::own(std::move(sections.payload));
  const Journal::Stored stored = journal_.stage(std::move(run), now.wall);
  count_enqueued(*topic, 1, bytes);
  return FiredMessage{*topic, schedule.lane, stored.offset, stored.position};
}

/// The metadata of a schedule's message with the name of the occurrence.
std::vector<std::byte> Partition::Body::occurrence_record(const std::string& schedule, const std::string& message, WallTime planned) {
  auto metadata = proto::decode_record(as_bytes(message));
  check(metadata.has_value(), "the message of a schedule was checked when it was put");
  metadata->schedule = schedule;
  metadata->planned = planned;
  std::vector<std::byte> record;
  proto::append_record(record, *metadata);
  return record;
}

/// Every group of its topic has done the message or given it up, or the one that the schedule names has.
bool Partition::Body::is_done(const FiredMessage& message, const std::string& group_name) {
  const Topic* topic = journal_.state().find_topic(message.topic);
  if (topic == nullptr) return true;
  const auto is_done_for = [&](const Group& group) {
    const GroupLane* lane = group.lanes.find(message.lane);
    return lane != nullptr && lane->done.contains(message.offset);
  };
  if (!group_name.empty()) {
    const Group* group = topic->find_group(group_name);
    return group != nullptr && is_done_for(*group);
  }
  if (topic->groups.empty()) return topic->lanes.find(message.lane)->horizon > message.offset;
  return std::ranges::all_of(topic->groups, [&](const auto& entry) { return is_done_for(entry.second); });
}

/// For the groups whose done would count.
void Partition::Body::give_up(const FiredMessage& message, const std::string& group_name, Now now) {
  const Topic* topic = journal_.state().find_topic(message.topic);
  if (topic == nullptr) return;
  for (const auto& [id, group] : topic->groups)
    if (group_name.empty() || group.name == group_name) dispatcher_.withdraw(message.topic, id, message.lane, message.offset, now);
}

/// What is wanted of an occurrence, as far as the one before it allows.
proto::Outcome Partition::Body::beside_the_last(const Schedule& schedule, proto::Outcome wanted) {
  if (!schedule.last || is_done(*schedule.last, schedule.settings.overlap_group)) return wanted;
  switch (schedule.settings.overlap) {
    case proto::Overlap::kAllow:
    case proto::Overlap::kReplace: return wanted;
    case proto::Overlap::kAtMostOne: return proto::Outcome::kOverlap;
    case proto::Overlap::kBufferOne: return schedule.waiting ? proto::Outcome::kOverlap : proto::Outcome::kWaits;
  }
  return wanted;
}

/// The message, if it is fired, and what is said of it in one commit.
Result<CronFire, Refusal> Partition::Body::stage_occurrence(const Schedule& schedule, CronFire fire, Now now) {
  if (proto::is_fired(fire.outcome)) {
    const std::size_t bytes = run_overhead_bytes + schedule.metadata.size() + schedule.payload.size();
    if (journal_.bytes() > 0 && journal_.bytes() + bytes > commit_bytes_target) close_commit(now);
    auto sent = send_occurrence(schedule, fire.planned, now);
    if (!sent) return failed(std::move(sent.error()));
    if (schedule.last && schedule.settings.overlap == proto::Overlap::kReplace)
      give_up(*schedule.last, schedule.settings.overlap_group, now);
    fire.message = *sent;
  }
  journal_.stage(fire, now.wall);
  occurrences_[static_cast<std::size_t>(fire.outcome) - 1] += fire.count;
  return fire;
}

void Partition::Body::start_schedules(Now now) {
  const State& state = journal_.state();
  std::vector<CronRearm> moved;
  for (const auto& [id, schedule] : state.schedules().all()) {
    if (schedule.is_due(state.wheel()) || schedule.waiting) schedule_turns_.set(id, now.mono);
    if (schedule.is_paused) continue;
    const auto occurrences = Occurrences::parse(schedule.name, schedule.settings, schedule.anchor);
    if (!occurrences) continue;   // a zone that is not known on this machine: it waits for one where it is
    const auto next = occurrences->next(schedule.decided_to);
    if (next != schedule.next) moved.push_back({id, false, schedule.decided_to, next});
  }
  for (const CronRearm& rearm : moved) journal_.stage(rearm, now.wall);   // the clocks of its zone have other rules now
}

void Partition::Body::turn_schedules(Now now) {
  for (const ScheduleId id : journal_.state().schedules().take_settled()) schedule_turns_.set(id, now.mono);
  for (int i = 0; i < schedules_per_turn && staged_bytes() < commit_bytes_target; ++i) {
    const auto id = schedule_turns_.pop_due(now.mono);
    if (!id) return;
    if (!take_turn(*id, now)) schedule_turns_.set(*id, now.mono + room_retry_after);
  }
}

/// False: there is no room for the message, and it has to wait.
bool Partition::Body::take_turn(ScheduleId id, Now now) {
  const State& state = journal_.state();
  const Schedule* schedule = state.schedules().find(id);
  if (schedule == nullptr) return true;   // deleted meanwhile
  if (schedule->waiting && !schedule->is_paused && beside_the_last(*schedule, proto::Outcome::kBuffered) == proto::Outcome::kBuffered) {
    const CronFire fire{id, *schedule->waiting, proto::Outcome::kBuffered, 1, {}, {}};
    if (!stage_occurrence(*schedule, fire, now)) return false;
  }
  if (!schedule->is_due(state.wheel())) return true;
  const auto occurrences = Occurrences::parse(schedule->name, schedule->settings, schedule->anchor);
  if (!occurrences) return true;   // see start_schedules()
  const auto verdict = occurrences->judge(schedule->next->planned, journal_.time(now.wall));
  const auto outcome = verdict.outcome == proto::Outcome::kMissed ? verdict.outcome : beside_the_last(*schedule, verdict.outcome);
  const CronFire fire{id, verdict.planned, outcome, verdict.count, {}, occurrences->next(verdict.planned)};
  const WallTime due = schedule->next->due;
  if (!stage_occurrence(*schedule, fire, now)) return false;
  if (proto::is_fired(outcome)) note_fired(due);
  return true;
}

}  // namespace takt::core
