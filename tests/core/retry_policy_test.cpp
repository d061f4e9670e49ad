#include "broker/core/retry_policy.h"

#include <gtest/gtest.h>

#include "proto/limits.h"

namespace takt::core {
namespace {

using proto::Backoff;
using proto::RetryPolicy;
using std::chrono::milliseconds;

RetryPolicy exact(Backoff backoff, std::uint64_t base_ms, std::uint64_t cap_ms, std::vector<std::uint64_t> delays = {}) {
  return {.backoff = backoff, .base_ms = base_ms, .cap_ms = cap_ms, .delays_ms = std::move(delays), .jitter_percent = 0};
}

std::vector<std::int64_t> delays_of(const RetryPolicy& policy, std::uint32_t failures) {
  std::vector<std::int64_t> delays;
  for (std::uint32_t n = 1; n <= failures; ++n) delays.push_back(retry_delay(policy, n, 7).count());
  return delays;
}

TEST(RetryDelay, ExponentialDoublesUpToItsCap) {
  EXPECT_EQ(delays_of(exact(Backoff::kExponential, 1000, 300'000), 11),
            (std::vector<std::int64_t>{1000, 2000, 4000, 8000, 16'000, 32'000, 64'000, 128'000, 256'000, 300'000, 300'000}));
  EXPECT_EQ(retry_delay(exact(Backoff::kExponential, 1, 300'000), 1000, 7), milliseconds(300'000));
  EXPECT_EQ(retry_delay(exact(Backoff::kExponential, 0, 300'000), 1000, 7), milliseconds(0));
}

TEST(RetryDelay, LinearGrowsByItsBaseUpToItsCap) {
  EXPECT_EQ(delays_of(exact(Backoff::kLinear, 500, 1600), 5), (std::vector<std::int64_t>{500, 1000, 1500, 1600, 1600}));
}

TEST(RetryDelay, OfAListTheLastOneStays) {
  EXPECT_EQ(delays_of(exact(Backoff::kList, 0, 0, {10, 0, 60'000}), 5), (std::vector<std::int64_t>{10, 0, 60'000, 60'000, 60'000}));
}

TEST(RetryDelay, AHundredYearsAThousandTimesIsStillADelay) {
  constexpr std::uint64_t most = limits::span_ms_max;
  for (const Backoff backoff : {Backoff::kExponential, Backoff::kLinear})
    EXPECT_EQ(retry_delay(exact(backoff, most, most), limits::attempts_max, UINT64_MAX), milliseconds(most));
  EXPECT_EQ(retry_delay(exact(Backoff::kList, 0, 0, {most}), limits::attempts_max, UINT64_MAX), milliseconds(most));
}

TEST(RetryDelay, JitterShortensByAtMostItsShareAndSpreads) {
  RetryPolicy policy = exact(Backoff::kLinear, 10'000, 10'000);
  for (const std::uint32_t percent : {20u, 100u}) {
    policy.jitter_percent = percent;
    const std::int64_t least = 10'000 - 100 * percent;
    std::int64_t sum = 0;
    for (std::uint64_t chance = 0; chance < 1000; ++chance) {
      const std::int64_t delay = retry_delay(policy, 1, chance).count();
      EXPECT_GE(delay, least);
      EXPECT_LE(delay, 10'000);
      sum += delay;
    }
    EXPECT_NEAR(static_cast<double>(sum) / 1000, static_cast<double>(10'000 + least) / 2, 50.0 * percent / 20);
  }
}

}  // namespace
}  // namespace takt::core
