#pragma once
// What the durable log says, folded the plain way: sets and maps, no clever structures, nothing shared with the broker but
// the decoder of its format.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/core/commit.h"
#include "broker/core/event.h"

namespace takt::sim {

/// With what the workers release messages: a Retry event with it counts no failure.
inline constexpr std::uint16_t release_code = 9;
/// With what they fail them, to be tried again.
inline constexpr std::uint16_t retry_code = 7;

/// A message's payload begins with its value, which no other message has.
using Value = std::uint64_t;
std::string payload_of(Value value, std::size_t bytes);
std::optional<Value> value_of(ByteView payload);

struct GroupName {
  std::string topic;
  std::string group;
  friend auto operator<=>(const GroupName&, const GroupName&) = default;
};

/// Counts what the log says, event by event and run by run: earlier has the lower number.
using LogTime = std::uint64_t;

/// Offsets as a plain table.
class OffsetTable {
 public:
  bool contains(std::uint64_t offset) const { return offset < is_in_.size() && is_in_[offset]; }
  /// False when it is there already.
  bool insert(std::uint64_t offset) {
    if (contains(offset)) return false;
    if (offset >= is_in_.size()) is_in_.resize(offset + 1);
    ++size_;
    return is_in_[offset] = true;
  }
  std::uint64_t size() const { return size_; }

 private:
  std::vector<bool> is_in_;
  std::uint64_t size_ = 0;
};

struct Failures {
  std::uint32_t count = 0;
  std::uint32_t deaths = 0;                           ///< of these, workers'
  std::uint32_t deaths_in_row = 0;
  WallTime since{};                                   ///< of the first failure that was no death
  WallTime due{};
  LeaseToken lease{};                                 ///< the last one that ended
  std::uint32_t code = 0;
};
struct LaneView {
  std::uint64_t start = 0;
  std::uint64_t floor = 0;                            ///< the first that is not done
  OffsetTable done;                                   ///< acked, settled or dead, from start on
  std::map<std::uint64_t, Failures> failures;         ///< of what is not done
  std::set<std::uint64_t> dead;
  std::set<std::uint64_t> redriven;                   ///< of what is done: dead once, owed again
  std::set<std::uint64_t> held;                       ///< leases that had grown old

  bool is_done(std::uint64_t offset) const { return done.contains(offset) && !redriven.contains(offset); }
};
struct GroupView {
  GroupId id;
  GroupName name;
  LogTime made = 0;
  /// Where it began in every lane: at the earliest message that was kept, at the end, or both at once.
  bool is_from_earliest = false, is_from_now = false;
  proto::GroupSettings settings;
  std::map<Lane, LaneView> lanes;
};
struct Stored {
  Value value = 0;
  Position position;
  WallTime time{};                                    ///< of its commit
  LogTime freeable = 0;                               ///< since when every group of that time had done it; 0 never
};
struct TopicLog {
  std::vector<Stored> messages;                       ///< by offset
  std::uint64_t horizon = 0;
  std::uint64_t bytes = 0;                            ///< scheduled messages too
  std::uint64_t scheduled = 0;                        ///< that wait for their due
  std::uint64_t cancelled = 0;                        ///< that waited
};
struct TopicView {
  TopicId id;
  std::string name;
  proto::TopicSettings settings;
  proto::TopicSettings weakest;                       ///< the least of each keep since the first message
  std::uint64_t message_bytes_max = 1;                ///< the largest mean of a batch, over all lanes as the broker's mean is
  std::map<Lane, TopicLog> lanes;
  std::map<GroupId, GroupView> groups;

  std::uint64_t owed(const GroupView& group) const;   ///< not done
  /// Before it no group owes anything and `keep` has passed.
  std::uint64_t low(Lane lane) const;
  std::uint64_t mean_bytes() const;
  std::uint64_t retained() const;
};
struct Place {
  TopicId topic;
  Lane lane;
  std::optional<Offset> offset;                       ///< none: it waits for its due
  Position position;
  LogTime stored = 0;
  bool is_scheduled = false;                          ///< or was
  bool is_cancelled = false;                          ///< while it waited
};
/// A group of some name, while it was there.
struct Incarnation {
  GroupId group;
  LogTime made = 0;
  LogTime deleted = ~LogTime{0};
};

/// What the log's producers were promised.
struct ViewSettings {
  Duration producer_idle_expiry{};
  Duration producer_silence_min{};   ///< when a new one needs the place
};

class LogView {
 public:
  explicit LogView(const ViewSettings& settings) : settings_(settings) {}

  /// Something that the log may never say; the text tells what.
  using Complaint = std::optional<std::string>;

  /// A commit of time `time` follows; no clock has ever shown more than `latest`.
  Complaint begin(WallTime time, WallTime latest);
  /// `may_repeat` tells whether a value that was stored then may be stored once more.
  using MayRepeat = std::function<bool(Value, LogTime stored)>;
  Complaint add(const core::RunView& run, const MayRepeat& may_repeat);
  Complaint add(const core::Event& event, Position position);
  void ends_at(Position end) { end_ = end; }

