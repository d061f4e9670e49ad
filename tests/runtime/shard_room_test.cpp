// When the store or the disk has no room: what is refused, and when it is taken again.

#include "tests/runtime/shard_bench.h"

namespace takt::runtime {
namespace {

using namespace std::chrono_literals;

using Room = ShardBench;

TEST_F(Room, RefusesEnqueuesAtNinetyPercentAndAcceptsThemAgainWhenThereIsRoom) {
  settings.store_bytes_max = 100'000;
  start();
  settle();
  up(1);
  std::uint64_t sequence = 0;
  while (shard->report().store.log_bytes < 90'000) {
    send(publish(1, ++sequence, 1, 3000));
    settle();
  }
  EXPECT_EQ(take_sent<proto::Published>().size(), sequence);
  EXPECT_TRUE(shard->report().store.is_full);
  send(publish(1, ++sequence));
  settle();
  const auto errors = take_sent<proto::Error>();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].code, ErrorCode::kStoreFull);

  store::LogBounds freed = log->bounds();
  freed.used_bytes = 10'000;
  tell(FrontFreed{freed});
  send(publish(1, ++sequence));
  settle();
  EXPECT_EQ(take_sent<proto::Published>().size(), 1u);
}

TEST_F(Room, OnASmallDiskItsTwentiethPartIsRoomEnough) {
  settings.disk_free_bytes_min = 1000;
  disk_room = {.free_bytes = 999, .capacity_bytes = 20'000};
  start();
  settle();
  EXPECT_TRUE(shard->report().store.is_full);
  disk_room.capacity_bytes = 19'980;
  const Time before = now;
  while (shard->report().store.is_full && now < before + 5s) {
    skip();
    settle();
  }
  EXPECT_FALSE(shard->report().store.is_full);
}

TEST_F(Room, RefusesEnqueuesWhileTheDiskIsNearlyFullFromTheStartOn) {
  settings.disk_free_bytes_min = 1000;
  disk_room.free_bytes = 999;
  start();
  settle();
  up(1);
  send(publish(1, 1));
  settle();
  const auto errors = take_sent<proto::Error>();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].code, ErrorCode::kStoreFull);
  EXPECT_NE(errors[0].message.find("disk"), std::string::npos) << errors[0].message;
  disk_room.free_bytes = 1000;
  const Time before = now;
  while (shard->report().store.is_full && now < before + 5s) {
    skip();
    settle();
  }
  send(publish(1, 2));
  settle();
  EXPECT_EQ(take_sent<proto::Published>().size(), 1u);
}

TEST_F(Room, RefusesEnqueuesWhileTheBallastIsGone) {
  start();
  settle();
  up(1);
  disk_room.is_ballast_gone = true;
  send(publish(1, 1));
  settle();
  EXPECT_EQ(take_sent<proto::Published>().size(), 1u) << "what was given up for it is stored";
  send(publish(1, 2));
  settle();
  EXPECT_EQ(take_sent<proto::Error>().size(), 1u);
}

TEST_F(Room, AfterAnAppendWithoutRoomAcksGoOnAndEnqueuesWaitForRoom) {
  start();
  settle();
  up(1);
  send(publish(1, 1));
  settle();
  disk_room.free_bytes = 0;
  disk.fail_next_append(store::StoreFailure::Kind::kFull);
  send(publish(1, 2));
  commit();
  skip();
  ASSERT_EQ(shard->state(), ShardState::kServing);
  settle();
  up(2);
  take_sent<proto::Error>();
  send(publish(2, 2));
  settle();
  ASSERT_EQ(take_sent<proto::Error>().size(), 1u) << "no reload for it";
  EXPECT_EQ(shard->report().store.reloads, 1u);
  subscribe(2, 10);
  ack(2, take_delivered().acks);
  settle();
  EXPECT_EQ(take_sent<proto::Acked>().size(), 1u);

  take_sent<proto::Published>();
  disk_room.free_bytes = std::uint64_t{1} << 30;
  skip();
  settle();
  send(publish(2, 3));
  settle();
  EXPECT_EQ(take_sent<proto::Published>().size(), 1u);
}

TEST_F(Room, CountsTheTablesToo) {
  settings.store_bytes_max = 1'000'000;
  start();
  settle();
  EXPECT_FALSE(shard->report().store.is_full);
  CheckpointWritten written;
  written.tables_bytes = 900'000;
  tell(std::move(written));
  EXPECT_TRUE(shard->report().store.is_full);
}

}  // namespace
}  // namespace takt::runtime
