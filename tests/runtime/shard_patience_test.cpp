// When a commit is made: at once for whatever somebody waits for, a little later for acks alone.

#include <gtest/gtest.h>

#include "tests/runtime/shard_bench.h"

namespace takt::runtime {
namespace {

class ShardPatience : public ShardBench {
 protected:
  /// A worker of session 1 holds what two messages are; the acks are at hand.
  void SetUp() override {
    partition_settings.ack_patience = std::chrono::milliseconds(5);
    start();
    settle();
    up(1);
    send(publish(1, 1));
    send(publish(1, 2));
    settle();
    subscribe(1, 10);
    held = take_delivered();
    ASSERT_EQ(held.messages, 2u);
    skip_until_quiet();
  }
  /// Whatever the shard still wants to do by itself is over.
  void skip_until_quiet() {
    settle();
    take_sent<proto::Published>();
    now += partition_settings.ack_patience;
    turn();
    settle();
    ASSERT_TRUE(committer.queue.empty());
  }

  Delivered held;
};

TEST_F(ShardPatience, AcksAloneWaitForTheirPatienceAndNoLonger) {
  ack(1, held.acks);
  EXPECT_TRUE(committer.queue.empty());
  ASSERT_EQ(shard->next_deadline(), now + partition_settings.ack_patience);
  now += partition_settings.ack_patience - Duration(1);
  turn();
  EXPECT_TRUE(committer.queue.empty());
  now += Duration(1);
  turn();
  ASSERT_EQ(committer.queue.size(), 1u);
  EXPECT_TRUE(take_sent<proto::Acked>().empty());
  commit();
  EXPECT_EQ(take_sent<proto::Acked>().size(), 1u);
}

TEST_F(ShardPatience, TheFirstAckOfACommitSetsItsDeadline) {
  const Time due = now + partition_settings.ack_patience;
  ack(1, {held.acks.front()});
  now += std::chrono::milliseconds(3);
  turn();
  EXPECT_EQ(shard->next_deadline(), due);
}

TEST_F(ShardPatience, APublishIsNotKeptWaitingAndTakesTheAcksAlong) {
  ack(1, held.acks);
  send(publish(1, 3));
  ASSERT_EQ(committer.queue.size(), 1u);
  commit();
  EXPECT_EQ(take_sent<proto::Acked>().size(), 1u);
  EXPECT_EQ(take_sent<proto::Published>().size(), 1u);
}

TEST_F(ShardPatience, AnAnswerThatWaitsForTheCommitHurriesIt) {
  ack(1, held.acks);
  ASSERT_TRUE(committer.queue.empty());
  tell(core::Command(request(1, 9, proto::Unsubscribe{PartitionId(0), SubscriptionId(1)})));
  ASSERT_EQ(committer.queue.size(), 1u);
  commit();
  EXPECT_EQ(take_sent<proto::Unsubscribed>().size(), 1u);
}

TEST_F(ShardPatience, AGroupAtItsLentHintDoesNotWait) {
  send(publish(1, 3, 3000, 10));   // more than is lent ahead
  skip_until_quiet();
  const std::size_t had = take_delivered().messages;
  ack(1, held.acks);
  ASSERT_TRUE(committer.queue.empty());
  tell(core::Command(request(1, 4, proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, 5000, 1u << 20, 0})));
  ASSERT_FALSE(committer.queue.empty());
  settle();
  EXPECT_EQ(had + take_delivered().messages, 3000u);
}

TEST_F(ShardPatience, DrainingDoesNotWaitForIt) {
  ack(1, held.acks);
  tell(DrainWanted{});
  settle();
  EXPECT_EQ(take_sent<proto::Acked>().size(), 1u);
  EXPECT_EQ(shard->state(), ShardState::kStopped);
}

}  // namespace
}  // namespace takt::runtime
