// What stays of messages that were scheduled, and until when: for groups, `keep`, dead ones.

#include "broker/core/cold_rows.h"
#include "broker/runtime/pins.h"
#include "tests/runtime/shard_bench.h"

namespace takt::runtime {
namespace {

using namespace std::chrono_literals;

// Four messages fire into topic `late`; group g has session 2, group h session 3, and 9 produces.
class Fired : public ShardBench {
 protected:
  Fired() {
    front_limits.bytes = 20'000;
    partition_settings.tail_cache_bytes = 1;
    partition_settings.held_after = 24h;
  }
  void begin() {
    start();
    settle();
    come_up();
  }
  void come_up() {
    for (const std::uint64_t session : {1, 2, 3, 9}) up(session);
    subscribe(1, 1000, "busy");
  }
  void put(proto::TopicSettings settings_of_late) {
    tell(core::Command(request(9, 1, proto::PutTopic{"late", settings_of_late})));
    settle();
  }
  void make_group(const std::string& name) {
    tell(core::Command(request(9, 1, proto::PutGroup{"late", name, proto::StartFrom::kEarliest, {}})));
    settle();
  }
  void delete_group(const std::string& name) {
    tell(core::Command(request(9, 1, proto::DeleteGroup{"late", name})));
    settle();
  }
  void join_h() {
    tell(core::Command(request(3, 1, proto::Subscribe{PartitionId(0), SubscriptionId(1), "late", "h", proto::StartFrom::kEarliest})));
    settle();
    tell(core::Command(request(3, 2, proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, 1000, 1u << 20, 0})));
    settle();
  }
  void fire(std::uint32_t count = 4) {
    send(publish(9, ++sequence_, count, 500, "late", 1s));
    settle();
    now += 2s;
    turn();
    settle();
  }
  /// What comes next goes to one session; gives its lease.
  proto::AckEntry take_lease() {
    const auto delivered = take_delivered();
    EXPECT_EQ(delivered.acks.size(), 1u);
    return delivered.acks.empty() ? proto::AckEntry() : delivered.acks[0];
  }
  void ack_of(std::uint64_t session, const proto::AckEntry& lease, std::vector<proto::IndexRun> runs) {
    ack(session, {{lease.slot, lease.token, std::move(runs)}});
    settle();
  }
  void checkpoint() {
    now += 10s;
    turn();
    settle();
  }
  /// Traffic of another topic, until the log's front has passed all that stands there.
  void pass_front() {
    const Position end = log->bounds().end;
    for (int i = 0; i < 200 && log->bounds().first < end; ++i) {
      send(publish(9, ++sequence_, 1, 1000, "busy"));
      settle();
      ack(1, take_delivered().acks);
      settle();
      if (i % 10 == 9) checkpoint();
    }
    EXPECT_GE(log->bounds().first, end);
  }
  std::uint64_t kept() {
    for (const auto& stats : shard->report().partition.topics)
      if (stats.topic == "late") return stats.messages;
    return 0;
  }
  std::size_t carried() {
    std::size_t rows = 0;
    EXPECT_TRUE(tables->scan(core::Table::kCold, {}, [&](std::string_view, std::string_view) { return ++rows > 0; }));
    return rows;
  }
  std::size_t pinned_messages() {
    std::size_t messages = 0;
    const auto live = pinned({TopicId(1), core::staged_lane, Offset(0), Position(0), 8000}, *tables);
    for (const auto& stretch : *live) messages += stretch.count;
    return messages;
  }

