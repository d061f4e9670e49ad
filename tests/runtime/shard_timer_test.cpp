// A shard and its wheel: when it makes checkpoints, what it reads back, and what it does when that is damaged.

#include "broker/core/timer_rows.h"
#include "tests/runtime/damaged_tables.h"
#include "tests/runtime/shard_bench.h"

namespace takt::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t too_many_to_drain_at_once = 250'000;

class Timers : public ShardBench {
 protected:
  void begin() {
    start();
    settle();
    up(1);
  }
  core::WheelStats wheel() { return shard->report().partition.wheel; }
  /// One message waits in storage only; its bucket opens a second before it is due, and is asked for.
  void ask_for_one() {
    begin();
    send(publish(1, 1, 1, 10, "t", 60s));
    settle();
    now += 10s;
    turn();
    settle();
    now += 49s;
    turn();
    ASSERT_EQ(reader.timers.size(), 1u);
  }
};

TEST_F(Timers, ManyThatComeMakeACheckpointAtOnce) {
  begin();
  ASSERT_EQ(shard->report().store.checkpoints, 0u);
  send(publish(1, 1, 70'000, 1, "t", 1h));
  settle();
  EXPECT_EQ(shard->report().store.checkpoints, 1u);
  EXPECT_EQ(wheel().pending, 70'000u);
}

TEST_F(Timers, AreAskedForAsSoonAsTheCheckpointWithTheirBucketIsWritten) {
  begin();
  send(publish(1, 1, 1, 10, "t", 60s));
  settle();
  now += 10s;
  turn();
  ASSERT_EQ(background.queue.size(), 1u);
  now += 49s;
  turn();
  ASSERT_TRUE(reader.timers.empty()) << "its chunks are being written";
  write_only_checkpoint();
  EXPECT_EQ(reader.timers.size(), 1u);
  settle();
  now += 2s;
  turn();
  EXPECT_EQ(wheel().pending, 0u);
}

TEST_F(Timers, AFullBucketIsDrainedWithoutWaitingForTheNextCheckpoint) {
  begin();
  constexpr auto delay = 3609s;   // due soon after a bucket of 65 s begins: it opens 4 s before
  send(publish(1, 1, too_many_to_drain_at_once, 1, "t", delay));
  settle();
  const Time due = now + delay + 1ms;
  while (wheel().pending > 0 && now < due + 1min) {
    skip();
    settle();
  }
  EXPECT_EQ(wheel().pending, 0u);
  EXPECT_LE(now, due + 100ms);
}

TEST_F(Timers, DamageStopsTheShardAndSaysWhy) {
  ask_for_one();
  tell(core::Command(core::TimersLoaded{reader.timers.front().range, {}, core::Corruption{"a row of table timers is damaged"}}));
  EXPECT_EQ(shard->state(), ShardState::kFailed);
  ASSERT_TRUE(shard->failure());
  EXPECT_EQ(shard->failure()->kind, store::StoreFailure::Kind::kCorrupt);
  EXPECT_EQ(shard->failure()->message, "a row of table timers is damaged");
  EXPECT_EQ(shard->report().store.errors_corrupt, 1u);
  EXPECT_EQ(gateway.ended.size(), 1u) << "sessions end";
  EXPECT_FALSE(shard->next_deadline());
}

TEST_F(Timers, MalformedChunksStopTheShardAndSayWhy) {
  ask_for_one();
  tell(core::Command(core::TimersLoaded{reader.timers.front().range, {"\xFF"}}));
  EXPECT_EQ(shard->state(), ShardState::kFailed);
  ASSERT_TRUE(shard->failure());
  EXPECT_EQ(shard->failure()->kind, store::StoreFailure::Kind::kCorrupt);
  EXPECT_NE(shard->failure()->message.find("malformed"), std::string::npos) << shard->failure()->message;
}

TEST_F(Timers, AMissingChunkIsDamage) {
  ask_for_one();
  const auto& range = reader.timers.front().range;
  core::Checkpoint lost;
  lost.applied = tables->applied();
  lost.changed.push_back({core::Table::kTimers, core::timers_key(range.bucket, range.from), std::nullopt});
  ASSERT_TRUE(tables->checkpoint(lost));
  const auto loaded = runtime::read_timers(*tables, reader.timers.front());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, store::StoreFailure::Kind::kCorrupt);
}

TEST_F(Timers, ADamagedChunkOfAnotherBucketIsNotTheirs) {
  ask_for_one();
  const auto& range = reader.timers.front().range;
  DamagedTables damaged(*tables);
  const std::string behind = core::timers_key(range.bucket, range.until);
  core::Checkpoint other;
  other.applied = tables->applied();
  other.changed.push_back({core::Table::kTimers, behind, "x"});
  ASSERT_TRUE(tables->checkpoint(other));
  damaged.damage(core::Table::kTimers, behind);
  const auto loaded = runtime::read_timers(damaged, reader.timers.front());
  EXPECT_TRUE(loaded) << loaded.error().message;
}

TEST_F(Timers, AnAnswerToMemoryThatWasGivenUpIsNoDamage) {
  ask_for_one();
  write_only_checkpoint();
  disk.fail_next_append(store::StoreFailure::Kind::kIo);
  send(publish(1, 2));
  commit();
  ASSERT_EQ(shard->state(), ShardState::kReloading);
  skip();
  turn();
  ASSERT_EQ(shard->state(), ShardState::kServing);
  ASSERT_EQ(reader.timers.size(), 2u) << "the first one is the old one's";
  settle();
  EXPECT_EQ(shard->state(), ShardState::kServing);
  now += 2s;
  turn();
  settle();
  EXPECT_EQ(wheel().pending, 0u);
}

TEST_F(Timers, ThatAreDueAndBeingReadAreOverdue) {
  ask_for_one();
  now += 3s;
  turn();
  EXPECT_GE(wheel().overdue, 2s);
  EXPECT_TRUE(wheel().waits_for_storage);
  settle();
  turn();
  EXPECT_EQ(wheel().overdue, Duration::zero());
  EXPECT_FALSE(wheel().waits_for_storage);
}

}  // namespace
}  // namespace takt::runtime
