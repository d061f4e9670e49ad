#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace takt::scheduler {

/// A second of the calendar at some place, of which nobody says where.
using LocalSecond = std::chrono::local_seconds;

/// What a cron expression is refused for: where, and why.
struct CronError {
  std::string field;   ///< "minute", "day of month", …; empty: the expression as a whole
  std::string what;    ///< for people, and what to write instead where that is known
  std::string text() const { return field.empty() ? what : field + ": " + what; }
};

/// A cron expression: five fields (minute, hour, day of month, month, day of week) or six, then seconds come first; and @hourly,
/// @daily, @midnight, @weekly, @monthly, @yearly, @annually. Each field takes `*`, `?` for days, numbers, names of months
/// and days, ranges, steps and lists. Days of the month also take `L` (the last one), `L-3` (three before it), `15W` (the
/// weekday, Monday to Friday, nearest to the 15th within the month) and `LW`; days of the week `5L` (the last Friday) and
/// `5#3` (the third), and Sunday is 0 or 7. Where both kinds of days are given one of them is enough; but where one begins
/// with `*` both must fit, as in Vixie cron.
/// A value; it knows no zone: recurrence.h puts it into one.
class Cron {
 public:
  static std::variant<Cron, CronError> parse(std::string_view expression);

  /// The first second from `from` on that fits; none: none in 400 years, after which the calendar repeats.
  std::optional<LocalSecond> next(LocalSecond from) const;
  /// The last second up to `until` that fits.
  std::optional<LocalSecond> prior(LocalSecond until) const;

  /// It names its hours and minutes one by one, so it is about the clock on the wall: each of its times is meant to come once
  /// a day. Else it is about time that passes.
  bool is_fixed_time() const { return is_fixed_time_; }
  /// In plain English: "at 02:30 on Monday to Friday".
  std::string description() const;

 private:
  friend class CronParser;
  friend class CronDescription;

  bool fits(std::chrono::year_month_day day) const;
  bool fits_day_of_month(std::chrono::year_month_day day) const;
  bool fits_day_of_week(std::chrono::year_month_day day) const;
  std::optional<std::chrono::seconds> next_time(std::chrono::seconds from) const;
  std::optional<std::chrono::seconds> prior_time(std::chrono::seconds until) const;

  std::bitset<60> seconds_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<13> months_;                         ///< 1 to 12
  std::bitset<32> days_;                           ///< 1 to 31
  std::bitset<31> days_before_last_;               ///< L-n
  std::bitset<32> nearest_weekdays_;               ///< nW
  bool is_last_weekday_ = false;                   ///< LW
  std::bitset<7> weekdays_;                        ///< 0 is Sunday
  std::bitset<7> last_weekdays_;                   ///< nL
  std::array<std::bitset<6>, 7> nth_weekdays_{};   ///< n#1 to n#5
  bool has_day_star_ = false, has_weekday_star_ = false;
  bool is_fixed_time_ = false;
};

}  // namespace takt::scheduler
