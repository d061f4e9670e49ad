#include "tests/sim/log_view.h"

#include "broker/core/staged_for.h"

#include <algorithm>
#include <charconv>

#include "proto/record.h"
#include "proto/section.h"

namespace takt::sim {
namespace {

std::string number(std::uint64_t n) { return std::to_string(n); }

bool keeps(const proto::TopicSettings& settings) { return settings.keep_ms != 0 || settings.keep_bytes != 0; }

}  // namespace

std::string payload_of(Value value, std::size_t bytes) {
  std::string text = std::to_string(value) + ":";
  text.resize(std::max(text.size(), bytes), 'x');
  return text;
}

std::optional<Value> value_of(ByteView payload) {
  const std::string_view text = as_text(payload);
  Value value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data() + text.size() || *end != ':') return std::nullopt;
  return value;
}

std::uint64_t TopicView::owed(const GroupView& group) const {
  std::uint64_t open = 0;
  for (const auto& [lane, log] : lanes) {
    const auto view = group.lanes.find(lane);
    open += log.messages.size();
    if (view != group.lanes.end()) open -= view->second.start + view->second.done.size() - view->second.redriven.size();
  }
  return open;
}

std::uint64_t TopicView::low(Lane lane) const {
  const auto log = lanes.find(lane);
  if (log == lanes.end()) return 0;
  if (groups.empty()) return log->second.horizon;
  std::uint64_t low = keeps(settings) ? log->second.horizon : log->second.messages.size();
  for (const auto& [group_id, group] : groups) {
    const auto owed = group.lanes.find(lane);
    low = std::min(low, owed == group.lanes.end() ? 0 : owed->second.floor);
  }
  return low;
}

std::uint64_t TopicView::mean_bytes() const {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  for (const auto& [lane, log] : lanes) messages += log.messages.size() + log.scheduled + log.cancelled, bytes += log.bytes;
  return messages == 0 ? 1 : std::max<std::uint64_t>(1, bytes / messages);
}

std::uint64_t TopicView::retained() const {
  std::uint64_t messages = 0;
  for (const auto& [lane, log] : lanes) messages += log.messages.size() - low(lane) + log.scheduled;
  return messages;
}

// ---- looking

const Place* LogView::find(Value value) const {
  const auto it = places_.find(value);
  return it == places_.end() ? nullptr : &it->second;
}

const Place* LogView::find(Value value, Position position) const { return const_cast<LogView&>(*this).place_of(value, position); }

Place* LogView::place_of(Value value, Position position) {
  if (const auto it = places_.find(value); it != places_.end() && it->second.position == position) return &it->second;
  const auto [first, last] = earlier_.equal_range(value);
  const auto it = std::find_if(first, last, [&](const auto& entry) { return entry.second.position == position; });
  return it == last ? nullptr : &it->second;
}

const TopicView* LogView::find_topic(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &topics_.at(it->second);
}

const GroupView* LogView::find_group(const GroupName& name) const {
  const auto all = incarnations_.find(name);
  return all == incarnations_.end() ? nullptr : find_group(all->second.back().group);
}

const GroupView* LogView::find_group(GroupId group) const {
  const TopicView* topic = topic_of(group);
  return topic == nullptr ? nullptr : &topic->groups.at(group);
}

const TopicView* LogView::topic_of(GroupId group) const {
  const auto it = topic_of_.find(group);
  return it == topic_of_.end() ? nullptr : &topics_.at(it->second);
}

const LaneView* LogView::find_lane(GroupId id, Lane lane) const {
  const GroupView* group = find_group(id);
  if (group == nullptr) return nullptr;
  const auto it = group->lanes.find(lane);
  return it == group->lanes.end() ? nullptr : &it->second;
}

std::optional<GroupId> LogView::only_group(const GroupName& name, LogTime since) const {
  const auto all = incarnations_.find(name);
  if (all == incarnations_.end()) return std::nullopt;
  std::optional<GroupId> only;
  for (const Incarnation& one : all->second) {
    if (one.deleted < since) continue;
    if (only) return std::nullopt;
    only = one.group;
  }
  return only;
}

