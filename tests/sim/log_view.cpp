#include "tests/sim/log_view.h"

#include <algorithm>
#include <charconv>

#include "proto/section.h"

namespace takt::sim {

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
  for (const auto& [lane, messages] : lanes) {
    const auto view = group.lanes.find(lane);
    const std::uint64_t start = view == group.lanes.end() ? 0 : view->second.start;
    const std::uint64_t done = view == group.lanes.end() ? 0 : view->second.done.size();
    open += messages.size() - start - done;
  }
  return open;
}

const Place* LogView::find(Value value) const {
  const auto it = places_.find(value);
  return it == places_.end() ? nullptr : &it->second;
}

const TopicView* LogView::find_topic(const std::string& name) const {
  for (const auto& [id, topic] : topics_)
    if (topic.name == name) return &topic;
  return nullptr;
}

const GroupView* LogView::find_group(const GroupName& name) const {
  const TopicView* topic = find_topic(name.topic);
  if (topic == nullptr) return nullptr;
  for (const auto& [id, group] : topic->groups)
    if (group.name == name) return &group;
  return nullptr;
}

const LaneView* LogView::find_lane(const GroupName& name, Lane lane) const {
  const GroupView* group = find_group(name);
  if (group == nullptr) return nullptr;
  const auto it = group->lanes.find(lane);
  return it == group->lanes.end() ? nullptr : &it->second;
}

LaneView* LogView::lane_of(TopicId topic, GroupId group, Lane lane) {
  const auto t = topics_.find(topic);
  if (t == topics_.end()) return nullptr;
  const auto g = t->second.groups.find(group);
  return g == t->second.groups.end() ? nullptr : &g->second.lanes[lane];
}

LogView::Complaint LogView::add(const core::RunView& run) {
  const auto topic = topics_.find(run.topic);
  if (topic == topics_.end()) return "a batch of a topic that was never made";
  auto& lane = topic->second.lanes[run.lane];
  if (run.first_offset.value != lane.size()) return "a batch whose first offset is not the end of its lane";
  const proto::SectionView messages(run.metadata, run.payload, run.count);
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const auto value = value_of(messages.payload(i));
    if (!value) return "a message that nobody sent";
    const Place place{run.topic, run.lane, Offset(lane.size()), run.first_position.plus(i)};
    if (!places_.emplace(*value, place).second) return "message " + std::to_string(*value) + " is stored twice";
    lane.push_back({*value, place.position});
  }
  return std::nullopt;
}

LogView::Complaint LogView::add(const core::Event& event) {
  return std::visit([this](const auto& e) { return on(e); }, event);
}

LogView::Complaint LogView::on(const core::EpochBegun& e) {
  if (e.epoch.value <= epoch_) return "an epoch that is not above the one before";
  epoch_ = e.epoch.value;
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::TopicPut& e) {
  topics_[e.topic].name = e.name;
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::GroupPut& e) {
  TopicView& topic = topics_.at(e.topic);
  const auto [group, is_new] = topic.groups.try_emplace(e.group, GroupView{{topic.name, e.name}, {}});
  if (is_new)
    for (const core::LaneStart& start : e.starts) group->second.lanes[start.lane].start = start.from.value;
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::Done& e) {
  LaneView* lane = lane_of(e.topic, e.group, e.lane);
  if (lane == nullptr) return "a Done of a group that was never made";
  for (const core::OffsetRun& run : e.runs) {
    for (std::uint64_t offset = run.first.value; offset < run.end().value; ++offset) {
      if (!lane->done.insert(offset).second) return "offset " + std::to_string(offset) + " done twice";
      lane->attempts.erase(offset);
    }
  }
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::Retry& e) {
  LaneView* lane = lane_of(e.topic, e.group, e.lane);
  if (lane == nullptr) return "a Retry of a group that was never made";
  if (lane->done.contains(e.offset.value)) return "a Retry of offset " + std::to_string(e.offset.value) + ", which is done";
  std::uint32_t& attempts = lane->attempts[e.offset.value];
  const bool is_failure = e.code != core::failure_application_base + release_code;
  if (e.attempts != attempts + (is_failure ? 1 : 0))
    return "attempts that go from " + std::to_string(attempts) + " to " + std::to_string(e.attempts);
  attempts = e.attempts;
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::Dead& e) {
  LaneView* lane = lane_of(e.topic, e.group, e.lane);
  if (lane == nullptr) return "a Dead of a group that was never made";
  if (!lane->done.insert(e.offset.value).second) return "a death of offset " + std::to_string(e.offset.value) + ", which is done";
  lane->dead.insert(e.offset.value);
  lane->attempts.erase(e.offset.value);
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::Held& e) {
  LaneView* lane = lane_of(e.topic, e.group, e.lane);
  if (lane == nullptr) return "a Held of a group that was never made";
  for (const core::OffsetRun& run : e.runs)
    for (Offset at = run.first; at < run.end(); at = at.plus(1)) lane->held.insert(at.value);
  return std::nullopt;
}

}  // namespace takt::sim
