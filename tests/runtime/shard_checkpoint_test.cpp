// What a checkpoint must not lose: what happened while it was written, and what stands in the log's front.

#include "broker/core/slab.h"
#include "tests/runtime/shard_bench.h"

namespace takt::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t over_two_slabs = 2 * core::slab_offsets + 10;

class Checkpointing : public ShardBench {
 protected:
  void restart() {
    crash();
    start();
    settle();
  }
  void commit_all() {
    while (!committer.queue.empty()) commit();
  }
  /// A checkpoint is frozen and handed over, not written.
  void freeze() {
    now += 10s;
    turn();
    commit_all();
    ASSERT_EQ(background.queue.size(), 1u);
  }
};

TEST_F(Checkpointing, WhatIsAckedWhileACheckpointIsWrittenIsInTheNext) {
  partition_settings.held_after = 1h;   // a logged lease would wait for its worker
  start();
  settle();
  up(1);
  send(publish(1, 1));
  send(publish(1, 2));
  settle();
  subscribe(1, 10);
  const auto delivered = take_delivered();
  ASSERT_EQ(delivered.acks.size(), 2u);
  freeze();
  ack(1, {delivered.acks[1]});   // the other one keeps the log's front in place
  commit_all();
  ASSERT_EQ(take_sent<proto::Acked>().size(), 1u);
  settle();
  freeze();
  settle();
  restart();
  up(2);
  subscribe(2, 10);
  EXPECT_EQ(take_delivered().first_bytes, std::vector{std::byte{1}});
}

TEST_F(Checkpointing, WhatIsStoredWhileACheckpointIsWrittenIsFoundOnDisk) {
  partition_settings.tail_cache_bytes = 1;
  start();
  settle();
  up(1);
  send(publish(1, 1));
  settle();
  freeze();
  send(publish(1, 2));   // its position follows that of the first
  commit_all();
  settle();
  freeze();
  settle();
  subscribe(1, 10);
  EXPECT_EQ(take_delivered().first_bytes, (std::vector{std::byte{1}, std::byte{2}}));
}

TEST_F(Checkpointing, TheLogHoldsWhatTheTablesLackThoughACheckpointFails) {
  start();
  settle();
  up(1);
  subscribe(1, 1000);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    freeze();
    send(publish(1, i, 1, 1000));   // the log is ahead of the checkpoint when its front is scanned
    commit_all();
    write_checkpoint();
    settle();
    ack(1, take_delivered().acks);
    settle();
    freeze();
    disk.fail_next_checkpoint(store::StoreFailure::Kind::kFull);
    write_only_checkpoint();
    ASSERT_LE(log->bounds().first, tables->applied()) << "in round " << i;
    skip();
    settle();
  }
  EXPECT_GT(log->bounds().first, Position(5)) << "the front was freed at all";
  restart();
  up(2);
  subscribe(2, 10);
  EXPECT_EQ(take_delivered().messages, 0u);
}

TEST_F(Checkpointing, AcksOverTheEdgeOfASlabAreFinal) {
  start();
  settle();
  up(1);
  send(publish(1, 1, over_two_slabs));
  settle();
  subscribe(1, over_two_slabs);
  const auto delivered = take_delivered();
  ASSERT_EQ(delivered.messages, over_two_slabs);
  ack(1, delivered.acks);
  settle();
  restart();
  up(2);
  subscribe(2, 10);
  EXPECT_EQ(take_delivered().messages, 0u);
}

}  // namespace
}  // namespace takt::runtime
