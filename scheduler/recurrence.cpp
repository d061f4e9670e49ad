#include "scheduler/recurrence.h"

#include <date/tz.h>

#include <algorithm>
#include <charconv>

namespace takt::scheduler {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr auto search_max = std::chrono::days(146'097 + 2);   // 400 years
constexpr auto offset_max = std::chrono::days(2);             // more than any two offsets differ by

constexpr seconds interval_max = std::chrono::days(36'500);

/// A stretch of time in which a zone's clocks keep one offset.
struct Stretch {
  sys_seconds begin, end;
  seconds offset;
  std::optional<seconds> prior_offset;   ///< of the stretch before

  LocalSecond local(sys_seconds at) const { return LocalSecond(at.time_since_epoch() + offset); }
  sys_seconds sys(LocalSecond at) const { return sys_seconds(at.time_since_epoch() - offset); }
  /// What clocks that had not been changed would show at the beginning.
  LocalSecond unchanged() const { return LocalSecond(begin.time_since_epoch() + prior_offset.value_or(offset)); }
  bool begins_with_gap() const { return unchanged() < local(begin); }
};

Stretch stretch_at(const date::time_zone& zone, sys_seconds at) {
  constexpr sys_seconds earliest{seconds{-5'000'000'000}};   // before there were zones
  const date::sys_info info = zone.get_info(at);
  Stretch stretch{std::max(info.begin, earliest), info.end, info.offset, std::nullopt};
  if (stretch.begin > earliest) stretch.prior_offset = zone.get_info(stretch.begin - seconds(1)).offset;
  return stretch;
}

/// "1h30m"; none: no duration.
std::optional<seconds> duration_of(std::string_view text) {
  seconds sum{};
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end == text.data() + text.size() || value < 0 || value > 1'000'000'000) return std::nullopt;
    switch (*end) {
      case 's': sum += seconds(value); break;
      case 'm': sum += std::chrono::minutes(value); break;
      case 'h': sum += std::chrono::hours(value); break;
      case 'd': sum += std::chrono::days(value); break;
      default: return std::nullopt;
    }
    if (sum > interval_max) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end + 1 - text.data()));
  }
  return sum;
}

std::string text_of(seconds duration) {
  std::string text;
  const auto put = [&](seconds unit, const char* name) {
    if (duration >= unit) text += std::to_string(duration / unit) + name;
    duration %= unit;
  };
  put(std::chrono::days(1), "d");
  put(std::chrono::hours(1), "h");
  put(std::chrono::minutes(1), "m");
  put(seconds(1), "s");
  return text;
}

const date::time_zone* find_zone(const std::string& name) {
  const bool has_area = name.find('/') != std::string::npos && !name.starts_with("posix/") && !name.starts_with("right/");
  if (name != "UTC" && !has_area) return nullptr;
  try {
    return date::locate_zone(name);
  } catch (const std::runtime_error&) {
    return nullptr;
  }
}

}  // namespace

std::variant<Recurrence, CronError> Recurrence::parse(std::string_view rule, const std::string& zone, sys_seconds anchor) {
  constexpr std::string_view every = "@every";
  const date::time_zone* const found = find_zone(zone);
  if (found == nullptr)
    return CronError{"zone", "'" + zone + "' is not known: use a name of the IANA database with its area, as Europe/Berlin, or UTC"};
  if (rule.starts_with(every)) {
    const std::size_t from = rule.find_first_not_of(" \t", every.size());
    const auto interval = from == std::string_view::npos ? std::nullopt : duration_of(rule.substr(from));
    if (!interval || *interval < seconds(1) || *interval > interval_max)
      return CronError{"interval", "@every needs a duration from a second to 36500d, such as 90s, 1h30m or 2d"};
    return Recurrence(Every{*interval, anchor});
  }
  auto cron = Cron::parse(rule);
  if (auto* error = std::get_if<CronError>(&cron)) return std::move(*error);
  return Recurrence(Clocks{std::get<Cron>(cron), found});
}

std::optional<sys_seconds> Recurrence::next(sys_seconds after) const {
  if (const auto* clocks = std::get_if<Clocks>(&rule_)) return next(*clocks, after);
  const auto& [interval, anchor] = std::get<Every>(rule_);
  if (after < anchor) return anchor;
  return anchor + ((after - anchor) / interval + 1) * interval;
}

std::optional<sys_seconds> Recurrence::prior(sys_seconds before) const {
  if (const auto* clocks = std::get_if<Clocks>(&rule_)) return prior(*clocks, before);
  const auto& [interval, anchor] = std::get<Every>(rule_);
  if (before <= anchor) return std::nullopt;
  return anchor + ((before - anchor - seconds(1)) / interval) * interval;
}

std::optional<sys_seconds> Recurrence::next(const Clocks& rule, sys_seconds after) {
  const bool is_fixed = rule.cron.is_fixed_time();
  for (sys_seconds at = after + seconds(1); at <= after + search_max;) {
    const Stretch stretch = stretch_at(*rule.zone, at);
    LocalSecond from = stretch.local(at);
    if (is_fixed && at == stretch.begin && stretch.begins_with_gap()) {
      const auto skipped = rule.cron.next(stretch.unchanged());
      if (skipped && *skipped < from) return at;
    }
    if (is_fixed) from = std::max(from, stretch.unchanged());
    const auto found = rule.cron.next(from);
    if (!found) return std::nullopt;
    if (stretch.sys(*found) < stretch.end) return stretch.sys(*found);
    at = std::max(stretch.end, stretch.sys(*found) - offset_max);
  }
  return std::nullopt;
}

std::optional<sys_seconds> Recurrence::prior(const Clocks& rule, sys_seconds before) {
  const bool is_fixed = rule.cron.is_fixed_time();
  for (sys_seconds at = before - seconds(1); at >= before - search_max;) {
    const Stretch stretch = stretch_at(*rule.zone, at);
    LocalSecond least = stretch.local(stretch.begin);
    if (is_fixed) least = std::max(least, stretch.unchanged());
    const auto found = rule.cron.prior(stretch.local(at));
    if (!found) return std::nullopt;
    if (*found >= least) return stretch.sys(*found);
    if (is_fixed && stretch.begins_with_gap()) {
      const auto skipped = rule.cron.prior(stretch.local(stretch.begin) - seconds(1));
      if (skipped && *skipped >= stretch.unchanged()) return stretch.begin;
    }
    at = std::min(stretch.begin - seconds(1), stretch.sys(*found) + offset_max);
  }
  return std::nullopt;
}

std::vector<sys_seconds> Recurrence::preview(sys_seconds after, std::size_t count) const {
  std::vector<sys_seconds> occurrences;
  for (auto at = next(after); at && occurrences.size() < count; at = next(*at)) occurrences.push_back(*at);
  return occurrences;
}

std::string Recurrence::local_text(sys_seconds instant) const {
  const auto* clocks = std::get_if<Clocks>(&rule_);
  return clocks == nullptr ? date::format("%FT%TZ", instant) : date::format("%FT%T%Ez", date::make_zoned(clocks->zone, instant));
}

std::string Recurrence::description() const {
  if (const auto* every = std::get_if<Every>(&rule_)) return "every " + text_of(every->interval);
  const auto& clocks = std::get<Clocks>(rule_);
  return clocks.cron.description() + ", in " + clocks.zone->name();
}

}  // namespace takt::scheduler
