#pragma once
// The replicated state of a partition: a fold of its log. `apply` is the only mutator, is total, and knows no clock;
// recovery, live operation and replication run the same code.

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/done_set.h"
#include "broker/core/event.h"
#include "broker/core/index_rows.h"
#include "broker/core/producer_table.h"
#include "broker/core/rows.h"

namespace takt::core {

/// A value per lane, made on first use.
template <class T>
class PerLane {
 public:
  T* find(Lane lane) { return at_[lane.value].get(); }
  const T* find(Lane lane) const { return at_[lane.value].get(); }
  template <class... Args>
  T& make(Lane lane, Args&&... args) {
    auto& slot = at_[lane.value];
    if (!slot) slot = std::make_unique<T>(std::forward<Args>(args)...);
    return *slot;
  }
  /// Calls `visit(Lane, T&)` for those that are there, most urgent lane first.
  template <class Visit>
  void each(Visit&& visit) const {
    for (std::uint8_t lane = lane_count; lane-- > 0;)
      if (at_[lane]) visit(Lane(lane), *at_[lane]);
  }

 private:
  std::array<std::unique_ptr<T>, lane_count> at_;
};

/// Stored error texts are cut here, so that a row stays inline.
inline constexpr std::size_t stored_text_bytes_max = 1000;

struct RetryState {
  std::uint32_t attempts = 0;
  WallTime due{};
  LeaseToken lease;           ///< the last one that ended unsettled
  std::uint32_t code = 0;
  std::string text;
  Position position;          ///< of the Retry event: a redelivery leaves only after it is durable
};
struct DeadState {
  std::uint32_t attempts = 0;
  std::uint32_t code = 0;
  std::string text;
  WallTime time{};
};
struct HeldState {
  std::uint64_t count = 0;
  ClientId client;
};

/// Whether messages stay for a while after all groups have done them.
inline bool keeps(const proto::TopicSettings& settings) { return settings.keep_ms != 0 || settings.keep_bytes != 0; }

/// What a group still owes in one lane.
struct GroupLane {
  explicit GroupLane(Offset start) : done(start), lent(start) {}

  DoneSet done;
  Offset lent;                               ///< leases reach at most here
  Position lent_position{};                  ///< of the event that said so
  std::map<Offset, RetryState> retries;      ///< failed or given back for later, not done
  std::map<Offset, DeadState> dead;          ///< done for the group, pinned for people
  std::map<Offset, HeldState> held;          ///< by first offset, disjoint; may name offsets that are done meanwhile

  std::set<Offset> changed_retries, changed_dead, changed_held;
};

struct Group {
  GroupId id;
  std::string name;
  proto::GroupSettings settings;
  Position put_position{};                   ///< of its last GroupPut
  LeaseToken leases_from;                    ///< older ones are not of this group
  std::uint64_t done = 0;                    ///< acked, settled or dead, ever
  PerLane<GroupLane> lanes;
};

/// There may be hundreds of thousands: an empty deque would take 576 bytes, an empty vector none.
struct TopicLane {
  Offset next;                               ///< of the next message
  Offset horizon;                            ///< `keep` has passed for what lies before; without a group: it is gone
  std::uint64_t bytes = 0;                   ///< appended, ever
  std::vector<IndexSegment> recent;          ///< since the last checkpoint that is on disk
  std::size_t frozen = 0;                    ///< of `recent`, in the checkpoint that is being written
  std::vector<Offset> index_rows;            ///< first offsets of the index rows on disk
  Offset erased_below;                       ///< kCold rows below are gone, but for dead messages

  // The leader's, not part of the fold.
  Offset committed;                          ///< messages before are durable and may be lent
  Offset at_start;                           ///< `next` when the term began
};

struct Topic {
  TopicId id;
  std::string name;
  proto::TopicSettings settings;
  PerLane<TopicLane> lanes;
  std::map<GroupId, Group> groups;
  std::vector<Group*> by_name;               ///< `groups`, sorted; State's to keep

  Group* find_group(std::string_view name) const;
  void enter_by_name(Group& group);
  /// Mean stored size of a message, at least 1.
  std::uint64_t mean_bytes() const;
  /// The first offset that is kept for anybody in `lane`: before it no group owes anything and `keep` has passed.
  Offset low(Lane lane) const;
  /// The first offset whose message must stay readable: low(), or a dead message before it.
  Offset pinned(Lane lane) const;
  /// Where a new group begins.
  Offset start(Lane lane, proto::StartFrom from) const;
  std::uint64_t retained_messages() const;
};

class State {
 public:
  /// Takes one event at `position` in a commit of time `time`. An event that names what is not there is a corruption of
  /// the log when replayed and a bug when live: the caller knows which.
  Result<void, Corruption> apply(const Event& event, Position position, WallTime time);
  /// Takes a producer's batch. Asserts its first offset.
  Result<void, Corruption> apply(const RunView& run, WallTime time);