std::optional<LogView::At> LogView::at(Position position) const {
  const auto it = std::ranges::lower_bound(by_position_, position, {}, &Place::position);
  if (it == by_position_.end() || it->position != position) return std::nullopt;
  const auto topic = topics_.find(it->topic);
  At at{topic == topics_.end() ? nullptr : &topic->second, it->lane, std::nullopt, nullptr, it->is_scheduled, it->is_cancelled};
  if (it->offset) at.offset = it->offset->value;
  if (at.topic != nullptr && at.offset) at.message = &at.topic->lanes.at(it->lane).messages[*at.offset];
  return at;
}

// ---- batches

LogView::Complaint LogView::begin(WallTime time, WallTime latest) {
  if (time < time_) return "a commit whose time is before that of the one before";
  if (time > latest) return "a commit whose time no clock has shown";
  if (sent_) return "an occurrence of schedule " + sent_->schedule + " whose event is not in its commit";
  time_ = time;
  latest_ = latest;
  return std::nullopt;
}

LogView::Complaint LogView::add(const core::RunView& run, const MayRepeat& may_repeat) {
  ++now_;
  const auto it = topics_.find(run.topic);
  if (it == topics_.end()) return "a batch of a topic that is not there";
  TopicView& topic = it->second;
  const std::uint64_t bytes = run.metadata.size() + run.payload.size();
  if (topic.settings.bytes_max != 0 && topic.retained() * topic.mean_bytes() + bytes > topic.settings.bytes_max)
    return "a batch of topic " + topic.name + ", which has no room for it";
  if (run.stamp.epoch == 0) return add_occurrence(run, topic);
  Producer& producer = producers_[run.stamp.producer];
  if (run.stamp.epoch < producer.epoch) return "a batch of a producer that was fenced";
  producer = {run.stamp.epoch, time_};

  if (topic.lanes.empty()) topic.weakest = topic.settings;
  TopicLog& log = topic.lanes[run.lane];
  const bool is_scheduled = run.run_class == proto::RunClass::kScheduled;
  if (!is_scheduled && run.first_offset.value != log.messages.size()) return "a batch whose first offset is not the end of its lane";
  const proto::SectionView messages(run.metadata, run.payload, run.count);
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const auto value = value_of(messages.payload(i));
    if (!value) return "a message that nobody sent";
    Place place{run.topic, run.lane, std::nullopt, run.first_position.plus(i), now_, is_scheduled};
    if (!is_scheduled) place.offset = Offset(log.messages.size());
    if (Complaint complaint = store(*value, place, run.stamp.producer, may_repeat)) return complaint;
    if (!is_scheduled)
      log.messages.push_back({*value, place.position, time_, 0});
    else if (Complaint complaint = wait(place, *value, messages.metadata(i), run.taken))
      return complaint;
  }
  log.bytes += bytes;
  topic.message_bytes_max = std::max(topic.message_bytes_max, bytes / run.count + 1);
  if (!is_scheduled) owed_ += run.count * topic.groups.size();
  return std::nullopt;
}

/// What is due already comes next.
LogView::Complaint LogView::wait(const Place& place, Value value, ByteView metadata, WallTime taken) {
  if (taken < time_) return "a scheduled batch that came before its commit was opened";
  const auto record = proto::check_record(metadata);
  if (!record || !record->is_scheduled()) return "message " + number(value) + ", scheduled without a due";
  waiting_.emplace(Due{std::max(record->due(taken), fired_to_.first), place.position},
                   Waiting{place.topic, place.lane, value, time_, place.position});
  ++topics_.at(place.topic).lanes.at(place.lane).scheduled;
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::Fire& e) {
  const auto due_of = [](const scheduler::TimerKey& key) { return Due{key.due, Position(static_cast<std::uint64_t>(key.id))}; };
  for (const scheduler::Timer& timer : e.timers) {
    const Due due = due_of(timer.key);
    const std::string what = "a firing of position " + number(due.second.value);
    if (due.first > time_) return what + " before it is due";
    if (const auto id = core::schedule_of(timer.tag)) {
      const auto schedule = schedules_.find(*id);
      if (schedule == schedules_.end() || !schedule->second.next || schedule->second.is_due || schedule->second.timer != due)
        return what + ", which is no schedule's";
      schedule->second.is_due = true;
      continue;
    }
    const auto at = waiting_.find(due);
    if (at == waiting_.end()) return what + ", which does not wait for that";
    if (at != waiting_.begin()) return what + " ahead of what is due earlier";
    enter(at->second);
    rearmed_.erase(at->second.position);
    waiting_.erase(at);
  }
  const Due up_to = due_of(e.up_to);
  if (up_to < fired_to_) return "a watermark that goes back";
  if (up_to.first > time_) return "a watermark ahead of the clock";
  if (!waiting_.empty() && waiting_.begin()->first <= up_to)
    return "a watermark that passes position " + number(waiting_.begin()->first.second.value);
  for (const auto& [id, schedule] : schedules_)
    if (schedule.next && !schedule.is_due && schedule.timer <= up_to) return "a watermark that passes schedule " + schedule.name;
  fired_to_ = up_to;
  return std::nullopt;
}

