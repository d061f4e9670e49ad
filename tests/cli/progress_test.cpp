#include "cli/progress.h"

#include <gtest/gtest.h>

#include "cli/latencies.h"

namespace takt::cli {
namespace {

using namespace std::chrono_literals;

TEST(Progress, ShowsShareCountRateAndRest) {
  EXPECT_EQ(progress_line({.label = "sending", .done = 450, .total = 1'000, .elapsed = 200ms}),
            "sending  [#########-----------]   45 %  450/1,000  2,250/s  1 s left");
}

TEST(Progress, EndsFullWithoutARest) {
  EXPECT_EQ(progress_line({.label = "sending", .done = 1'000, .total = 1'000, .elapsed = 1s}),
            "sending  [####################]  100 %  1,000/1,000  1,000/s");
}

TEST(Progress, ShowsCountAndRateWhenTheEndIsNotKnown) {
  EXPECT_EQ(progress_line({.label = "sending", .done = 50, .total = std::nullopt, .elapsed = 2s}), "sending  50  25/s");
}

TEST(Progress, BeginsWithoutDividingByZero) {
  EXPECT_EQ(progress_line({.label = "sending", .done = 0, .total = 0, .elapsed = 0s}), "sending  [--------------------]    0 %  0/0  0/s");
}

TEST(Latencies, TakesTheValueAtTheRank) {
  Latencies latencies;
  for (int i = 1'000; i >= 1; --i) latencies.add(std::chrono::milliseconds(i));
  const auto summary = latencies.summary();
  EXPECT_DOUBLE_EQ(summary.p50_ms, 500);
  EXPECT_DOUBLE_EQ(summary.p90_ms, 900);
  EXPECT_DOUBLE_EQ(summary.p99_ms, 990);
  EXPECT_DOUBLE_EQ(summary.p999_ms, 999);
  EXPECT_DOUBLE_EQ(summary.max_ms, 1'000);
}

TEST(Latencies, OfNothingAreZero) { EXPECT_DOUBLE_EQ(Latencies().summary().max_ms, 0); }

}  // namespace
}  // namespace takt::cli
