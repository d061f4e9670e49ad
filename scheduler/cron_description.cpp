// Cron::description.

#include <vector>

#include "scheduler/cron.h"

namespace takt::scheduler {

class CronDescription {
 public:
  explicit CronDescription(const Cron& cron) : cron_(cron) {}

  std::string text() const {
    std::string text = times();
    const std::string days = this->days();
    if (!days.empty()) text += " " + days;
    if (!cron_.months_.all() && cron_.months_.count() < 12) text += " in " + listed(named(cron_.months_, 1, months));
    return text;
  }

 private:
  static constexpr std::array<const char*, 12> months{"January", "February", "March",     "April",   "May",      "June",
                                                      "July",    "August",   "September", "October", "November", "December"};
  static constexpr std::array<const char*, 7> weekdays{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
  static constexpr std::array<const char*, 6> ordinals{"", "first", "second", "third", "fourth", "fifth"};
  static constexpr std::size_t times_max = 6;   // that are told one by one

  using Words = std::vector<std::string>;

  static std::string two(unsigned value) { return (value < 10 ? "0" : "") + std::to_string(value); }
  static std::string listed(const Words& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
    return text;
  }
  /// Runs of three and more as "a to b".
  template <std::size_t N, class Name>
  static Words runs(const std::bitset<N>& bits, unsigned from, Name name) {
    Words words;
    for (unsigned i = from; i < N; ++i) {
      if (!bits[i]) continue;
      unsigned last = i;
      while (last + 1 < N && bits[last + 1]) ++last;
      if (last - i >= 2) {
        words.push_back(name(i) + " to " + name(last));
        i = last;
      } else {
        words.push_back(name(i));
      }
    }
    return words;
  }
  template <std::size_t N, std::size_t M>
  static Words named(const std::bitset<N>& bits, unsigned from, const std::array<const char*, M>& names) {
    return runs(bits, from, [&](unsigned i) { return std::string(names[i - from]); });
  }
  template <std::size_t N>
  static Words numbers(const std::bitset<N>& bits, unsigned from) {
    return runs(bits, from, [](unsigned i) { return std::to_string(i); });
  }
  /// 0, n, 2n, … to the end; none: no such row.
  template <std::size_t N>
  static std::optional<unsigned> step_of(const std::bitset<N>& bits) {
    if (!bits[0] || bits.count() < 2) return std::nullopt;
    unsigned step = 1;
    while (!bits[step]) ++step;
    for (unsigned i = 0; i < N; ++i)
      if (bits[i] != (i % step == 0)) return std::nullopt;
    return step;
  }
  template <std::size_t N>
  static std::string every(const std::bitset<N>& bits, const std::string& unit) {
    const auto step = step_of(bits);
    if (step) return *step == 1 ? "every " + unit : "every " + std::to_string(*step) + " " + unit + "s";
    return unit + " " + listed(numbers(bits, 0));
  }

  std::string times() const {
    const bool has_seconds = cron_.seconds_.count() != 1 || !cron_.seconds_[0];
    if (cron_.hours_.count() * cron_.minutes_.count() * cron_.seconds_.count() <= times_max) {
      Words words;
      for (unsigned hour = 0; hour < 24; ++hour)
        for (unsigned minute = 0; cron_.hours_[hour] && minute < 60; ++minute)
          for (unsigned second = 0; cron_.minutes_[minute] && second < 60; ++second)
            if (cron_.seconds_[second]) words.push_back(two(hour) + ":" + two(minute) + (has_seconds ? ":" + two(second) : ""));
      return "at " + listed(words);
    }
    std::string text;
    if (has_seconds) text = prefixed(every(cron_.seconds_, "second")) + (cron_.minutes_.all() ? "" : " of ");
    if (!has_seconds || !cron_.minutes_.all())
      text += has_seconds ? every(cron_.minutes_, "minute") : prefixed(every(cron_.minutes_, "minute"));
    if (cron_.hours_.all()) return text;
    if (const auto step = step_of(cron_.hours_); step && *step > 1) return text + " of every " + std::to_string(*step) + " hours";
    return text + " of hour " + listed(numbers(cron_.hours_, 0));
  }
  static std::string prefixed(const std::string& text) { return text.starts_with("every") ? text : "at " + text; }

  std::string days() const {
    const std::string of_month = days_of_month();
    const std::string of_week = days_of_week();
    if (of_month.empty() || of_week.empty()) return of_month + of_week;
    return of_month + (cron_.has_day_star_ || cron_.has_weekday_star_ ? " if it is " : " or ") + of_week;
  }

  std::string days_of_month() const {
    Words words;
    std::bitset<32> listed_days = cron_.days_;
    listed_days.reset(0);
    if (listed_days.count() == 31) return "";
    if (listed_days.any()) words.push_back("day " + listed(numbers(listed_days, 1)));
    for (unsigned wanted = 1; wanted < 32; ++wanted)
      if (cron_.nearest_weekdays_[wanted]) words.push_back("the weekday nearest to day " + std::to_string(wanted));
    for (unsigned before = 0; before < 31; ++before)
      if (cron_.days_before_last_[before])
        words.push_back(before == 0 ? "the last day" : std::to_string(before) + (before == 1 ? " day" : " days") + " before the last");
    if (cron_.is_last_weekday_) words.push_back("the last weekday");
    return words.empty() ? "" : "on " + listed(words) + " of the month";
  }

  std::string days_of_week() const {
    Words words;
    if (cron_.weekdays_.all()) return "";
    std::bitset<8> from_monday;   // so that a week ends with Sunday
    for (unsigned day = 0; day < 7; ++day) from_monday[day == 0 ? 7 : day] = cron_.weekdays_[day];
    words = runs(from_monday, 1, [](unsigned day) { return std::string(weekdays[day % 7]); });
    for (unsigned day = 0; day < 7; ++day) {
      for (unsigned nth = 1; nth <= 5; ++nth)
        if (cron_.nth_weekdays_[day][nth]) words.push_back("the " + std::string(ordinals[nth]) + " " + weekdays[day]);
      if (cron_.last_weekdays_[day]) words.push_back("the last " + std::string(weekdays[day]));
    }
    return words.empty() ? "" : "on " + listed(words);
  }

  const Cron& cron_;
};

std::string Cron::description() const { return CronDescription(*this).text(); }

}  // namespace takt::scheduler
