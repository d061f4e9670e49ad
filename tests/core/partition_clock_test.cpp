#include "broker/core/partition_clock.h"

#include <gtest/gtest.h>

#include <random>

namespace takt::core {
namespace {

using namespace std::chrono_literals;
using State = PartitionClock::State;

const WallTime noon{std::chrono::milliseconds(1'700'000'000'000)};

class PartitionClockTest : public testing::Test {
 protected:
  void pass(Duration by) {
    now.mono += by;
    now.wall += std::chrono::floor<std::chrono::milliseconds>(by);
  }
  void set(std::chrono::milliseconds by) { now.wall += by; }
  WallTime read(bool is_synchronised = false) { return clock.read({now.mono, now.wall, is_synchronised}); }

  Now now{Time(1h), noon};
  PartitionClock clock{{}, std::nullopt, now};
};

TEST_F(PartitionClockTest, FollowsTheWallClockAndItsSmallCorrections) {
  pass(5s);
  EXPECT_EQ(read(), noon + 5s);
  set(200ms);
  EXPECT_EQ(read(), noon + 5200ms);
  set(-200ms);
  EXPECT_EQ(read(), noon + 5200ms) << "never back";
  pass(1s);
  EXPECT_EQ(read(), noon + 6s);
  EXPECT_EQ(clock.state(), State::kFollows);
}

TEST_F(PartitionClockTest, SleepIsNoJump) {
  read();
  pass(std::chrono::hours(24 * 30));
  EXPECT_EQ(read(), noon + std::chrono::hours(24 * 30));
  EXPECT_EQ(clock.steps(), 0u);
}

TEST_F(PartitionClockTest, AStepAheadOfMinutesIsFollowedAndCounted) {
  read();
  set(4min);
  EXPECT_EQ(read(), noon + 4min);
  EXPECT_EQ(clock.steps(), 1u);
}

TEST_F(PartitionClockTest, AJumpFarAheadIsHeldAndFollowedWhenItLasts) {
  read();
  set(1h);
  EXPECT_EQ(read(), noon);
  EXPECT_EQ(clock.state(), State::kHolds);
  EXPECT_EQ(clock.ahead(), 1h);
  pass(9min);
  EXPECT_EQ(read(), noon + 9min) << "time goes on meanwhile";
  EXPECT_EQ(clock.held_until(), now.mono + 1min);
  pass(1min);
  EXPECT_EQ(read(), noon + 70min);
  EXPECT_EQ(clock.state(), State::kFollows);
}

TEST_F(PartitionClockTest, ASecondJumpWhileOneIsHeldIsHeldAnew) {
  read();
  set(1h);
  read();
  pass(9min);
  set(1h);
  EXPECT_EQ(read(), noon + 9min);
  EXPECT_EQ(clock.held_until(), now.mono + 10min);
  pass(2min);
  EXPECT_EQ(read(), noon + 11min) << "the first one's time is over, and it is not followed";
  pass(8min);
  EXPECT_EQ(read(), noon + 2h + 19min);
  EXPECT_EQ(clock.state(), State::kFollows);
}

TEST_F(PartitionClockTest, SmallStepsWhileAJumpIsHeldDoNotProlongIt) {
  read();
  set(1h);
  read();
  for (int i = 0; i < 4; ++i) {
    pass(2min);
    set(1min);
    read();
  }
  pass(2min);
  EXPECT_EQ(read(), noon + 1h + 14min);
}

TEST_F(PartitionClockTest, ASynchronisedClockIsHeldForAMinuteOnly) {
  read();
  set(1h);
  read(true);
  pass(59s);
  EXPECT_EQ(read(true), noon + 59s);
  pass(1s);
  EXPECT_EQ(read(true), noon + 1h + 1min);
}

TEST_F(PartitionClockTest, AJumpThatIsTakenBackHasHarmedNobody) {
  read();
  set(24h * 365);
  pass(1min);
  EXPECT_EQ(read(), noon + 1min);
  set(-24h * 365);
  pass(1min);
  EXPECT_EQ(read(), noon + 2min);
  EXPECT_EQ(clock.state(), State::kFollows);
}

TEST_F(PartitionClockTest, AnAcceptedJumpIsFollowedAtOnce) {
  read();
  set(1h);
  read();
  clock.accept();
  EXPECT_EQ(read(), noon + 1h);
  set(1h);
  EXPECT_EQ(read(), noon + 1h) << "the next one is held again";
}

TEST_F(PartitionClockTest, AStepBackOfSecondsIsCaughtUpWithAtHalfSpeed) {
  read();
  set(-4s);
  EXPECT_EQ(read(), noon);
  EXPECT_EQ(clock.state(), State::kSlews);
  pass(4s);
  EXPECT_EQ(read(), noon + 2s);
  pass(4s);
  EXPECT_EQ(read(), noon + 4s);
  EXPECT_EQ(clock.state(), State::kFollows);
  pass(1s);
  EXPECT_EQ(read(), noon + 5s);
}

TEST_F(PartitionClockTest, AfterALargeStepBackTimeGoesOnAtFullSpeed) {
  read();
  set(-24h);
  pass(1h);
  EXPECT_EQ(read(), noon + 1h);
  EXPECT_EQ(clock.state(), State::kRunsOn);
  EXPECT_EQ(clock.ahead(), -24h);
  set(24h);
  EXPECT_EQ(read(), noon + 1h);
  EXPECT_EQ(clock.state(), State::kFollows);
}

TEST_F(PartitionClockTest, AStartGoesOnFromTheLogsTime) {
  PartitionClock after_a_day({}, noon - 24h, now);
  EXPECT_EQ(after_a_day.read(now), noon);
  EXPECT_EQ(after_a_day.state(), State::kFollows);

  PartitionClock after_a_year({}, noon - 24h * 365, now);
  EXPECT_EQ(after_a_year.read(now), noon - 24h * 365);
  EXPECT_EQ(after_a_year.state(), State::kHolds);

  PartitionClock set_back({}, noon + 3s, now);
  EXPECT_EQ(set_back.read(now), noon + 3s);
  EXPECT_EQ(set_back.state(), State::kSlews);

  PartitionClock set_back_by_much({}, noon + 1h, now);
  EXPECT_EQ(set_back_by_much.read(now), noon + 1h);
  EXPECT_EQ(set_back_by_much.state(), State::kRunsOn);
}

// Whatever the wall clock does, time never goes back, and never gains more on the monotonic clock than what is believed, while
// nothing held was let go.
TEST_F(PartitionClockTest, NeverGoesBackNorFollowsAWildClock) {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n)); };
    Now at{Time(1h), noon};
    PartitionClock one({}, std::nullopt, at);
    WallTime last = noon;
    for (int i = 0; i < 300; ++i) {
      const Duration passed = std::chrono::milliseconds(below(i % 7 == 0 ? 100'000 : 2'000));
      at.mono += passed;
      at.wall += std::chrono::floor<std::chrono::milliseconds>(passed);
      if (below(4) == 0) at.wall += std::chrono::milliseconds(below(40'000) - 20'000);
      if (below(20) == 0) at.wall += std::chrono::minutes(below(40'000) - 20'000);
      if (at.wall < noon - std::chrono::hours(24 * 300)) at.wall = noon;
      const bool held_is_over = one.held_until() && *one.held_until() <= at.mono;
      const WallTime time = one.read(at);
      ASSERT_GE(time, last) << "seed " << seed << " step " << i;
      ASSERT_TRUE(held_is_over || time - last <= passed + 5min + 1s) << "seed " << seed << " step " << i;
      last = time;
    }
  }
}

}  // namespace
}  // namespace takt::core