  Position end() const { return end_; }
  LogTime now() const { return now_; }
  /// Of the last commit.
  WallTime time() const { return time_; }
  const std::map<TopicId, TopicView>& topics() const { return topics_; }
  /// Where it was stored, also when its topic was deleted since.
  const Place* find(Value value) const;
  /// Where it was stored, or one of several times.
  const Place* find(Value value, Position position) const;
  const TopicView* find_topic(std::string_view name) const;
  const GroupView* find_group(const GroupName& name) const;
  const GroupView* find_group(GroupId group) const;
  const TopicView* topic_of(GroupId group) const;
  /// The group's lane; null when the group or the lane is not there.
  const LaneView* find_lane(GroupId group, Lane lane) const;
  /// Also of a group that is gone.
  const GroupName& name_of(GroupId group) const { return names_.at(group); }
  /// The only group of this name that was there at any time from `since` on; none when there were several, or none.
  std::optional<GroupId> only_group(const GroupName& name, LogTime since) const;
  bool is_repeated(Value value) const { return earlier_.contains(value); }
  bool was_forgotten(ProducerId producer) const { return forgotten_.contains(producer); }
  bool has_ever(const GroupName& name) const { return incarnations_.contains(name); }
  /// The message at this position; null when its topic is gone.
  struct At {
    const TopicView* topic;
    Lane lane;
    std::optional<std::uint64_t> offset;              ///< none: it waits for its due
    const Stored* message;                            ///< null then, or when its topic is gone
    bool is_scheduled;
    bool is_cancelled;
  };
  std::optional<At> at(Position position) const;
  /// Nothing is owed in any group, or waits for its due.
  bool is_drained() const { return owed_ == 0 && waiting_.empty(); }
  std::uint64_t owed() const { return owed_; }
  std::uint64_t waiting() const { return waiting_.size(); }
  /// Of those, the n-th to come.
  Position waiting(std::uint64_t n) const { return std::next(waiting_.begin(), static_cast<std::ptrdiff_t>(n))->second.position; }

 private:
  Complaint on(const core::EpochBegun& e);
  Complaint on(const core::TopicPut& e);
  Complaint on(const core::TopicDel& e);
  Complaint on(const core::GroupPut& e);
  Complaint on(const core::GroupDel& e);
  Complaint on(const core::Done& e);
  Complaint on(const core::Retry& e);
  Complaint on(const core::Dead& e);
  Complaint on(const core::Redrive& e);
  Complaint on(const core::DeadPurge& e);
  Complaint on(const core::Held& e);
  Complaint on(const core::Retain& e);
  Complaint on(const core::ProducerPut& e);
  Complaint on(const core::Reclaimed& e);
  Complaint on(const core::Fire& e);
  Complaint on(const core::Cancel& e);
  Complaint on(const core::Rearm& e);
  Complaint on(const core::CronPut& e);
  Complaint on(const core::CronDel& e);
  Complaint on(const core::CronFire& e);
  Complaint on(const core::CronRearm& e);
  struct Target {
    TopicView* topic = nullptr;
    GroupView* group = nullptr;
    LaneView* lane = nullptr;
  };
  Target target(TopicId topic, GroupId group, Lane lane);
  Complaint start_group(const TopicView& topic, const core::GroupPut& e, GroupView& group);
  Complaint add_occurrence(const core::RunView& run, TopicView& topic);
  Complaint settle(const Target& target, Lane lane, std::uint64_t offset);
  /// When it is due, as the log counts, and which: what timers fire by.
  using Due = std::pair<WallTime, Position>;
  struct Waiting {
    TopicId topic;
    Lane lane;
    Value value = 0;
    WallTime time{};                                  ///< of its commit
    Position position;
  };
  Place& at_position(Position position) { return *std::ranges::lower_bound(by_position_, position, {}, &Place::position); }
  Place* place_of(Value value, Position position);
  Complaint wait(const Place& place, Value value, ByteView metadata, WallTime taken);
  void enter(const Waiting& waiting);
  /// Takes the message out of what waits; none: it does not wait for that.
  std::optional<Waiting> stop_waiting(Position position, WallTime due);
  Complaint store(Value value, const Place& place, ProducerId producer, const MayRepeat& may_repeat);
  void forget_group(const GroupView& group);
  void raise_horizons(TopicView& topic);
  void note_freeable(TopicView& topic, Lane lane, std::uint64_t offset);

  const ViewSettings settings_;
  std::map<TopicId, TopicView> topics_;
  std::map<std::string, TopicId, std::less<>> by_name_;
  std::map<GroupId, TopicId> topic_of_;
  std::map<GroupId, GroupName> names_;
  std::map<GroupName, std::vector<Incarnation>> incarnations_;
  std::unordered_map<Value, Place> places_;
  std::multimap<Value, Place> earlier_;               ///< of values that were stored again
  std::vector<Place> by_position_;
  std::map<Due, Waiting> waiting_;                    ///< by when and by which timer
  std::map<Position, Due> rearmed_;                   ///< of these, whose timer is another
  Due fired_to_;
  struct ScheduleView {
    std::string name;
    std::string topic;
    WallTime decided_to{};
    std::optional<core::NextOccurrence> next;
    Due timer;                                        ///< of `next`
    bool is_due = false;                              ///< and has fired
    bool waits = false;
  };
  void arm(ScheduleView& schedule, const std::optional<core::NextOccurrence>& next);
  std::map<ScheduleId, ScheduleView> schedules_;
  struct Occurrence {
    std::string schedule;
    WallTime planned{};
    TopicId topic;
    Lane lane;
    Offset offset;
    Position position;
  };
  std::optional<Occurrence> sent_;                    ///< its event has to follow
  std::set<std::pair<std::string, WallTime>> occurrences_;   ///< all that were ever sent
  Position at_;                                       ///< of the event
  struct Producer {
    std::uint32_t epoch = 0;
    WallTime last_seen{};
  };
  std::map<ProducerId, Producer> producers_;
  std::map<ProducerId, LogTime> forgotten_;
  Position end_;
  LogTime now_ = 0;
  WallTime time_{};
  WallTime latest_{};
  std::uint32_t epoch_ = 0;
  std::uint64_t owed_ = 0;
};

}  // namespace takt::sim
