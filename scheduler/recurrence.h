#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "scheduler/cron.h"

namespace date {
class time_zone;   // NOLINT(readability-identifier-naming): not ours
}

namespace takt::scheduler {

/// When a schedule comes round: a cron expression on the clocks of a zone, or every so often. Occurrences are whole seconds.
///
/// Where the clocks of a zone are changed, a cron expression that names its hours and minutes one by one comes once on each of
/// its days: a time that is skipped comes at the end of the gap, one that happens twice comes the first time. Any other
/// expression follows the time that passes: nothing in the gap, both times in the overlap.
/// Thread: any, it is a value.
class Recurrence {
 public:
  /// `rule` is Cron's, or `@every` with a duration such as 90s, 1h30m or 2d, from a second to 36500d, counted from `anchor`.
  /// `zone` is a name of the IANA database with its area, as Europe/Berlin, or UTC: names that mean another thing on each
  /// machine are refused.
  static std::variant<Recurrence, CronError> parse(std::string_view rule, const std::string& zone, std::chrono::sys_seconds anchor);

  /// The first occurrence behind `after`; none: none in 400 years.
  std::optional<std::chrono::sys_seconds> next(std::chrono::sys_seconds after) const;
  /// The last one before `before`.
  std::optional<std::chrono::sys_seconds> prior(std::chrono::sys_seconds before) const;
  /// At most `count` occurrences behind `after`, in order.
  std::vector<std::chrono::sys_seconds> preview(std::chrono::sys_seconds after, std::size_t count) const;
  /// What the clocks there show, with their distance from UTC: "2027-01-01T08:00:00+01:00". For `@every` in UTC.
  std::string local_text(std::chrono::sys_seconds instant) const;
  /// In plain English: "at 02:30 on Monday to Friday, in Europe/Berlin".
  std::string description() const;

 private:
  struct Every {
    std::chrono::seconds interval;
    std::chrono::sys_seconds anchor;
  };
  struct Clocks {
    Cron cron;
    const date::time_zone* zone;
  };
  explicit Recurrence(std::variant<Every, Clocks> rule) : rule_(std::move(rule)) {}

  static std::optional<std::chrono::sys_seconds> next(const Clocks& rule, std::chrono::sys_seconds after);
  static std::optional<std::chrono::sys_seconds> prior(const Clocks& rule, std::chrono::sys_seconds before);

  std::variant<Every, Clocks> rule_;
};

}  // namespace takt::scheduler