  Topic* find_topic(std::string_view name);
  Topic* find_topic(TopicId id);
  const Topic* find_topic(TopicId id) const;
  /// Makes the lane's state in topic and groups on first use: groups begin at its horizon.
  static TopicLane& open_lane(Topic& topic, Lane lane);
  /// Where the message of `offset` stands and how many follow it one by one, if it was appended since the last checkpoint.
  static std::optional<IndexSegment> locate(const TopicLane& lane, Offset offset);

  std::map<TopicId, Topic>& topics() { return topics_; }
  const std::map<TopicId, Topic>& topics() const { return topics_; }
  ProducerTable& producers() { return producers_; }
  const ProducerTable& producers() const { return producers_; }
  TopicId next_topic() const { return next_topic_; }
  GroupId next_group() const { return next_group_; }
  std::size_t group_count() const { return group_count_; }
  /// Topics, groups and producers made since the last freeze: what makes the next one long.
  std::size_t made() const { return made_ + producers_.made(); }
  Epoch epoch() const { return epoch_; }
  Position epoch_position() const { return epoch_position_; }
  /// The last term whose grace ended: in later terms leases from before it are void.
  Epoch reclaimed() const { return reclaimed_; }
  Position reclaimed_position() const { return reclaimed_position_; }
  WallTime time() const { return time_; }
  /// A commit of `time` begins: partition time never goes back.
  void open_commit(WallTime time) { time_ = std::max(time_, time); }

  /// As Partition's.
  std::uint64_t digest() const;
  std::optional<std::string> broken_invariant() const;

  /// Everything that changed since the last call, as rows; `end` is the position that the rows will speak for.
  Checkpoint freeze(Position end);
  /// The rows of the last freeze are on disk.
  void frozen_written();
  Result<void, Corruption> load_row(Table table, std::string_view key, std::string_view value);

 private:
  Result<void, Corruption> on(const EpochBegun&, Position, WallTime);
  Result<void, Corruption> on(const TopicPut&, Position, WallTime);
  Result<void, Corruption> on(const TopicDel&, Position, WallTime);
  Result<void, Corruption> on(const GroupPut&, Position, WallTime);
  Result<void, Corruption> on(const GroupDel&, Position, WallTime);
  Result<void, Corruption> on(const Done&, Position, WallTime);
  Result<void, Corruption> on(const Retry&, Position, WallTime);
  Result<void, Corruption> on(const Dead&, Position, WallTime);
  Result<void, Corruption> on(const Held&, Position, WallTime);
  Result<void, Corruption> on(const Retain&, Position, WallTime);
  Result<void, Corruption> on(const ProducerPut&, Position, WallTime);
  Result<void, Corruption> on(const Reclaimed&, Position, WallTime);

  struct Target {
    Topic* topic;
    Group* group;
    GroupLane* lane;
  };
  /// The group and lane that an event names, or what is wrong with that.
  Result<Target, Corruption> target(TopicId topic, GroupId group, Lane lane);
  static void settle(Group& group, GroupLane& lane, OffsetRun run);
  static void raise_horizons(Topic& topic);

  void freeze_topic(Topic& topic, Checkpoint& out);
  static void erase_cold(const Topic& topic, Lane lane, TopicLane& here, Checkpoint& out);
  void freeze_group(const Topic& topic, Group& group, Checkpoint& out);
  Result<void, Corruption> load_meta(std::string_view value);
  Result<void, Corruption> load_topic(std::string_view key, std::string_view value);
  Result<void, Corruption> load_group(std::string_view key, std::string_view value);
  Result<void, Corruption> load_group_lane(Table table, std::string_view key, std::string_view value);

  std::map<TopicId, Topic> topics_;
  std::map<std::string, TopicId, std::less<>> by_name_;
  ProducerTable producers_;
  TopicId next_topic_{1};
  GroupId next_group_{1};
  std::size_t group_count_ = 0;                           ///< sum over topics_
  Epoch epoch_;
  Position epoch_position_;
  Epoch reclaimed_;
  Position reclaimed_position_;
  WallTime time_{};

  std::size_t made_ = 0;                                  ///< topics and groups, since the last freeze
  std::set<TopicId> changed_topics_;                      ///< row or lanes
  std::vector<TopicId> frozen_topics_;                    ///< in the checkpoint that is being written
  std::set<std::pair<TopicId, GroupId>> changed_groups_;
  std::vector<TopicId> deleted_topics_;
  std::vector<std::pair<TopicId, GroupId>> deleted_groups_;
};

}  // namespace takt::core
