// Cron::parse.

#include <array>
#include <charconv>
#include <span>
#include <vector>

#include "scheduler/cron.h"

namespace takt::scheduler {
namespace {

constexpr std::array<std::string_view, 12> month_names{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> weekday_names{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
constexpr std::size_t expression_bytes_max = 1000;

struct Field {
  std::string_view name;
  unsigned min = 0, max = 0;
  std::span<const std::string_view> names{};   ///< of min, min + 1, …
};
constexpr Field second_field{"second", 0, 59};
constexpr Field minute_field{"minute", 0, 59};
constexpr Field hour_field{"hour", 0, 23};
constexpr Field day_field{"day of month", 1, 31};
constexpr Field month_field{"month", 1, 12, month_names};
constexpr Field weekday_field{"day of week", 0, 7, weekday_names};   // 7 is Sunday too

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find_first_of(separators);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

struct Range {
  unsigned first = 0, last = 0, step = 1;
};

/// What is wrong leaves as an exception inside this file only.
struct Refused {
  CronError error;
};
[[noreturn]] void refuse(const Field& field, std::string what) { throw Refused{{std::string(field.name), std::move(what)}}; }

unsigned number_of(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.names.size(); ++i)
    if (text == field.names[i]) return field.min + static_cast<unsigned>(i);
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    if (text.empty()) refuse(field, "a number is missing");
    refuse(field, quoted(text) + " is no number" + (field.names.empty() ? "" : ", nor a name such as " + std::string(field.names[1])));
  }
  if (value < field.min || value > field.max)
    refuse(field, quoted(text) + " is not within " + std::to_string(field.min) + " to " + std::to_string(field.max));
  return value;
}

Range range_of(const Field& field, std::string_view text) {
  const std::size_t slash = text.find('/');
  Range range;
  const std::string_view base = text.substr(0, slash);
  if (base == "*") {
    range = {field.min, field.max, 1};
  } else if (const std::size_t dash = base.find('-'); dash != std::string_view::npos) {
    range = {number_of(field, base.substr(0, dash)), number_of(field, base.substr(dash + 1)), 1};
    if (field.max == 7 && range.first > 0 && range.last == 0) range.last = 7;   // FRI-SUN
    if (range.first > range.last)
      refuse(field, quoted(base) + " runs backwards: write two ranges, such as " + std::string(base.substr(0, dash)) + "-" +
                        std::to_string(field.max) + "," + std::to_string(field.min) + "-" + std::string(base.substr(dash + 1)));
  } else {
    const unsigned value = number_of(field, base);
    range = {value, slash == std::string_view::npos ? value : field.max, 1};
  }
  if (slash == std::string_view::npos) return range;
  const std::string_view step = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), range.step);
  if (step.empty() || error != std::errc() || end != step.data() + step.size() || range.step == 0 || range.step > field.max)
    refuse(field, "the step in " + quoted(text) + " must be a number from 1 to " + std::to_string(field.max));
  return range;
}

template <class Set>
void each(const Field& field, std::string_view text, Set set) {
  const Range range = range_of(field, text);
  // Sunday twice would turn `*/2` into every second day and Sunday.
  const unsigned last = field.max == 7 && text.starts_with('*') ? 6 : range.last;
  for (unsigned value = range.first; value <= last; value += range.step) set(value);
}

bool is_star(std::string_view text) { return text.starts_with('*') || text == "?"; }

}  // namespace

class CronParser {
 public:
  static Cron parse(std::string_view expression) {
    if (expression.size() > expression_bytes_max) throw Refused{{"", "longer than " + std::to_string(expression_bytes_max) + " bytes"}};
    std::string text;
    for (const char c : expression) text.push_back(upper(c));
    if (const std::string_view macro = expansion(text); !macro.empty()) text = macro;
    std::vector<std::string_view> fields;
    for (const std::string_view field : split(text, " \t"))
      if (!field.empty()) fields.push_back(field);
    if (fields.size() != 5 && fields.size() != 6)
      throw Refused{{"", std::to_string(fields.size()) + (fields.size() == 1 ? " field" : " fields") +
                             ", where 5 are wanted (minute, hour, day of month, month, day of week), or 6 with seconds in front"}};
    return CronParser(fields).cron_;
  }

