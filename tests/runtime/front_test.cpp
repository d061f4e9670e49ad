#include "broker/runtime/front.h"

#include <gtest/gtest.h>

#include "broker/core/cold_rows.h"

namespace takt::runtime {
namespace {

using LiveStretch = core::Partition::LiveStretch;

// Commits of ten messages and 1,000 bytes each; four of them fill the front.
class FrontTest : public testing::Test {
 protected:
  FrontTest() : front({.bytes = 4000, .runs_max = 100}) {}
  void add(std::uint64_t first) {
    core::CommitView view;
    view.header.first = Position(first);
    view.header.count = 10;
    core::RunView run;
    run.topic = TopicId(1);
    run.run_class = proto::RunClass::kImmediate;
    run.first_offset = Offset(first);
    run.first_position = Position(first);
    run.count = 10;
    view.runs = {run};
    front.add(view, 1000);
  }
  static LiveStretch live(std::uint64_t position, std::uint32_t count) {
    return {TopicId(1), Lane(0), Offset(position), Position(position), count};
  }

  static LiveStretch staged(std::uint64_t position, std::uint32_t count) {
    return {TopicId(1), core::staged_lane, Offset(position), Position(position), count};
  }

  static constexpr Position everything{1000};
  static constexpr Front::Waiting nothing_waits{.messages = 0, .log_bytes = 4000};
  Front front;
};

TEST_F(FrontTest, WithoutCommitsNothingIsFreed) { EXPECT_EQ(front.plan({}, everything, nothing_waits).free_before, Position(0)); }

TEST_F(FrontTest, WhatIsDeadIsFreedUpToTheFirstLiveMessage) {
  for (const std::uint64_t first : {100, 110, 120}) add(first);
  EXPECT_EQ(front.plan({}, everything, nothing_waits).free_before, Position(130));
  const LiveStretch one[] = {live(115, 1)};
  const auto plan = front.plan(one, everything, nothing_waits);
  EXPECT_EQ(plan.free_before, Position(110));
  EXPECT_TRUE(plan.carry.empty());
}

TEST_F(FrontTest, AFullFrontLessThanHalfLiveIsCarried) {
  for (const std::uint64_t first : {100, 110, 120, 130}) add(first);
  ASSERT_TRUE(front.is_full());
  const LiveStretch few[] = {live(100, 10), live(130, 9)};
  const auto plan = front.plan(few, everything, nothing_waits);
  EXPECT_EQ(plan.free_before, Position(140));
  EXPECT_EQ(plan.carry.size(), 2u);
}

TEST_F(FrontTest, AFrontHalfLiveIsABacklogAndStays) {
  for (const std::uint64_t first : {100, 110, 120, 130}) add(first);
  const LiveStretch half[] = {live(100, 10), live(130, 10)};
  const auto plan = front.plan(half, everything, nothing_waits);
  EXPECT_EQ(plan.free_before, Position(100));
  EXPECT_TRUE(plan.carry.empty());
}

TEST_F(FrontTest, AFrontThatIsNotFullIsNeverCarried) {
  for (const std::uint64_t first : {100, 110, 120}) add(first);
  const LiveStretch one[] = {live(100, 1)};
  EXPECT_TRUE(front.plan(one, everything, nothing_waits).carry.empty());
}

TEST_F(FrontTest, WhatWasAddedSinceItWasAskedAboutStays) {
  for (const std::uint64_t first : {100, 110, 120, 130}) add(first);
  EXPECT_EQ(front.plan({}, Position(120), nothing_waits).free_before, Position(120));
  EXPECT_EQ(front.plan({}, Position(100), nothing_waits).free_before, Position(0)) << "nothing of what was asked about is left";
  const LiveStretch one[] = {live(100, 1)};
  const auto plan = front.plan(one, Position(130), nothing_waits);
  EXPECT_EQ(plan.free_before, Position(100)) << "three commits do not fill the front";
  EXPECT_TRUE(plan.carry.empty());
}

TEST_F(FrontTest, WhatWasFreedSinceItWasAskedAboutIsNotCarriedAgain) {
  for (const std::uint64_t first : {110, 120, 130, 140}) add(first);
  const LiveStretch both[] = {live(100, 1), live(120, 1)};
  const auto plan = front.plan(both, everything, nothing_waits);
  ASSERT_EQ(plan.carry.size(), 1u);
  EXPECT_EQ(plan.carry[0].first_position, Position(120));
}

TEST_F(FrontTest, ScheduledMessagesHoldALogThatIsMostlyTheirs) {
  for (const std::uint64_t first : {100, 110, 120, 130}) add(first);
  const LiveStretch all[] = {staged(100, 40)};
  EXPECT_TRUE(front.plan(all, everything, {.messages = 40, .log_bytes = 8000}).carry.empty());
  const auto plan = front.plan(all, everything, {.messages = 40, .log_bytes = 8001});
  EXPECT_EQ(plan.free_before, Position(140)) << "more than half of the log is not theirs";
  EXPECT_EQ(plan.carry.size(), 1u);
  const LiveStretch few[] = {staged(100, 19)};
  EXPECT_EQ(front.plan(few, everything, {.messages = 1000, .log_bytes = 4000}).carry.size(), 1u) << "a front less than half live goes";
}

TEST_F(FrontTest, StepsEndAtCommitsAndReachThePosition) {
  for (const std::uint64_t first : {100, 110, 120, 130}) add(first);
  EXPECT_EQ(front.steps(Position(140), 2000), (std::vector{Position(120), Position(140)}));
  EXPECT_EQ(front.steps(Position(130), 2000), (std::vector{Position(120), Position(130)}));
  EXPECT_TRUE(front.steps(Position(100), 2000).empty());
}

TEST_F(FrontTest, ForgetsWhatWasFreed) {
  for (const std::uint64_t first : {100, 110}) add(first);
  front.drop_before(Position(110));
  ASSERT_EQ(front.runs().size(), 1u);
  EXPECT_EQ(front.runs()[0].first_position, Position(110));
  EXPECT_EQ(front.end(), Position(120));
}

}  // namespace
}  // namespace takt::runtime
