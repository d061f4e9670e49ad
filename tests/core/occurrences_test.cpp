#include "broker/core/occurrences.h"

#include <gtest/gtest.h>

#include <set>

namespace takt::core {
namespace {

using namespace std::chrono_literals;
using proto::CatchUp;
using Settings = proto::ScheduleSettings;

/// 2023-11-14T22:13:20Z
constexpr WallTime began(std::chrono::milliseconds(1'700'000'000'000));

std::uint64_t ms(WallTime time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }

Settings every_minute(CatchUp catch_up = CatchUp::kLast, std::chrono::milliseconds window = 1h, std::uint32_t max = 100) {
  return {.rule = "@every 1m", .catch_up = catch_up, .catch_up_max = max, .catch_up_window_ms = static_cast<std::uint64_t>(window.count())};
}
Occurrences occurrences(const Settings& settings, const std::string& name = "s") {
  return Occurrences::parse(name, settings, began).value();
}

std::string refusal(const Settings& settings) {
  const auto parsed = Occurrences::parse("s", settings, began);
  return parsed ? "taken" : parsed.error().message;
}
std::string shown(const Occurrences::Verdict& verdict) {
  return std::to_string((verdict.planned - began) / 1s) + "s " + std::to_string(static_cast<int>(verdict.outcome)) + " x" +
         std::to_string(verdict.count);
}

TEST(Occurrences, LieBetweenStartAndEndBothIncluded) {
  const Settings settings{.rule = "* * * * *", .start_ms = ms(began + 40s), .end_ms = ms(began + 160s)};
  const Occurrences rule = occurrences(settings);
  const auto first = rule.next(began);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->planned, began + 40s);
  EXPECT_EQ(rule.next(began + 40s)->planned, began + 100s);
  EXPECT_EQ(rule.next(began + 100s)->planned, began + 160s);
  EXPECT_EQ(rule.next(began + 160s), std::nullopt);
}

TEST(Occurrences, AnIntervalCountsFromTheStartElseFromTheAnchor) {
  EXPECT_EQ(occurrences({.rule = "@every 7s"}).next(began)->planned, began + 7s);
  EXPECT_EQ(occurrences({.rule = "@every 7s", .start_ms = ms(began + 2500ms)}).next(began)->planned, began + 3s);
}

TEST(Occurrences, ComeLaterByTheirJitterAndBeforeTheNextOne) {
  const Settings settings{.rule = "@every 10s", .jitter_ms = 60'000};
  const Occurrences rule = occurrences(settings);
  std::set<std::int64_t> offsets;
  for (WallTime at = began + 10s; at < began + 1000s; at += 10s) {
    const auto by = rule.due(at) - at;
    EXPECT_GE(by, 0ms);
    EXPECT_LT(by, 10s);
    EXPECT_EQ(rule.due(at), occurrences(settings).due(at)) << "the same whoever asks";
    offsets.insert(by.count());
  }
  EXPECT_GT(offsets.size(), 90u) << "spread";
  EXPECT_NE(rule.due(began + 10s), occurrences(settings, "another").due(began + 10s)) << "schedules do not come all at once";
  const Settings small{.rule = "@every 1h", .jitter_ms = 2};
  std::set<std::int64_t> few;
  for (WallTime at = began + 1h; at < began + 100h; at += 1h) few.insert((occurrences(small).due(at) - at).count());
  EXPECT_EQ(few, (std::set<std::int64_t>{0, 1, 2}));
}

TEST(Occurrences, OnTimeIsUpToAMinuteLate) {
  for (const CatchUp catch_up : {CatchUp::kLast, CatchUp::kSkip, CatchUp::kAll}) {
    const Occurrences rule = occurrences({.rule = "@every 1h", .catch_up = catch_up, .catch_up_window_ms = 0});
    EXPECT_EQ(shown(rule.judge(began + 1h, began + 1h)), "3600s 1 x1");
    EXPECT_EQ(shown(rule.judge(began + 1h, began + 1h + 60s)), "3600s 1 x1");
    EXPECT_EQ(shown(rule.judge(began + 1h, began + 1h + 60s + 1ms)), "3600s 5 x1") << "the window is shorter";
  }
  EXPECT_EQ(shown(occurrences({.rule = "@every 1h"}).judge(began + 1h, began + 1h + 60s + 1ms)), "3600s 2 x1");
}

TEST(Occurrences, LastCatchesUpTheNewest) {
  const Occurrences rule = occurrences(every_minute());
  EXPECT_EQ(shown(rule.judge(began + 1min, began + 10min + 5s)), "540s 5 x9");
  EXPECT_EQ(shown(rule.judge(began + 10min, began + 10min + 5s)), "600s 1 x1");
}

TEST(Occurrences, SkipCatchesUpNone) {
  const Occurrences rule = occurrences({.rule = "@every 10m", .catch_up = CatchUp::kSkip});
  EXPECT_EQ(shown(rule.judge(began + 10min, began + 25min)), "1200s 5 x2");
  EXPECT_EQ(shown(rule.judge(began + 10min, began + 20min + 30s)), "600s 5 x1") << "the newest is on time";
}

TEST(Occurrences, AllCatchesUpTheNewestOnes) {
  const Occurrences three = occurrences(every_minute(CatchUp::kAll, 1h, 3));
  EXPECT_EQ(shown(three.judge(began + 1min, began + 10min + 5s)), "420s 5 x7");
  EXPECT_EQ(shown(three.judge(began + 8min, began + 10min + 5s)), "480s 2 x1");
  EXPECT_EQ(shown(three.judge(began + 9min, began + 10min + 5s)), "540s 2 x1");
  EXPECT_EQ(shown(three.judge(began + 10min, began + 10min + 5s)), "600s 1 x1");
  const Occurrences window = occurrences(every_minute(CatchUp::kAll, 3min));
  EXPECT_EQ(shown(window.judge(began + 1min, began + 10min + 5s)), "420s 5 x7") << "older than three minutes";
  EXPECT_EQ(shown(window.judge(began + 8min, began + 10min + 5s)), "480s 2 x1");
}

TEST(Occurrences, WhatIsPastTheWindowIsMissed) {
  const Occurrences rule = occurrences({.rule = "@every 1h", .catch_up_window_ms = 1'000'000});
  EXPECT_EQ(shown(rule.judge(began + 1h, began + 3h + 1001s)), "10800s 5 x3");
  EXPECT_EQ(shown(rule.judge(began + 1h, began + 3h + 1000s)), "7200s 5 x2");
}

TEST(Occurrences, JitterDoesNotEatTheWindow) {
  const Occurrences rule = occurrences({.rule = "@every 1d", .jitter_ms = 86'400'000});
  const WallTime due = rule.due(began + 24h);
  ASSERT_GT(due, began + 25h) << "it comes more than a window behind its plan";
  EXPECT_EQ(shown(rule.judge(began + 24h, due + 1min)), "86400s 1 x1");
  EXPECT_EQ(shown(rule.judge(began + 24h, due + 2min)), "86400s 2 x1");
  EXPECT_EQ(shown(rule.judge(began + 24h, due + 1h)), "86400s 2 x1");
  EXPECT_EQ(shown(rule.judge(began + 24h, due + 1h + 1ms)), "86400s 5 x1");
}

TEST(Occurrences, NoneIsMissedBeforeItIsDue) {
  const Settings settings{.rule = "@every 1m", .jitter_ms = 59'000};
  const Occurrences rule = occurrences(settings);
  const WallTime second = rule.due(began + 2min);
  ASSERT_GT(second, began + 2min + 1ms);
  EXPECT_EQ(shown(rule.judge(began + 1min, second - 1ms)),
            "60s " + std::string(rule.due(began + 1min) + 1min >= second - 1ms ? "1" : "2") + " x1");
  EXPECT_EQ(shown(rule.judge(began + 1min, second)), "60s 5 x1");
}

TEST(Occurrences, ThoseAfterTheEndAreNotMissed) {
  Settings settings = every_minute();
  settings.end_ms = ms(began + 3min);
  EXPECT_EQ(shown(occurrences(settings).judge(began + 1min, began + 10min)), "120s 5 x2");
  EXPECT_EQ(shown(occurrences(settings).judge(began + 3min, began + 10min)), "180s 2 x1");
}

TEST(Occurrences, AreCountedUpToAThousand) {
  EXPECT_EQ(shown(occurrences({.rule = "@every 1s", .catch_up_window_ms = 0}).judge(began + 1s, began + 100h)), "359999s 5 x1000");
}

TEST(Occurrences, RefusalsNameTheSetting) {
  EXPECT_EQ(refusal({.rule = "61 * * * *"}).substr(0, 51), "put_schedule: field 'settings.rule': minute: '61' i");
  EXPECT_EQ(refusal({.rule = "@every soon"}),
            "put_schedule: field 'settings.rule': interval: @every needs a duration from a second to 36500d, such as 90s, 1h30m or 2d");
  EXPECT_EQ(
      refusal({.rule = "* * * * *", .zone = "CET"}),
      "put_schedule: field 'settings.zone': 'CET' is not known: use a name of the IANA database with its area, as Europe/Berlin, or UTC");
}

}  // namespace
}  // namespace takt::core
