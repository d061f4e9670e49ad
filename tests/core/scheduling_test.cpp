// What waits for its due, told by values: the turn of the wheel, and when messages entered their lanes.

#include <gtest/gtest.h>

#include <algorithm>

#include "broker/core/state.h"
#include "proto/limits.h"
#include "tests/core/harness.h"

namespace takt::core::test {
namespace {

using namespace std::chrono_literals;

constexpr SessionId session{1};

class Scheduling : public testing::Test {
 protected:
  Scheduling() { come_up(); }
  void come_up() { harness.send(SessionUp{session, ClientId(1), proto::ClientKind::kTool, "p"}); }
  void publish(const std::vector<std::string>& payloads, const Due& due = {}, Lane lane = Lane(0), const std::string& topic = "t") {
    proto::Sections sections = sections_of(payloads, due);
    proto::Publish body = publish_of(topic, sections, static_cast<std::uint32_t>(payloads.size()), ProducerId(1), Sequence(++sequence));
    body.lane = lane;
    if (due.is_given()) body.run_class = proto::RunClass::kScheduled;
    harness.request(session, CorrelationId(sequence), body, std::move(sections));
  }
  void put_schedule(const proto::ScheduleSettings& settings) {
    harness.request(session, CorrelationId(80), proto::PutSchedule{"s", "t", Lane(0), settings, 0, 0}, sections_of({"again"}));
  }
  std::uint64_t pending() { return harness.partition().stats().wheel.pending; }
  bool is_due() {
    const auto next = harness.partition().next_deadline();
    return next && *next <= harness.now().mono;
  }

  Harness harness;
  std::uint64_t sequence = 0;
};

TEST_F(Scheduling, AnOccurrencesLatenessIsCounted) {
  put_schedule({.rule = "@every 1m", .overlap = proto::Overlap::kAllow});
  harness.settle();
  harness.advance(60s);
  harness.settle();
  EXPECT_EQ(harness.partition().stats().wheel.lateness.counts.front(), 1u);
  harness.advance(62s);
  harness.settle();
  const PartitionStats stats = harness.partition().stats();
  EXPECT_EQ(stats.wheel.lateness.counts.at(9), 1u) << "within 10 s";
  EXPECT_EQ(stats.schedules.schedules, 1u);
  EXPECT_EQ(stats.schedules.occurrences.front(), 2u);
  EXPECT_EQ(stats.topics.at(0).enqueued, 2u);
}

TEST_F(Scheduling, AnOccurrenceThatWaitsHasItsTurnWhenTheOneBeforeIsDone) {
  put_schedule({.rule = "@every 1m", .overlap = proto::Overlap::kBufferOne});
  harness.settle();
  harness.advance(60s);
  harness.settle();
  harness.advance(60s);
  harness.settle();
  EXPECT_FALSE(is_due());
  harness.request(session, CorrelationId(90), proto::DeleteTopic{"t"});
  EXPECT_TRUE(is_due());
  harness.advance(0s);
  EXPECT_EQ(harness.partition().stats().schedules.occurrences.at(3), 1u) << "had waited";
}

TEST_F(Scheduling, AScheduleWithoutRoomAsksAgainInASecond) {
  put_schedule({.rule = "@every 1m"});
  harness.settle();
  harness.partition().store_room(Partition::StoreRoom::kFull);
  harness.advance(60s);
  harness.settle();
  EXPECT_FALSE(is_due());
  EXPECT_EQ(harness.partition().next_deadline(), harness.now().mono + 1s);
  EXPECT_EQ(harness.partition().stats().schedules.due, 1u);
}

TEST_F(Scheduling, NothingFiresBeforeTheDiskHasTakenAFullCommit) {
  publish({"a", "b"}, {.delay = 1000ms});
  harness.settle();
  publish({std::string(commit_bytes_target, 'x')});
  harness.advance(2s);
  EXPECT_EQ(pending(), 2u);
  EXPECT_FALSE(is_due()) << "it would be called again and again for nothing";
  harness.seal();
  EXPECT_TRUE(is_due());
  harness.advance(0s);
  EXPECT_EQ(pending(), 0u);
}

TEST_F(Scheduling, TheWaitForAFarDueIsANumber) {
  publish({"z"}, {.at = WallTime(std::chrono::milliseconds(limits::due_ms_max))});
  harness.settle();
  harness.advance(1s);
  const auto next = harness.partition().next_deadline();
  ASSERT_TRUE(next);
  EXPECT_GT(*next, harness.now().mono);
  EXPECT_LE(*next, harness.now().mono + 24h);
  EXPECT_EQ(pending(), 1u);
}

constexpr auto keep = 16'000ms;
constexpr WallTime began{1'700'000'000'000ms};

TEST(EnteredTimes, AreBoundedAndNeverTooEarly) {
  TopicLane lane;
  std::vector<WallTime> entered;
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    entered.push_back(began + std::chrono::milliseconds(i * i));
    lane.next = Offset(i);
    lane.note_entered(entered.back(), keep);
    ASSERT_LE(lane.entered.size(), 20u);
    ASSERT_EQ(lane.entered.back().end, lane.next);
    for (const Entered& until : lane.entered) ASSERT_LE(entered[until.end.value - 1], until.time);
  }
}

TEST(EnteredTimes, AreKnownToASixteenthOfKeep) {
  TopicLane lane;
  std::vector<WallTime> entered;
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    const WallTime now = began + std::chrono::milliseconds(i * 137);
    entered.push_back(now);
    lane.next = Offset(i);
    lane.note_entered(now, keep);
    Offset passed = lane.horizon;
    for (const Entered& until : lane.entered)
      if (until.time + keep <= now) passed = until.end;
    lane.raise_horizon(passed);
    ASSERT_TRUE(lane.horizon.value == 0 || entered[lane.horizon.value - 1] + keep <= now) << "too early";
    ASSERT_GT(entered[lane.horizon.value] + keep + keep / 16, now) << "it should have passed";
  }
}

TEST_F(Scheduling, WhenMessagesEnteredOutlivesARestart) {
  const std::string long_name(200, 'n');
  harness.request(session, CorrelationId(1), proto::PutTopic{long_name, {.keep_ms = 16'000}});
  const auto fire_in_all_lanes = [&](int times) {
    for (int i = 0; i < times; ++i) {
      for (std::uint8_t lane = 0; lane < lane_count; ++lane) publish({"x"}, {.delay = 1ms}, Lane(lane), long_name);
      harness.settle();
      harness.advance(700ms);
      harness.settle();
    }
  };
  for (int round = 0; round < 2; ++round) {
    fire_in_all_lanes(60);   // two are remembered together: the last one is the second of them, or the first
    harness.checkpoint();   // the topic's row has room for all of it
    harness.crash();
    come_up();
    fire_in_all_lanes(5);
    harness.crash();   // compares with what the log folds to
    come_up();
  }
  EXPECT_EQ(pending(), 0u);
}

}  // namespace
}  // namespace takt::core::test
