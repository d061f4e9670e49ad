#include "broker/core/steered.h"

#include <gtest/gtest.h>

namespace takt::core {
namespace {

using scheduler::TimerId;
using scheduler::TimerKey;

WallTime at(std::int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

TEST(Steered, KnowsWhatARearmedMessageWaitsFor) {
  Steered steered;
  EXPECT_EQ(steered.timer_of(Position(7)), TimerId(7));
  EXPECT_EQ(steered.fired(TimerId(7)), Position(7)) << "nobody touched it";
  steered.rearm(Position(7), {at(100), TimerId(20)});
  steered.rearm(Position(7), {at(90), TimerId(21)});
  ASSERT_NE(steered.find(Position(7)), nullptr);
  EXPECT_EQ(*steered.find(Position(7)), (TimerKey{at(90), TimerId(21)}));
  EXPECT_EQ(steered.timer_of(Position(7)), TimerId(21));
  EXPECT_EQ(steered.fired(TimerId(20)), Position(20)) << "of the first time";
  EXPECT_EQ(steered.fired(TimerId(21)), Position(7));
  EXPECT_EQ(steered.find(Position(7)), nullptr);
}

TEST(Steered, RemembersTheNewestMillionThatWereCancelled) {
  Steered steered;
  for (std::uint64_t i = 0; i < Steered::cancelled_max + 10; ++i) steered.cancel(Position(i));
  EXPECT_FALSE(steered.is_cancelled(Position(9)));
  EXPECT_TRUE(steered.is_cancelled(Position(10)));
  EXPECT_TRUE(steered.is_cancelled(Position(Steered::cancelled_max + 9)));
}

TEST(Steered, IsReadBackFromItsRows) {
  Steered steered;
  steered.rearm(Position(7), {at(100), TimerId(20)});
  steered.rearm(Position(8), {at(200), TimerId(21)});
  steered.cancel(Position(9));
  Checkpoint first;
  steered.take_changes(first);
  steered.cancel(Position(8));
  Checkpoint second;
  steered.take_changes(second);
  ASSERT_EQ(first.changed.size(), 3u);
  ASSERT_EQ(second.changed.size(), 2u);
  EXPECT_EQ(second.changed[0].key, first.changed[1].key);
  EXPECT_EQ(second.changed[0].value, std::nullopt);
  Steered back;
  ASSERT_TRUE(back.load_rearmed(first.changed[0].key, *first.changed[0].value));
  ASSERT_TRUE(back.load_cancelled(second.changed[1].key, *second.changed[1].value));
  EXPECT_EQ(back.timer_of(Position(7)), TimerId(20));
  EXPECT_TRUE(back.is_cancelled(Position(8)));
  EXPECT_TRUE(back.is_cancelled(Position(9)));
  EXPECT_FALSE(back.load_rearmed(first.changed[1].key, *first.changed[0].value)) << "two messages with one timer";
  EXPECT_FALSE(back.load_rearmed("short", *first.changed[1].value));
  EXPECT_FALSE(back.load_rearmed(first.changed[1].key, "\x01"));
}

}  // namespace
}  // namespace takt::core
