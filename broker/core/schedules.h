#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "broker/core/event.h"
#include "broker/core/rows.h"
#include "scheduler/timer_wheel.h"

namespace takt::core {

/// A message that comes again and again, and how far it has come.
struct Schedule {
  /// What became of one occurrence, or of several that were skipped one after another for one reason.
  struct Past {
    WallTime planned{};                     ///< of the last one
    WallTime decided{};
    proto::Outcome outcome = proto::Outcome::kOnTime;
    std::uint32_t count = 0;
    std::optional<Position> message;
  };
  static constexpr std::size_t history_max = 20;   ///< a row stays inline

  ScheduleId id;
  std::string name;
  std::string topic;
  Lane lane;
  proto::ScheduleSettings settings;
  std::string metadata;                     ///< of its message
  std::string payload;
  WallTime anchor{};

  bool is_paused = false;
  WallTime decided_to{};                    ///< no occurrence up to here comes any more: none fires twice
  std::optional<NextOccurrence> next;
  scheduler::TimerKey timer;                ///< of `next`
  std::optional<FiredMessage> last;         ///< the newest that was fired
  std::optional<WallTime> waiting;          ///< an occurrence waits until `last` is done, and the schedule is not paused
  std::uint64_t fired = 0, skipped = 0;     ///< ever
  std::vector<Past> history;                ///< oldest first

  /// `next` has fired in the wheel, and what becomes of it is not decided yet.
  bool is_due(const scheduler::TimerWheel& wheel) const { return next && timer <= wheel.fired_to(); }
};

/// The schedules of a partition: a part of the fold. Their timers are in the wheel, which each call that moves them is given.
class Schedules {
 public:
  Result<void, Corruption> on(const CronPut& event, Position position, scheduler::TimerWheel& wheel);
  Result<void, Corruption> on(const CronDel& event, scheduler::TimerWheel& wheel);
  Result<void, Corruption> on(const CronFire& event, Position position, WallTime time, scheduler::TimerWheel& wheel);
  Result<void, Corruption> on(const CronRearm& event, Position position, scheduler::TimerWheel& wheel);
  /// These offsets are done for some group, or are nobody's any more.
  void settled(TopicId topic, Lane lane, OffsetRun run);

  const Schedule* find(ScheduleId id) const;
  const Schedule* find(std::string_view name) const;
  const std::map<ScheduleId, Schedule>& all() const { return schedules_; }
  const std::map<std::string, ScheduleId, std::less<>>& by_name() const { return by_name_; }
  ScheduleId next_id() const { return next_id_; }
  /// What the last one that was fired by hand was planned for, of any schedule: the next one's is later, also when its schedule
  /// is deleted and made anew.
  WallTime triggered() const { return triggered_; }
  void load(ScheduleId next_id, WallTime triggered) {
    next_id_ = next_id;
    triggered_ = triggered;
  }
  /// Rows of definitions that were put since take_changes(): what makes it long.
  std::size_t made() const { return made_; }
  /// The leader's: whose waiting occurrence may have its turn since the last call.
  bool has_settled() const { return !settled_.empty(); }
  std::vector<ScheduleId> take_settled() { return std::exchange(settled_, {}); }

  void append_to(ByteWriter& out) const;
  void take_changes(Checkpoint& out);
  Result<void, Corruption> load(std::string_view key, std::string_view value);
  /// The first that does not hold; none when all do.
  std::optional<std::string> broken_invariant(const scheduler::TimerWheel& wheel) const;

 private:
  Schedule* find_known(ScheduleId id);
  void arm(Schedule& schedule, const std::optional<NextOccurrence>& next, Position position, scheduler::TimerWheel& wheel);
  static void disarm(Schedule& schedule, scheduler::TimerWheel& wheel);
  void wait(Schedule& schedule, std::optional<WallTime> planned);
  static void remember(Schedule& schedule, const CronFire& event, WallTime time);

  std::map<ScheduleId, Schedule> schedules_;
  std::map<std::string, ScheduleId, std::less<>> by_name_;
  /// Where an occurrence waits for that message to be done.
  std::map<std::tuple<TopicId, Lane, Offset>, ScheduleId> awaited_;
  ScheduleId next_id_{1};
  WallTime triggered_{};
  std::set<ScheduleId> changed_, put_;      ///< how it stands, what it is
  std::vector<ScheduleId> deleted_;
  std::size_t made_ = 0;
  std::vector<ScheduleId> settled_;         ///< not part of the fold
  std::map<ScheduleId, std::pair<std::string, std::string>> loading_;   ///< while rows are loaded: how it stands, what it is so far
};

}  // namespace takt::core