/// It takes the next offset of its lane, unless its topic was deleted meanwhile.
void LogView::enter(const Waiting& waiting) {
  const auto topic = topics_.find(waiting.topic);
  if (topic == topics_.end()) return;
  TopicLog& log = topic->second.lanes.at(waiting.lane);
  const Offset offset(log.messages.size());
  log.messages.push_back({waiting.value, waiting.position, waiting.time, 0});
  --log.scheduled;
  owed_ += topic->second.groups.size();
  at_position(waiting.position).offset = offset;
  place_of(waiting.value, waiting.position)->offset = offset;
}

std::optional<LogView::Waiting> LogView::stop_waiting(Position position, WallTime due) {
  const auto rearmed = rearmed_.find(position);
  const Due timer = rearmed == rearmed_.end() ? Due{due, position} : rearmed->second;
  const auto it = waiting_.find(timer);
  if (it == waiting_.end() || timer.first != due || it->second.position != position) return std::nullopt;
  const Waiting waiting = it->second;
  waiting_.erase(it);
  rearmed_.erase(position);
  return waiting;
}

LogView::Complaint LogView::on(const core::Cancel& e) {
  const auto waiting = stop_waiting(e.position, e.due);
  if (!waiting || waiting->topic != e.topic || waiting->lane != e.lane)
    return "a cancelling of position " + number(e.position.value) + ", which does not wait for that";
  TopicLog& log = topics_.at(e.topic).lanes.at(e.lane);
  --log.scheduled;
  ++log.cancelled;
  at_position(e.position).is_cancelled = true;
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::Rearm& e) {
  const auto waiting = stop_waiting(e.position, e.due);
  if (!waiting || waiting->topic != e.topic || waiting->lane != e.lane)
    return "a rescheduling of position " + number(e.position.value) + ", which does not wait for that";
  const Due timer{std::max(e.to, fired_to_.first), at_};
  waiting_.emplace(timer, *waiting);
  rearmed_.emplace(e.position, timer);
  return std::nullopt;
}

LogView::Complaint LogView::store(Value value, const Place& place, ProducerId producer, const MayRepeat& may_repeat) {
  by_position_.push_back(place);
  const auto [known, is_new] = places_.emplace(value, place);
  if (is_new) return std::nullopt;
  const LogTime stored = known->second.stored;
  const auto forgotten = forgotten_.find(producer);
  const bool is_forgotten = forgotten != forgotten_.end() && forgotten->second > stored;
  if (!is_forgotten && !may_repeat(value, stored)) return "message " + number(value) + " stored twice";
  earlier_.emplace(value, known->second);
  known->second = place;
  return std::nullopt;
}

// ---- events

LogView::Complaint LogView::add(const core::Event& event, Position position) {
  ++now_;
  at_ = position;
  return std::visit([this](const auto& e) { return on(e); }, event);
}

