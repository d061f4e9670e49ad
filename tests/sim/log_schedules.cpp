// What the log says of schedules: each occurrence once, not early, and its message in the commit that says so.

#include "tests/sim/log_view.h"

#include <algorithm>

#include "proto/record.h"
#include "proto/section.h"

namespace takt::sim {

namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }

}  // namespace

LogView::Complaint LogView::add_occurrence(const core::RunView& run, TopicView& topic) {
  TopicLog& log = topic.lanes[run.lane];
  if (run.count != 1 || run.run_class != proto::RunClass::kImmediate || run.first_offset.value != log.messages.size())
    return "a message of a schedule that is not one at the end of its lane";
  const auto record = proto::decode_record(proto::SectionView(run.metadata, run.payload, 1).metadata(0));
  if (!record || !record->schedule || !record->planned) return "a message of no schedule";
  if (sent_) return "two occurrences at once";
  sent_ = Occurrence{*record->schedule, *record->planned, run.topic, run.lane, run.first_offset, run.first_position};
  if (!occurrences_.emplace(*record->schedule, *record->planned).second)
    return "occurrence " + number(static_cast<std::uint64_t>(record->planned->time_since_epoch().count())) + " of " + *record->schedule +
           " twice";
  by_position_.push_back({run.topic, run.lane, run.first_offset, run.first_position, now_});
  log.messages.push_back({0, run.first_position, time_, 0});
  log.bytes += run.metadata.size() + run.payload.size();
  topic.message_bytes_max = std::max(topic.message_bytes_max, run.metadata.size() + run.payload.size() + 1);
  owed_ += topic.groups.size();
  return std::nullopt;
}

void LogView::arm(ScheduleView& schedule, const std::optional<core::NextOccurrence>& next) {
  schedule.next = next;
  schedule.is_due = false;
  if (next) schedule.timer = {std::max(next->due, fired_to_.first), at_};
}

LogView::Complaint LogView::on(const core::CronPut& e) {
  ScheduleView& schedule = schedules_[e.schedule];
  if (!schedule.name.empty() && schedule.name != e.name) return "schedule " + e.name + " under the id of another";
  if (e.decided_to < schedule.decided_to) return "schedule " + e.name + ", put so that it may fire twice";
  if (e.next && (e.next->planned <= e.decided_to || e.next->due < e.next->planned))
    return "schedule " + e.name + " with a next one that is past";
  schedule.name = e.name;
  schedule.topic = e.topic;
  schedule.decided_to = e.decided_to;
  arm(schedule, e.next);
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::CronDel& e) {
  return schedules_.erase(e.schedule) == 1 ? std::nullopt : Complaint("the end of a schedule that is not there");
}

LogView::Complaint LogView::on(const core::CronRearm& e) {
  const auto it = schedules_.find(e.schedule);
  if (it == schedules_.end()) return "a CronRearm of a schedule that is not there";
  if (e.decided_to < it->second.decided_to) return "schedule " + it->second.name + ", moved so that it may fire twice";
  it->second.decided_to = e.decided_to;
  arm(it->second, e.next);
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::CronFire& e) {
  const auto it = schedules_.find(e.schedule);
  if (it == schedules_.end()) return "an occurrence of a schedule that is not there";
  ScheduleView& schedule = it->second;
  const std::string what = "an occurrence of schedule " + schedule.name;
  const bool is_triggered = e.outcome == proto::Outcome::kManual;
  const bool had_waited = e.outcome == proto::Outcome::kBuffered;
  if (!is_triggered && !had_waited) {
    if (!schedule.is_due || e.planned > time_) return what + " before it is due";
    if (e.planned < schedule.next->planned || e.planned <= schedule.decided_to) return what + " twice";
    if (e.outcome != proto::Outcome::kMissed && e.planned != schedule.next->planned) return what + " out of turn";
    schedule.decided_to = e.planned;
    arm(schedule, e.next);
  }
  if (had_waited != (had_waited && schedule.waits)) return what + " that did not wait";
  if (e.outcome == proto::Outcome::kWaits || had_waited) schedule.waits = !had_waited;
  if (proto::is_fired(e.outcome) != sent_.has_value()) return what + " with a message and not fired, or fired without one";
  if (!sent_) return std::nullopt;
  const Occurrence sent = *std::exchange(sent_, std::nullopt);
  const bool is_it = sent.schedule == schedule.name && sent.planned == e.planned &&
                     e.message == core::FiredMessage{sent.topic, sent.lane, sent.offset, sent.position};
  return is_it ? std::nullopt : Complaint(what + " with the message of another");
}

}  // namespace takt::sim
