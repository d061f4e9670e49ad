// What stays in the store, and until when: `keep`, dead messages, carried ones.

#include "tests/runtime/shard_bench.h"

namespace takt::runtime {
namespace {

using namespace std::chrono_literals;

class Retention : public ShardBench {
 protected:
  Retention() { front_limits.bytes = 20'000; }

  std::uint64_t kept(const std::string& topic) {
    for (const auto& stats : shard->report().partition.topics)
      if (stats.topic == topic) return stats.messages;
    return 0;
  }
  std::size_t carried_rows() {
    std::size_t rows = 0;
    EXPECT_TRUE(tables->scan(core::Table::kCold, {}, [&](std::string_view, std::string_view) { return ++rows > 0; }));
    return rows;
  }
  /// Messages of topic `busy`, each done at once.
  void work(std::uint64_t from, std::uint64_t until) {
    for (std::uint64_t i = from; i < until; ++i) {
      send(publish(9, i, 1, 1000, "busy"));
      settle();
      ack(1, take_delivered().acks);
      settle();
    }
  }
  void pass_checkpoints(std::uint64_t first_sequence) {
    for (std::uint64_t i = 0; i < 4; ++i) {
      now += 10s;
      work(first_sequence + i, first_sequence + i + 1);
    }
  }
  /// A checkpoint stands with the background, which has not begun.
  void freeze() {
    now += 10s;
    turn();
    while (!committer.queue.empty()) commit();
  }
  void begin() {
    start();
    settle();
    up(1);
    up(2);
    up(9);
    subscribe(1, 1000, "busy");
  }
};

TEST_F(Retention, AKeepThatIsSetLateAndHasPassedHoldsNothing) {
  begin();
  work(1, 40);
  pass_checkpoints(100);
  ASSERT_GT(log->bounds().first, Position(20));
  tell(core::Command(request(9, 1, proto::PutTopic{"busy", {.keep_ms = 5'000}})));
  settle();
  EXPECT_LE(kept("busy"), 1u) << "what is gone already is not counted as kept";
  work(200, 240);
  EXPECT_EQ(kept("busy"), 40u);
  now += 6s;
  pass_checkpoints(300);
  pass_checkpoints(400);
  EXPECT_LE(kept("busy"), 3u);
}

TEST_F(Retention, WhatWasCarriedIsKeptForItsTime) {
  begin();
  subscribe(2, 1000, "kept");
  tell(core::Command(request(9, 1, proto::PutTopic{"kept", {.keep_ms = 300'000}})));
  send(publish(9, 1, 3, 500, "kept"));
  settle();
  ack(2, take_delivered().acks);
  settle();
  work(2, 40);
  pass_checkpoints(100);
  ASSERT_EQ(carried_rows(), 3u);
  for (std::uint64_t i = 0; i < 4; ++i) {   // younger ones of the same topic stand at the front
    send(publish(9, 300 + 20 * i, 1, 500, "kept"));
    settle();
    ack(2, take_delivered().acks);
    work(301 + 20 * i, 311 + 20 * i);
    now += 10s;
    turn();
    settle();
  }
  EXPECT_EQ(kept("kept"), 7u);
  EXPECT_GE(carried_rows(), 3u);
}

TEST_F(Retention, AMessageThatIsOwedForLongDoesNotStopTheKeepOfOthers) {
  begin();
  tell(core::Command(request(9, 1, proto::PutTopic{"busy", {.keep_ms = 1'000}})));
  send(publish(9, 1, 1, 1000, "busy"));
  settle();
  const auto slow = take_delivered();   // its worker holds it
  work(2, 40);
  pass_checkpoints(100);
  pass_checkpoints(200);
  EXPECT_GT(shard->report().store.carried_messages, 0u);
  ack(1, slow.acks);
  settle();
  pass_checkpoints(300);
  EXPECT_LE(kept("busy"), 4u);
  EXPECT_EQ(carried_rows(), 0u);
}

TEST_F(Retention, WhatIsOwedStaysWhenTheFrontGrewSinceItWasAskedAbout) {
  begin();
  work(1, 4);
  freeze();
  write_only_checkpoint();
  auto first_scan = scan_unseen();   // of messages that are done; the shard hears of it late
  ASSERT_TRUE(first_scan);
  send(publish(9, 4, 1, 1000, "lazy"));
  commit();
  freeze();
  ASSERT_EQ(background.queue.size(), 1u);
  tell(std::move(*first_scan));
  write_only_checkpoint();
  send(publish(9, 5, 1, 1000, "busy"));
  commit();
  freeze();
  ASSERT_EQ(background.queue.size(), 1u) << "it has asked about what the first scan found";
  scan_unseen();
  write_only_checkpoint();
  EXPECT_GT(log->bounds().first, Position(0)) << "what was asked about goes";

  crash();
  begin();
  subscribe(2, 10, "lazy");
  EXPECT_EQ(take_delivered().first_bytes, (std::vector{std::byte{4}}));
}

TEST_F(Retention, AFullStoreHasRoomAgainSoonAfterTheLastMessageIsDone) {
  settings.store_bytes_max = 200'000;   // ten fronts
  begin();
  std::uint64_t sequence = 0;
  while (!shard->report().store.is_full) {
    send(publish(9, ++sequence, 1, 1000, "busy"));
    settle();
  }
  const Time before = now;
  for (auto delivered = take_delivered(); delivered.messages > 0; delivered = take_delivered()) {
    ack(1, delivered.acks);
    settle();
  }
  while (shard->report().store.is_full && now < before + 1min) {
    skip();
    settle();
  }
  EXPECT_LE(now - before, 5s);
  while (shard->next_deadline() && now < before + 1min) {
    skip();
    settle();
  }
  EXPECT_EQ(log->bounds().bytes, 0u);
}

TEST_F(Retention, DeletingATopicFreesItWithoutFurtherTraffic) {
  settings.store_bytes_max = 200'000;
  begin();
  std::uint64_t sequence = 0;
  while (!shard->report().store.is_full) {
    send(publish(9, ++sequence, 1, 1000, "owed"));
    settle();
  }
  tell(core::Command(request(9, 1, proto::DeleteTopic{"owed"})));
  settle();
  const Time before = now;
  while (shard->report().store.is_full && now < before + 1min) {
    skip();
    settle();
  }
  EXPECT_LE(now - before, 5s);
}

TEST_F(Retention, ADamagedMessageStopsNeitherCheckpointsNorWhatIsFreedBeforeIt) {
  begin();
  work(1, 4);
  send(publish(9, 4, 1, 500, "lazy"));
  settle();
  const auto last = log->read(log->bounds().first, 1u << 20).value().back();
  ASSERT_TRUE(disk.flip_log_bit(last.first, last.value.size() * 8 - 1));   // in its payload
  work(5, 40);
  pass_checkpoints(100);
  pass_checkpoints(200);
  EXPECT_GT(tables->applied(), last.end.plus(40));
  EXPECT_GT(shard->report().store.errors_corrupt, 0u);
  EXPECT_EQ(log->bounds().first, last.first);
  EXPECT_EQ(shard->report().store.carried_messages, 0u);
}

TEST_F(Retention, ADeadMessageStaysReadableAndPinsNoOther) {
  begin();
  subscribe(2, 1000, "lazy");
  send(publish(9, 1, 3, 500, "lazy"));
  settle();
  auto held = take_delivered();
  ASSERT_EQ(held.acks.size(), 1u);
  const proto::AckEntry lease = held.acks[0];
  tell(core::Command(request(
      2, 4, proto::Fail{PartitionId(0), SubscriptionId(1), lease.slot, lease.token, 0, proto::FailOutcome::kDead, 0, 7, "unreadable"})));
  settle();
  work(2, 40);
  pass_checkpoints(100);
  ASSERT_EQ(carried_rows(), 3u) << "one dead, two in the worker's hands";
  ack(2, {{lease.slot, lease.token, {{1, 2}}}});
  settle();
  pass_checkpoints(200);
  EXPECT_EQ(carried_rows(), 1u);

  gateway.sent.clear();
  tell(core::Command(request(9, 5, proto::Peek{PartitionId(0), "lazy", Lane(0), Offset(0), 10, 1 << 20, 0})));
  settle();
  const auto peeked = take_sent<proto::Peeked>();
  ASSERT_EQ(peeked.size(), 1u);
  ASSERT_EQ(peeked[0].stretches.size(), 1u);
  EXPECT_EQ(peeked[0].stretches[0].first_offset, Offset(0));

  tell(core::Command(request(9, 6, proto::DeleteGroup{"lazy", "g"})));
  settle();
  pass_checkpoints(300);
  EXPECT_EQ(carried_rows(), 0u) << "nobody's dead message goes with its group";
}

}  // namespace
}  // namespace takt::runtime