LogView::Complaint LogView::on(const core::EpochBegun& e) {
  if (e.epoch.value <= epoch_) return "an epoch that is not above the one before";
  epoch_ = e.epoch.value;
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::TopicPut& e) {
  TopicView& topic = topics_[e.topic];
  if (topic.name.empty()) {
    if (!by_name_.emplace(e.name, e.topic).second) return "topic " + e.name + " made twice";
    topic.id = e.topic;
    topic.name = e.name;
  }
  if (keeps(e.settings) && !keeps(topic.settings)) raise_horizons(topic);
  topic.settings = e.settings;
  topic.weakest.keep_ms = std::min(topic.weakest.keep_ms, e.settings.keep_ms);
  topic.weakest.keep_bytes = std::min(topic.weakest.keep_bytes, e.settings.keep_bytes);
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::TopicDel& e) {
  const auto topic = topics_.find(e.topic);
  if (topic == topics_.end()) return "the end of a topic that is not there";
  for (const auto& [id, group] : topic->second.groups) forget_group(group);
  by_name_.erase(topic->second.name);
  topics_.erase(topic);
  return std::nullopt;
}

void LogView::forget_group(const GroupView& group) {
  owed_ -= topics_.at(topic_of_.at(group.id)).owed(group);
  incarnations_.at(group.name).back().deleted = now_;
  topic_of_.erase(group.id);
}

LogView::Complaint LogView::on(const core::GroupPut& e) {
  const auto it = topics_.find(e.topic);
  if (it == topics_.end()) return "a group of a topic that is not there";
  TopicView& topic = it->second;
  if (const auto known = topic.groups.find(e.group); known != topic.groups.end()) {
    known->second.settings = e.settings;
    return std::nullopt;
  }
  GroupView group{.id = e.group, .name = {topic.name, e.name}, .made = now_, .settings = e.settings, .lanes = {}};
  if (find_group(group.name) != nullptr || names_.contains(e.group)) return "group " + e.name + " made twice";
  if (Complaint complaint = start_group(topic, e, group)) return complaint;
  names_[e.group] = group.name;
  topic_of_[e.group] = e.topic;
  incarnations_[group.name].push_back({e.group, now_});
  owed_ += topic.owed(group);
  const GroupView& made = topic.groups.emplace(e.group, std::move(group)).first->second;
  // What a topic's first group does not begin with is nobody's.
  for (const auto& [lane, view] : made.lanes)
    for (std::uint64_t offset = 0; topic.groups.size() == 1 && offset < view.start; ++offset) note_freeable(topic, lane, offset);
  return std::nullopt;
}

/// A new group begins at the earliest message that is kept, or at the end, and so in every lane.
LogView::Complaint LogView::start_group(const TopicView& topic, const core::GroupPut& e, GroupView& group) {
  std::map<Lane, std::uint64_t> starts;
  for (const core::LaneStart& start : e.starts) starts[start.lane] = start.from.value;
  group.is_from_earliest = group.is_from_now = true;
  for (const auto& [lane, log] : topic.lanes) {
    const std::uint64_t start = starts[lane];
    group.is_from_earliest = group.is_from_earliest && start == topic.low(lane);
    group.is_from_now = group.is_from_now && start == log.messages.size();
    group.lanes[lane].start = group.lanes[lane].floor = start;
  }
  if (!group.is_from_earliest && !group.is_from_now) return "group " + e.name + ", which begins neither at the earliest message nor now";
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::GroupDel& e) {
  const auto it = topics_.find(e.topic);
  const auto group = it == topics_.end() ? std::map<GroupId, GroupView>::iterator() : it->second.groups.find(e.group);
  if (it == topics_.end() || group == it->second.groups.end()) return "the end of a group that is not there";
  TopicView& topic = it->second;
  if (topic.groups.size() == 1) raise_horizons(topic);
  forget_group(group->second);
  topic.groups.erase(group);
  for (auto& [lane, log] : topic.lanes) {
    if (topic.groups.empty()) {
      for (std::uint64_t offset = 0; offset < log.horizon; ++offset)
        if (log.messages[offset].freeable == 0) log.messages[offset].freeable = now_;
    } else {
      for (std::uint64_t offset = 0; offset < log.messages.size(); ++offset) note_freeable(topic, lane, offset);
    }
  }
  return std::nullopt;
}

