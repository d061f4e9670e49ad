#include "scheduler/recurrence.h"

#include <date/tz.h>
#include <gtest/gtest.h>

namespace takt::scheduler {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year;

using Times = std::vector<sys_seconds>;

Recurrence recurrence(std::string_view rule, const std::string& zone, sys_seconds anchor = {}) {
  auto parsed = Recurrence::parse(rule, zone, anchor);
  if (const auto* error = std::get_if<CronError>(&parsed)) throw std::runtime_error(error->text());
  return std::get<Recurrence>(std::move(parsed));
}
std::string refusal(std::string_view rule, const std::string& zone) {
  auto parsed = Recurrence::parse(rule, zone, {});
  const auto* error = std::get_if<CronError>(&parsed);
  return error == nullptr ? "taken" : error->text();
}
sys_seconds utc(int y, unsigned m, unsigned d, seconds time = 0s) {
  return sys_days(year(y) / static_cast<int>(m) / static_cast<int>(d)) + time;
}

// Berlin: on 2024-03-31 two o'clock becomes three, on 2024-10-27 three o'clock becomes two.

TEST(Recurrence, AFixedTimeThatIsSkippedComesAtTheEndOfTheGap) {
  const Recurrence rule = recurrence("30 2 * * *", "Europe/Berlin");
  EXPECT_EQ(rule.preview(utc(2024, 3, 30), 3), (Times{utc(2024, 3, 30, 1h + 30min), utc(2024, 3, 31, 1h), utc(2024, 4, 1, 30min)}));
}

TEST(Recurrence, SkippedTimesComeOnce) {
  const Recurrence rule = recurrence("0,30 2,3 * * *", "Europe/Berlin");
  EXPECT_EQ(rule.preview(utc(2024, 3, 31), 3), (Times{utc(2024, 3, 31, 1h), utc(2024, 3, 31, 1h + 30min), utc(2024, 4, 1, 0h)}));
}

TEST(Recurrence, AFixedTimeThatHappensTwiceComesTheFirstTime) {
  const Recurrence rule = recurrence("30 2 * * *", "Europe/Berlin");
  EXPECT_EQ(rule.preview(utc(2024, 10, 26, 12h), 2), (Times{utc(2024, 10, 27, 30min), utc(2024, 10, 28, 1h + 30min)}));
}

TEST(Recurrence, OtherRulesFollowTheTimeThatPasses) {
  const Recurrence rule = recurrence("*/30 2 * * *", "Europe/Berlin");
  EXPECT_EQ(rule.preview(utc(2024, 3, 30, 12h), 1), Times{utc(2024, 4, 1, 0h)});
  EXPECT_EQ(rule.preview(utc(2024, 10, 26, 12h), 5), (Times{utc(2024, 10, 27, 0h), utc(2024, 10, 27, 30min), utc(2024, 10, 27, 1h),
                                                            utc(2024, 10, 27, 1h + 30min), utc(2024, 10, 28, 1h)}));
}

TEST(Recurrence, EveryCountsFromItsAnchorInAnyZone) {
  const Recurrence rule = recurrence("@every 1h30m", "Europe/Berlin", utc(2024, 3, 31));
  EXPECT_EQ(rule.preview(utc(2024, 3, 30), 3), (Times{utc(2024, 3, 31), utc(2024, 3, 31, 90min), utc(2024, 3, 31, 3h)}));
  EXPECT_EQ(rule.next(utc(2024, 3, 31, 90min)), utc(2024, 3, 31, 3h));
  EXPECT_EQ(rule.prior(utc(2024, 3, 31, 90min)), utc(2024, 3, 31));
  EXPECT_EQ(rule.prior(utc(2024, 3, 31)), std::nullopt);
  EXPECT_EQ(recurrence("@every 1s", "UTC").next(utc(2024, 1, 1)), utc(2024, 1, 1, 1s));
}

TEST(Recurrence, RefusesZonesThatMeanAnotherThingElsewhere) {
  for (const char* const zone : {"Local", "EST", "CET", "Europe/Nowhere", "", "+02:00", "posix/Europe/Berlin", "../etc/passwd"})
    EXPECT_TRUE(refusal("0 0 * * *", zone).starts_with("zone: '" + std::string(zone) + "' is not known")) << zone;
  EXPECT_EQ(refusal("0 0 * * *", "UTC"), "taken");
  EXPECT_EQ(refusal("0 0 * * *", "America/Argentina/Buenos_Aires"), "taken");
}

TEST(Recurrence, RefusesIntervalsThatAreNone) {
  for (const char* const rule : {"@every", "@every ", "@every 0s", "@every 1", "@every s", "@every -5s", "@every 500ms",
                                 "@every 99999999999s", "@every 36501d", "@every 36500d1s"})
    EXPECT_EQ(refusal(rule, "UTC"), "interval: @every needs a duration from a second to 36500d, such as 90s, 1h30m or 2d") << rule;
}

TEST(Recurrence, SaysWhenItComesAndWhere) {
  EXPECT_EQ(recurrence("30 2 * * *", "Europe/Berlin").description(), "at 02:30, in Europe/Berlin");
  EXPECT_EQ(recurrence("@every 36h5s", "UTC").description(), "every 1d12h5s");
  EXPECT_EQ(recurrence("@every 36500d", "UTC").description(), "every 36500d");
}

// ---- every zone against a slow reference

struct Pattern {
  const char* cron;
  bool is_fixed;
  bool (*fits)(unsigned hour, unsigned minute);
};
constexpr Pattern patterns[] = {
    {"30 2 * * *", true, [](unsigned h, unsigned m) { return h == 2 && m == 30; }},
    {"0,15,59 0,1,3,23 * * *", true,
     [](unsigned h, unsigned m) { return (h <= 1 || h == 3 || h == 23) && (m == 0 || m == 15 || m == 59); }},
    {"*/20 * * * *", false, [](unsigned, unsigned m) { return m % 20 == 0; }},
    {"45 0-4/2 * * *", false, [](unsigned h, unsigned m) { return h <= 4 && h % 2 == 0 && m == 45; }},
};

/// Walks the minutes on the wall from `from` to `until`, and asks the zone about each.
Times reference(const Pattern& pattern, const date::time_zone& zone, sys_seconds from, sys_seconds until) {
  const auto fits = [&](seconds local) {
    const seconds time = local - std::chrono::floor<std::chrono::days>(local);
    return pattern.fits(static_cast<unsigned>(time / 1h), static_cast<unsigned>(time / 1min % 60));
  };
  Times times;
  seconds shown = seconds::min();   // the latest that the wall has shown, as if nobody had changed the clock
  for (sys_seconds at = from; at < until;) {
    const date::sys_info info = zone.get_info(at);
    const seconds begin = at.time_since_epoch() + info.offset;
    bool has_skipped = false;
    if (pattern.is_fixed && shown != seconds::min())
      for (seconds local = std::chrono::ceil<std::chrono::minutes>(shown); local < begin; local += 1min) has_skipped |= fits(local);
    if (has_skipped) times.push_back(at);
    const sys_seconds end = std::min<sys_seconds>(info.end, until);
    for (seconds local = std::chrono::ceil<std::chrono::minutes>(begin); local - info.offset < end.time_since_epoch(); local += 1min) {
      const sys_seconds here(local - info.offset);
      if (!fits(local) || (pattern.is_fixed && local < shown) || (!times.empty() && times.back() == here)) continue;
      times.push_back(here);
    }
    shown = std::max(shown, end.time_since_epoch() + info.offset);
    at = end;
  }
  return times;
}

TEST(Recurrence, AgreesWithTheMinutesOnTheWallOfEveryZone) {
  std::size_t changes = 0;
  for (const date::time_zone& zone : date::get_tzdb().zones) {
    if (zone.name().find('/') == std::string::npos || zone.name().starts_with("posix/") || zone.name().starts_with("right/")) continue;
    std::vector<Recurrence> rules;
    for (const Pattern& pattern : patterns) rules.push_back(recurrence(pattern.cron, zone.name()));
    seconds before = zone.get_info(utc(1970, 1, 1)).offset;
    for (sys_seconds change = zone.get_info(utc(1970, 1, 1)).end; change < utc(2038, 1, 1);) {
      const date::sys_info info = zone.get_info(change);
      const seconds by = std::exchange(before, info.offset) - info.offset;
      if (by != 0s) {
        ++changes;
        // From well before, so that the reference has seen what the wall showed.
        const sys_seconds from = change - std::max(seconds(5h), 2 * std::chrono::abs(by));
        const sys_seconds until = change + std::max(seconds(5h), 2 * std::chrono::abs(by));
        for (std::size_t i = 0; i < rules.size(); ++i) {
          const Times expected = reference(patterns[i], zone, from - 26h, until);
          const auto first = std::ranges::lower_bound(expected, from);
          sys_seconds at = from - 1s;
          for (auto next = first; next != expected.end(); ++next) {
            ASSERT_EQ(rules[i].next(at), *next) << zone.name() << " " << patterns[i].cron << " after " << at.time_since_epoch().count();
            at = *next;
          }
          for (auto next = expected.end(); next != first;) {
            --next;
            const auto found = rules[i].prior(next + 1 == expected.end() ? until : *(next + 1));
            ASSERT_EQ(found, *next) << zone.name() << " " << patterns[i].cron;
          }
        }
      }
      if (info.end >= utc(2038, 1, 1)) break;
      change = info.end;
    }
  }
  EXPECT_GT(changes, 20'000u);
}

}  // namespace
}  // namespace takt::scheduler
