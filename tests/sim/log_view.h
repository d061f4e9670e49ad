#pragma once
// What the durable log says, folded the plain way: sets and maps, no clever structures, nothing shared with the broker but
// the decoder of its format.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/commit.h"
#include "broker/core/event.h"

namespace takt::sim {

/// With what the workers release messages: a Retry event with it counts no failure.
inline constexpr std::uint16_t release_code = 9;

/// A message's payload begins with its value, which no other message has.
using Value = std::uint64_t;
std::string payload_of(Value value, std::size_t bytes);
std::optional<Value> value_of(ByteView payload);

struct GroupName {
  std::string topic;
  std::string group;
  friend auto operator<=>(const GroupName&, const GroupName&) = default;
};

struct LaneView {
  std::uint64_t start = 0;
  std::set<std::uint64_t> done;                       ///< acked, settled or dead
  std::map<std::uint64_t, std::uint32_t> attempts;    ///< failures of what is not done
  std::set<std::uint64_t> dead;
  std::set<std::uint64_t> held;                       ///< leases that had grown old
};
struct GroupView {
  GroupName name;
  std::map<Lane, LaneView> lanes;
};
struct Stored {
  Value value = 0;
  Position position;
};
struct TopicView {
  std::string name;
  std::map<Lane, std::vector<Stored>> lanes;          ///< by offset
  std::map<GroupId, GroupView> groups;

  std::uint64_t owed(const GroupView& group) const;   ///< not done
};
struct Place {
  TopicId topic;
  Lane lane;
  Offset offset;
  Position position;
};

class LogView {
 public:
  /// Something that the log may never say; the text tells what.
  using Complaint = std::optional<std::string>;

  Complaint add(const core::RunView& run);
  Complaint add(const core::Event& event);
  void ends_at(Position end) { end_ = end; }

  Position end() const { return end_; }
  const std::map<TopicId, TopicView>& topics() const { return topics_; }
  const Place* find(Value value) const;
  const TopicView* find_topic(const std::string& name) const;
  const GroupView* find_group(const GroupName& name) const;
  /// The group's lane; null when the group or the lane is not there.
  const LaneView* find_lane(const GroupName& name, Lane lane) const;
  Value value_at(const Place& place) const { return topics_.at(place.topic).lanes.at(place.lane)[place.offset.value].value; }

 private:
  Complaint on(const core::EpochBegun& e);
  Complaint on(const core::TopicPut& e);
  Complaint on(const core::GroupPut& e);
  Complaint on(const core::Done& e);
  Complaint on(const core::Retry& e);
  Complaint on(const core::Dead& e);
  Complaint on(const core::Held& e);
  template <class Other>
  Complaint on(const Other&) {
    return std::nullopt;
  }
  LaneView* lane_of(TopicId topic, GroupId group, Lane lane);

  std::map<TopicId, TopicView> topics_;
  std::map<Value, Place> places_;
  Position end_;
  std::uint32_t epoch_ = 0;
};

}  // namespace takt::sim