 private:
  explicit CronParser(std::vector<std::string_view> fields) {
    if (fields.size() == 5) fields.insert(fields.begin(), "0");
    list(second_field, fields[0], cron_.seconds_);
    list(minute_field, fields[1], cron_.minutes_);
    list(hour_field, fields[2], cron_.hours_);
    for (const std::string_view part : split(fields[3], ",")) day(part, fields[3]);
    list(month_field, fields[4], cron_.months_);
    for (const std::string_view part : split(fields[5], ",")) weekday(part, fields[5]);
    cron_.has_day_star_ = is_star(fields[3]);
    cron_.has_weekday_star_ = is_star(fields[5]);
    cron_.is_fixed_time_ = (std::string(fields[1]) + std::string(fields[2])).find_first_of("*/") == std::string::npos;
    if (!cron_.next(LocalSecond{})) throw Refused{{"", "no date fits it: look at the day of month and the month"}};
  }

  static std::string_view expansion(std::string_view macro) {
    if (macro == "@HOURLY") return "0 * * * *";
    if (macro == "@DAILY" || macro == "@MIDNIGHT") return "0 0 * * *";
    if (macro == "@WEEKLY") return "0 0 * * 0";
    if (macro == "@MONTHLY") return "0 0 1 * *";
    if (macro == "@YEARLY" || macro == "@ANNUALLY") return "0 0 1 1 *";
    if (macro.starts_with('@'))
      throw Refused{{"", quoted(macro) + " is not known: there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"}};
    return {};
  }

  template <std::size_t N>
  static void list(const Field& field, std::string_view text, std::bitset<N>& bits) {
    for (const std::string_view part : split(text, ",")) each(field, part, [&](unsigned value) { bits.set(value); });
  }

  void day(std::string_view part, std::string_view whole) {
    if (part == "?") return question(day_field, whole, [&] { cron_.days_.set(); });
    if (part == "L") return void(cron_.days_before_last_.set(0));
    if (part == "LW" || part == "WL") return void(cron_.is_last_weekday_ = true);
    if (part.starts_with("L-")) {
      const unsigned before = number_of({"day of month", 0, 30}, part.substr(2));
      return void(cron_.days_before_last_.set(before));
    }
    if (part.ends_with('W')) return void(cron_.nearest_weekdays_.set(number_of(day_field, part.substr(0, part.size() - 1))));
    each(day_field, part, [&](unsigned value) { cron_.days_.set(value); });
  }

  void weekday(std::string_view part, std::string_view whole) {
    if (part == "?") return question(weekday_field, whole, [&] { cron_.weekdays_.set(); });
    if (part == "L") refuse(weekday_field, "'L' needs a day: 5L is the month's last Friday");
    if (const std::size_t hash = part.find('#'); hash != std::string_view::npos) {
      const unsigned nth = number_of({"day of week", 1, 5}, part.substr(hash + 1));
      return void(cron_.nth_weekdays_[number_of(weekday_field, part.substr(0, hash)) % 7].set(nth));
    }
    if (part.size() > 1 && part.ends_with('L'))
      return void(cron_.last_weekdays_.set(number_of(weekday_field, part.substr(0, part.size() - 1)) % 7));
    each(weekday_field, part, [&](unsigned value) { cron_.weekdays_.set(value % 7); });
  }

  template <class Set>
  static void question(const Field& field, std::string_view whole, Set set) {
    if (whole != "?") refuse(field, "'?' stands alone");
    set();
  }

  Cron cron_;
};

std::variant<Cron, CronError> Cron::parse(std::string_view expression) {
  try {
    return CronParser::parse(expression);
  } catch (const Refused& refused) {
    return refused.error;
  }
}

}  // namespace takt::scheduler
