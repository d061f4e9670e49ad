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
#include "broker/core/failures.h"
#include "broker/core/finished.h"
#include "broker/core/index_rows.h"
#include "broker/core/producer_table.h"
#include "broker/core/rows.h"
#include "broker/core/schedules.h"
#include "broker/core/steered.h"
#include "scheduler/timer_wheel.h"

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

struct RetryState {
  std::uint32_t attempts = 0;
  std::uint32_t deaths = 0;          ///< of the attempts, those whose worker died
  std::uint32_t deaths_in_row = 0;   ///< the last ones, but for what was given back at once
  WallTime due{};
  WallTime since{};           ///< it failed for the first time, deaths apart
  LeaseToken lease;           ///< the last one that ended unsettled
  std::uint32_t code = 0;     ///< how it ended
  Failures failures;
  Position position{};        ///< of the Retry event: a redelivery leaves only after it is durable

  std::uint32_t failed() const { return attempts - deaths; }
  /// As stored: all but the position.
  void append_to(ByteWriter& out) const;
  /// False: it is not what append_to() gives.
  [[nodiscard]] bool read(ByteReader& in);
};
struct DeadState {
  std::uint32_t attempts = 0;
  proto::DeadReason reason = proto::DeadReason::kAttempts;
  Failures failures;          ///< the last one killed it
  WallTime time{};
  Position position;          ///< of the Dead event
  LeaseToken leases_from;     ///< redriven: older leases are void; 0: dead
  Position redriven{};        ///< of the Redrive event: a redelivery leaves only after it is durable

  bool is_redriven() const { return leases_from.value != 0; }
  /// As stored: all but the Redrive event's position.
  void append_to(ByteWriter& out) const;
  /// False: it is not what append_to() gives.
  [[nodiscard]] bool read(ByteReader& in);
};
struct HeldState {
  std::uint64_t count = 0;
  ClientId client;
};

/// Whether messages stay for a while after all groups have done them.
inline bool keeps(const proto::TopicSettings& settings) { return settings.keep_ms != 0 || settings.keep_bytes != 0; }
inline std::chrono::milliseconds keep_of(const proto::TopicSettings& settings) { return std::chrono::milliseconds(settings.keep_ms); }

/// What a group still owes in one lane.
struct GroupLane {
  explicit GroupLane(Offset start) : done(start), lent(start) {}

  DoneSet done;
  Offset lent;                               ///< leases reach at most here
  Position lent_position{};                  ///< of the event that said so
  std::map<Offset, RetryState> retries;      ///< failed or given back for later, not done
  std::map<Offset, DeadState> dead;          ///< done for the group, pinned for people; or redriven
  std::set<Offset> redriven;                 ///< of `dead`: owed once more
  Finished finished;                         ///< when its floor went by
  std::map<Offset, HeldState> held;          ///< by first offset, disjoint; may name offsets that are done meanwhile

  std::set<Offset> changed_retries, changed_dead, changed_held;

  bool owes(Offset offset) const { return !done.contains(offset) || redriven.contains(offset); }
  /// A lease of it had grown old, says the log.
  bool is_held(Offset offset) const;
  /// The first offset >= `from` that is owed.
  Offset next_owed(Offset from) const;
  /// How many consecutive offsets from `from` on are owed, at most `limit`; those not done and redriven ones apart.
  std::uint64_t owed_run(Offset from, std::uint64_t limit) const;
  /// How many are owed of [from, until).
  std::uint64_t owed_within(Offset from, Offset until) const;
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

/// The offsets before `end` entered their lane by `time`.
struct Entered {
  Offset end;
  WallTime since{};   ///< that the first one entered which the element before does not speak of
  WallTime time{};
};

/// There may be hundreds of thousands: an empty deque would take 576 bytes, an empty vector none.
struct TopicLane {
  Offset next;                               ///< of the next message
  Offset horizon;                            ///< `keep` has passed for what lies before; without a group: it is gone
  std::uint64_t bytes = 0;                   ///< appended, ever, scheduled or not
  std::uint64_t scheduled = 0;               ///< messages that wait for their due, and have no offset
  std::uint64_t cancelled = 0;               ///< of those that waited, ever
  bool is_fired_into = false;                ///< some of the lane's messages were scheduled
  std::vector<OffsetRun> settled;            ///< then: what somebody has done, or `keep` let go, since the last freeze
  std::vector<OffsetRun> owed_again;         ///< then: what a new group begins with, since the last freeze
  std::vector<Entered> entered;              ///< then, where messages are kept: when they fired, roughly; by offset
  std::vector<IndexSegment> recent;          ///< since the last checkpoint that is on disk
  std::size_t frozen = 0;                    ///< of `recent`, in the checkpoint that is being written
  std::vector<Offset> index_rows;            ///< first offsets of the index rows on disk
  Offset erased_below;                       ///< kCold rows below are gone, but for dead messages

  std::uint64_t enqueued() const { return next.value + scheduled + cancelled; }   ///< ever
  void let_go(OffsetRun run) {
    if (is_fired_into) settled.push_back(run);
  }
  void raise_horizon(Offset to) {
    if (to <= horizon) return;
    let_go({horizon, to.value - horizon.value});
    horizon = to;
    std::erase_if(entered, [&](const Entered& before) { return before.end <= horizon; });
  }
  /// All offsets so far have entered by `time`; to a sixteenth of `keep` it is remembered which by when.
  void note_entered(WallTime time, std::chrono::milliseconds keep);

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
  /// What of [from, until) some group has not done, or keeps as dead; or all, when there is no group to finish it. By offset,
  /// overlapping where several groups owe the same.
  std::vector<OffsetRun> owed(Lane lane, Offset from, Offset until) const;
  /// Where a new group begins.
  Offset start(Lane lane, proto::StartFrom from) const;
  std::uint64_t retained_messages() const;
};

class State {
 public:
  /// Takes one event at `position` in a commit of time `time`. An event that names what is not there is a corruption of
  /// the log when replayed and a bug when live: the caller knows which.
  Result<void, Corruption> apply(const Event& event, Position position, WallTime time);
  /// Takes a producer's batch. Asserts an immediate one's first offset.
  Result<void, Corruption> apply(const RunView& run, WallTime time);