 private:
  std::uint64_t sequence_ = 0;
};

TEST_F(Fired, AGroupThatIsMadeLaterGetsWhatAllOthersHaveDone) {
  begin();
  subscribe(2, 1000, "late");
  fire();
  ack_of(2, take_lease(), {{1, 3}});
  checkpoint();
  ASSERT_EQ(pinned_messages(), 1u);
  make_group("h");
  checkpoint();
  EXPECT_EQ(pinned_messages(), 4u);
  pass_front();
  EXPECT_EQ(carried(), 4u);
  join_h();
  EXPECT_EQ(take_delivered().messages, 4u);
}

TEST_F(Fired, AGroupThatIsMadeBeforeACrashGetsItToo) {
  begin();
  subscribe(2, 1000, "late");
  fire();
  ack_of(2, take_lease(), {{1, 3}});
  checkpoint();
  make_group("h");
  crash();
  begin();
  take_delivered();
  pass_front();
  EXPECT_EQ(carried(), 4u);
  join_h();
  EXPECT_EQ(take_delivered().messages, 4u);
}

TEST_F(Fired, WhatAGroupAloneOwedGoesWithItAndItsDeadOnesToo) {
  begin();
  make_group("h");
  subscribe(2, 1000, "late");
  fire();
  const auto lease = take_lease();
  tell(core::Command(
      request(2, 4, proto::Fail{PartitionId(0), SubscriptionId(1), lease.slot, lease.token, 0, proto::FailOutcome::kDead, 0, 7, "bad"})));
  ack_of(2, lease, {{1, 2}});
  join_h();
  ack_of(3, take_lease(), {{0, 4}});
  pass_front();
  ASSERT_EQ(carried(), 2u) << "one dead, one in the worker's hands";
  delete_group("g");
  checkpoint();
  EXPECT_EQ(carried(), 0u);
  EXPECT_EQ(pinned_messages(), 0u);
}

TEST_F(Fired, TheDeadOnesOfTheLastGroupGoWithItAndWhatItOwedStaysForTheNext) {
  begin();
  subscribe(2, 1000, "late");
  fire();
  const auto lease = take_lease();
  tell(core::Command(
      request(2, 4, proto::Fail{PartitionId(0), SubscriptionId(1), lease.slot, lease.token, 0, proto::FailOutcome::kDead, 0, 7, "bad"})));
  ack_of(2, lease, {{1, 2}});
  pass_front();
  ASSERT_EQ(carried(), 2u);
  delete_group("g");
  checkpoint();
  EXPECT_EQ(carried(), 1u);
  join_h();
  EXPECT_EQ(take_delivered().messages, 1u);
}

TEST_F(Fired, AreKeptForTheirTimeAndGo) {
  begin();
  subscribe(2, 1000, "late");
  put({.keep_ms = 3'600'000});
  fire();
  ack_of(2, take_lease(), {{0, 4}});
  pass_front();
  EXPECT_EQ(kept(), 4u);
  EXPECT_EQ(carried(), 4u);
  now += 1h;
  pass_front();
  checkpoint();   // what passes with one goes with the next
  checkpoint();
  EXPECT_EQ(kept(), 0u);
  EXPECT_EQ(carried(), 0u);
}

TEST_F(Fired, AreKeptForTheirTimeAndGoThoughNothingElseHappens) {
  begin();
  subscribe(2, 1000, "late");
  put({.keep_ms = 3'600'000});
  fire();
  ack_of(2, take_lease(), {{0, 4}});
  pass_front();
  now += 1h;
  for (int i = 0; i < 3; ++i) checkpoint();
  EXPECT_EQ(kept(), 0u);
  EXPECT_EQ(carried(), 0u);
}

TEST_F(Fired, AreKeptUpToSoManyBytes) {
  begin();
  subscribe(2, 1000, "late");
  put({.keep_bytes = 1'200});
  fire();
  ack_of(2, take_lease(), {{0, 4}});
  pass_front();
  checkpoint();
  checkpoint();
  EXPECT_EQ(kept(), 2u);
  EXPECT_EQ(carried(), 2u);
  fire(1);
  ack_of(2, take_lease(), {{0, 1}});
  pass_front();
  checkpoint();
  checkpoint();
  EXPECT_EQ(kept(), 2u);
  EXPECT_EQ(carried(), 2u);
}

TEST_F(Fired, AreKeptUntilTimeAndBytesHavePassed) {
  begin();
  subscribe(2, 1000, "late");
  put({.keep_ms = 3'600'000, .keep_bytes = 1'200});
  fire();
  ack_of(2, take_lease(), {{0, 4}});
  pass_front();
  EXPECT_EQ(kept(), 4u);
  now += 1h;
  pass_front();
  checkpoint();   // what passes with one goes with the next
  checkpoint();
  EXPECT_EQ(kept(), 2u);
  EXPECT_EQ(carried(), 2u);
}

TEST_F(Fired, WhatWasKeptAndIsDoneGoesWhenKeepIsTakenAway) {
  begin();
  subscribe(2, 1000, "late");
  put({.keep_ms = 3'600'000});
  fire();
  ack_of(2, take_lease(), {{0, 3}});
  pass_front();
  ASSERT_EQ(carried(), 4u);
  put({});
  checkpoint();
  EXPECT_EQ(kept(), 1u);
  EXPECT_EQ(carried(), 1u) << "a worker has it";
}

TEST_F(Fired, AKeepThatIsSetWhileTheyAreOwedPassesFromThenOn) {
  begin();
  subscribe(2, 1000, "late");
  fire();
  now += 1h;
  put({.keep_ms = 3'600'000});
  ack_of(2, take_lease(), {{0, 4}});
  pass_front();
  EXPECT_EQ(kept(), 4u);
  now += 1h;
  pass_front();
  checkpoint();
  checkpoint();
  EXPECT_EQ(kept(), 0u);
  EXPECT_EQ(carried(), 0u);
}

TEST_F(Fired, AKeepThatIsSetLateHoldsNothingThatHasPassed) {
  begin();
  subscribe(2, 1000, "late");
  fire();
  ack_of(2, take_lease(), {{0, 4}});
  put({.keep_ms = 3'600'000});
  fire();
  ack_of(2, take_lease(), {{0, 4}});
  pass_front();
  EXPECT_EQ(kept(), 4u);
  EXPECT_EQ(carried(), 4u);
  now += 1h;
  pass_front();
  checkpoint();   // what passes with one goes with the next
  checkpoint();
  EXPECT_EQ(kept(), 0u);
  EXPECT_EQ(carried(), 0u);
}

}  // namespace
}  // namespace takt::runtime