void LogView::raise_horizons(TopicView& topic) {
  for (auto& [lane, log] : topic.lanes) log.horizon = std::max(log.horizon, topic.low(lane));
}

/// Once every group there is has done it, a later one may find it gone.
void LogView::note_freeable(TopicView& topic, Lane lane, std::uint64_t offset) {
  Stored& message = topic.lanes.at(lane).messages[offset];
  if (message.freeable != 0) return;
  for (const auto& [id, group] : topic.groups) {
    const auto owed = group.lanes.find(lane);
    if (owed == group.lanes.end()) return;
    const bool is_done = offset < owed->second.start || owed->second.is_done(offset);
    if (!is_done || owed->second.dead.contains(offset)) return;
  }
  message.freeable = now_;
}

LogView::Target LogView::target(TopicId topic, GroupId group, Lane lane) {
  const auto t = topics_.find(topic);
  if (t == topics_.end()) return {};
  const auto g = t->second.groups.find(group);
  return g == t->second.groups.end() ? Target{} : Target{&t->second, &g->second, &g->second.lanes[lane]};
}

LogView::Complaint LogView::settle(const Target& at, Lane lane, std::uint64_t offset) {
  const auto log = at.topic->lanes.find(lane);
  if (log == at.topic->lanes.end() || offset >= log->second.messages.size())
    return "an end of offset " + number(offset) + ", behind the end";
  if (at.lane->redriven.erase(offset) == 0 && (offset < at.lane->start || !at.lane->done.insert(offset)))
    return "offset " + number(offset) + " done twice";
  --owed_;
  while (at.lane->done.contains(at.lane->floor)) ++at.lane->floor;
  at.lane->failures.erase(offset);
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::Done& e) {
  const Target at = target(e.topic, e.group, e.lane);
  if (at.lane == nullptr) return "a Done of a group that is not there";
  for (const core::OffsetRun& run : e.runs) {
    for (std::uint64_t offset = run.first.value; offset < run.end().value; ++offset) {
      if (Complaint complaint = settle(at, e.lane, offset)) return complaint;
      note_freeable(*at.topic, e.lane, offset);
    }
  }
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::Held& e) {
  const Target at = target(e.topic, e.group, e.lane);
  if (at.lane == nullptr) return "a Held of a group that is not there";
  for (const core::OffsetRun& run : e.runs)
    for (Offset offset = run.first; offset < run.end(); offset = offset.plus(1)) at.lane->held.insert(offset.value);
  return std::nullopt;
}

/// `keep` lets go of a message only when it is old enough, and not among the newest.
LogView::Complaint LogView::on(const core::Retain& e) {
  const auto it = topics_.find(e.topic);
  if (it == topics_.end()) return "a Retain of a topic that is not there";
  TopicView& topic = it->second;
  TopicLog& log = topic.lanes[e.lane];
  if (e.horizon.value > log.messages.size()) return "a Retain beyond the end of its lane";
  const std::uint64_t newest = topic.settings.keep_bytes / topic.mean_bytes();
  for (std::uint64_t offset = log.horizon; offset < e.horizon.value; ++offset) {
    if (log.messages[offset].time + std::chrono::milliseconds(topic.settings.keep_ms) > latest_ || offset + newest >= log.messages.size())
      return "a Retain of offset " + number(offset) + ", which is to be kept";
  }
  log.horizon = std::max(log.horizon, e.horizon.value);
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::Reclaimed& e) {
  return e.epoch.value == epoch_ ? std::nullopt : Complaint("the end of another term's grace");
}

LogView::Complaint LogView::on(const core::ProducerPut& e) {
  const auto known = producers_.find(e.producer);
  if (known == producers_.end()) return "a producer changed that never sent";
  if (e.epoch > 0) {
    known->second.epoch = e.epoch;
    return std::nullopt;
  }
  const Duration silence = std::min(settings_.producer_idle_expiry, settings_.producer_silence_min);
  if (known->second.last_seen + std::chrono::duration_cast<std::chrono::milliseconds>(silence) > latest_)
    return "a producer forgotten that was heard of lately";
  producers_.erase(known);
  forgotten_[e.producer] = now_;
  return std::nullopt;
}

}  // namespace takt::sim