  Topic* find_topic(std::string_view name);
  Topic* find_topic(TopicId id);
  const Topic* find_topic(TopicId id) const;
  /// Where the messages from `from` on and before `until` stand, a thousand places at most; nothing when the first one was
  /// appended before the last checkpoint.
  static std::vector<IndexSegment> locate(const TopicLane& lane, Offset from, Offset until);

  std::map<TopicId, Topic>& topics() { return topics_; }
  const std::map<TopicId, Topic>& topics() const { return topics_; }
  ProducerTable& producers() { return producers_; }
  const ProducerTable& producers() const { return producers_; }
  /// What waits for its due. Its fold is apply()'s; the rest concerns the leader's memory and storage.
  scheduler::TimerWheel& wheel() { return wheel_; }
  const scheduler::TimerWheel& wheel() const { return wheel_; }
  const Steered& steered() const { return steered_; }
  const Schedules& schedules() const { return schedules_; }
  Schedules& schedules() { return schedules_; }
  TopicId next_topic() const { return next_topic_; }
  GroupId next_group() const { return next_group_; }
  std::size_t group_count() const { return group_count_; }
  /// Topics, groups, producers and schedules made since the last freeze: what makes the next one long.
  std::size_t made() const { return made_ + producers_.made() + schedules_.made(); }
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
  Result<void, Corruption> on(const Redrive&, Position, WallTime);
  Result<void, Corruption> on(const DeadPurge&, Position, WallTime);
  Result<void, Corruption> on(const Held&, Position, WallTime);
  Result<void, Corruption> on(const Retain&, Position, WallTime);
  Result<void, Corruption> on(const ProducerPut&, Position, WallTime);
  Result<void, Corruption> on(const Reclaimed&, Position, WallTime);
  Result<void, Corruption> on(const Fire&, Position, WallTime);
  Result<void, Corruption> on(const Cancel&, Position, WallTime);
  Result<void, Corruption> on(const Rearm&, Position, WallTime);
  Result<void, Corruption> on(const CronPut& e, Position position, WallTime) { return schedules_.on(e, position, wheel_); }
  Result<void, Corruption> on(const CronDel& e, Position, WallTime) { return schedules_.on(e, wheel_); }
  Result<void, Corruption> on(const CronFire& e, Position position, WallTime time) { return schedules_.on(e, position, time, wheel_); }
  Result<void, Corruption> on(const CronRearm& e, Position position, WallTime) { return schedules_.on(e, position, wheel_); }

  Result<void, Corruption> schedule(Topic& topic, const RunView& run, WallTime time);
  /// The lane in which `position` waits for `due`, and its timer; or what is wrong with that.
  struct Waiting {
    TopicLane* lane;
    scheduler::TimerKey timer;
  };
  Result<Waiting, Corruption> waiting(TopicId topic, Lane lane, Position position, WallTime due);
  /// The messages from `position` on take the next offsets of a lane.
  void enter(Topic& topic, Lane lane, Position position, std::uint64_t count);
  /// Makes the lane's state in topic and groups on first use: groups begin at its horizon.
  TopicLane& open_lane(Topic& topic, Lane lane);
  struct Target {
    Topic* topic;
    Group* group;
    GroupLane* lane;
  };
  /// The group and lane that an event names, or what is wrong with that.
  Result<Target, Corruption> target(TopicId topic, GroupId group, Lane lane);
  static void forget_dead(const Target& at, Lane lane, Offset offset);
  void settle(const Target& at, Lane lane, OffsetRun run);
  static void raise_horizons(Topic& topic);
  static void keep_from_now(Topic& topic, const proto::TopicSettings& next, WallTime time);

  void freeze_topic(Topic& topic, Checkpoint& out);
  static void erase_cold(const Topic& topic, Lane lane, TopicLane& here, Checkpoint& out);
  void freeze_group(const Topic& topic, Group& group, Checkpoint& out);
  void freeze_wheel(Checkpoint& out);
  static void release(const Topic& topic, Lane lane, TopicLane& here, Checkpoint& out);
  Result<void, Corruption> load_bucket(std::string_view key, std::string_view value);
  Result<void, Corruption> load_armed(std::string_view key, std::string_view value);
  Result<void, Corruption> load_meta(std::string_view value);
  Result<void, Corruption> load_topic(std::string_view key, std::string_view value);
  Result<void, Corruption> load_group(std::string_view key, std::string_view value);
  Result<void, Corruption> load_group_lane(Table table, std::string_view key, std::string_view value);

  std::map<TopicId, Topic> topics_;
  std::map<std::string, TopicId, std::less<>> by_name_;
  ProducerTable producers_;
  scheduler::TimerWheel wheel_;
  Steered steered_;
  Schedules schedules_;
  std::vector<ScheduledRun> scheduled_;                   ///< since the last freeze
  std::vector<CancelledMessage> cancelled_;               ///< since the last freeze
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
