#pragma once

#include <optional>
#include <string>

#include "broker/core/event.h"
#include "proto/error_code.h"
#include "proto/result.h"
#include "scheduler/recurrence.h"

namespace takt::core {

/// When a schedule comes round: its rule between its start and its end, and the jitter of each occurrence. A value; what it
/// says depends on the machine's zone data, so only a leader asks.
class Occurrences {
 public:
  /// `anchor`: from which `@every` counts unless there is a start. Refusals: kBadField, which names the setting.
  static Result<Occurrences, Refusal> parse(const std::string& schedule, const proto::ScheduleSettings& settings, WallTime anchor);

  /// The first one behind `after`; none: it is over.
  std::optional<NextOccurrence> next(WallTime after) const;
  /// When the occurrence that the rule plans for `planned` is due: later by its jitter, but before the one that follows.
  WallTime due(WallTime planned) const;

  /// What is to be done about the occurrences from `first` on, which is due by `now`.
  struct Verdict {
    WallTime planned{};                       ///< this one, or all that are skipped up to it
    proto::Outcome outcome = proto::Outcome::kOnTime;   ///< kOnTime, kLate or kMissed
    std::uint32_t count = 1;                  ///< counted up to `missed_max`
  };
  Verdict judge(WallTime first, WallTime now) const;

  static constexpr std::uint32_t missed_max = 1'000;
  /// So late one still counts as on time.
  static constexpr std::chrono::minutes on_time{1};

 private:
  Occurrences(const std::string& schedule, const proto::ScheduleSettings& settings, scheduler::Recurrence rule);

  WallTime newest(WallTime first, WallTime now) const;
  bool is_wanted(WallTime planned, WallTime now) const;
  std::optional<WallTime> first_wanted(WallTime first, WallTime now) const;
  std::uint32_t count(WallTime first, WallTime until) const;

  scheduler::Recurrence rule_;
  std::uint64_t seed_;                        ///< of its jitter
  proto::ScheduleSettings settings_;
};

}  // namespace takt::core
