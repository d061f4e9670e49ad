#include "scheduler/cron.h"

#include <algorithm>

namespace takt::scheduler {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::weekday;
using std::chrono::year_month_day;
using std::chrono::year_month_day_last;

constexpr auto calendar_cycle = days(146'097);   // 400 years

unsigned last_day(year_month_day day) {
  return static_cast<unsigned>(year_month_day_last{day.year(), std::chrono::month_day_last{day.month()}}.day());
}
unsigned day_of(year_month_day day) { return static_cast<unsigned>(day.day()); }
unsigned weekday_of(year_month_day day) { return weekday(local_days(day)).c_encoding(); }

/// The weekday, Monday to Friday, nearest to day `wanted` without leaving the month.
unsigned nearest_weekday(year_month_day day, unsigned wanted) {
  const unsigned last = last_day(day);
  switch (weekday_of(day.year() / day.month() / wanted)) {
    case 0: return wanted < last ? wanted + 1 : wanted - 2;
    case 6: return wanted > 1 ? wanted - 1 : wanted + 2;
    default: return wanted;
  }
}

template <std::size_t N>
std::optional<unsigned> at_or_after(const std::bitset<N>& bits, unsigned from) {
  for (unsigned i = from; i < N; ++i)
    if (bits[i]) return i;
  return std::nullopt;
}
template <std::size_t N>
std::optional<unsigned> at_or_before(const std::bitset<N>& bits, unsigned from) {
  for (unsigned i = std::min<unsigned>(from, N - 1) + 1; i-- > 0;)
    if (bits[i]) return i;
  return std::nullopt;
}

struct TimeOfDay {
  unsigned hour = 0, minute = 0, second = 0;
};
TimeOfDay split(std::chrono::seconds since_midnight) {
  const std::chrono::hh_mm_ss time(since_midnight);
  return {static_cast<unsigned>(time.hours().count()), static_cast<unsigned>(time.minutes().count()),
          static_cast<unsigned>(time.seconds().count())};
}
std::chrono::seconds joined(const TimeOfDay& time) {
  return std::chrono::hours(time.hour) + std::chrono::minutes(time.minute) + std::chrono::seconds(time.second);
}

}  // namespace

bool Cron::fits(year_month_day day) const {
  if (!months_[static_cast<unsigned>(day.month())]) return false;
  if (has_day_star_ || has_weekday_star_) return fits_day_of_month(day) && fits_day_of_week(day);
  return fits_day_of_month(day) || fits_day_of_week(day);
}

bool Cron::fits_day_of_month(year_month_day day) const {
  const unsigned today = day_of(day);
  const unsigned last = last_day(day);
  if (days_[today] || days_before_last_[last - today]) return true;
  if (is_last_weekday_ && nearest_weekday(day, last) == today) return true;
  for (unsigned wanted = 1; nearest_weekdays_.any() && wanted <= last; ++wanted)
    if (nearest_weekdays_[wanted] && nearest_weekday(day, wanted) == today) return true;
  return false;
}

bool Cron::fits_day_of_week(year_month_day day) const {
  const unsigned today = weekday_of(day);
  if (weekdays_[today] || nth_weekdays_[today][(day_of(day) - 1) / 7 + 1]) return true;
  return last_weekdays_[today] && day_of(day) + 7 > last_day(day);
}

std::optional<std::chrono::seconds> Cron::next_time(std::chrono::seconds from) const {
  const TimeOfDay least = split(from);
  for (auto hour = at_or_after(hours_, least.hour); hour; hour = at_or_after(hours_, *hour + 1)) {
    const bool is_this_hour = *hour == least.hour;
    for (auto minute = at_or_after(minutes_, is_this_hour ? least.minute : 0); minute; minute = at_or_after(minutes_, *minute + 1)) {
      const bool is_this_minute = is_this_hour && *minute == least.minute;
      if (const auto second = at_or_after(seconds_, is_this_minute ? least.second : 0)) return joined({*hour, *minute, *second});
    }
  }
  return std::nullopt;
}

std::optional<std::chrono::seconds> Cron::prior_time(std::chrono::seconds until) const {
  const TimeOfDay most = split(until);
  for (auto hour = at_or_before(hours_, most.hour); hour; hour = *hour > 0 ? at_or_before(hours_, *hour - 1) : std::nullopt) {
    const bool is_this_hour = *hour == most.hour;
    for (auto minute = at_or_before(minutes_, is_this_hour ? most.minute : 59); minute;
         minute = *minute > 0 ? at_or_before(minutes_, *minute - 1) : std::nullopt) {
      const bool is_this_minute = is_this_hour && *minute == most.minute;
      if (const auto second = at_or_before(seconds_, is_this_minute ? most.second : 59)) return joined({*hour, *minute, *second});
    }
  }
  return std::nullopt;
}

std::optional<LocalSecond> Cron::next(LocalSecond from) const {
  const local_days first = std::chrono::floor<days>(from);
  for (local_days day = first; day <= first + calendar_cycle;) {
    const year_month_day date(day);
    if (!months_[static_cast<unsigned>(date.month())]) {
      day = local_days(date.year() / date.month() / 1 + std::chrono::months(1));
      continue;
    }
    if (fits(date))
      if (const auto time = next_time(day == first ? from - day : std::chrono::seconds(0))) return day + *time;
    day += days(1);
  }
  return std::nullopt;
}

std::optional<LocalSecond> Cron::prior(LocalSecond until) const {
  const local_days last = std::chrono::floor<days>(until);
  for (local_days day = last; day >= last - calendar_cycle;) {
    const year_month_day date(day);
    if (!months_[static_cast<unsigned>(date.month())]) {
      day = local_days(date.year() / date.month() / 1) - days(1);
      continue;
    }
    if (fits(date))
      if (const auto time = prior_time(day == last ? until - day : std::chrono::hours(24) - std::chrono::seconds(1))) return day + *time;
    day -= days(1);
  }
  return std::nullopt;
}

}  // namespace takt::scheduler
