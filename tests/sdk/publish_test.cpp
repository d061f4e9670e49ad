#include "tests/sdk/peer.h"

namespace takt::sdk {
namespace {

using namespace std::chrono_literals;

struct Publishing : ::testing::Test {
  Session session{test_options()};
  Peer peer{session};

  static proto::Published published(std::uint64_t position) { return {PartitionId(0), Position(position), Offset(position), 1, false}; }
};

TEST_F(Publishing, NothingLeavesBeforeTheBrokerHasGreetedUs) {
  session.publish(batch(1, peer), peer.now);
  EXPECT_TRUE(peer.take().empty());
  peer.connect();
  const auto hello = peer.take_one<proto::Hello>();
  EXPECT_EQ(hello.as<proto::Hello>().client, ClientId(7));
  peer.answer(hello, proto::HelloReply{});
  const auto sent = peer.take_one<proto::Publish>();
  EXPECT_EQ(sent.as<proto::Publish>().sequence, Sequence(1));
  EXPECT_EQ(as_text(sent.sections.payload), "payload");
}

TEST_F(Publishing, ASmallBatchIsOneFrameAndALargeOneThree) {
  peer.greet();
  session.publish(batch(1, peer), peer.now);
  EXPECT_EQ(peer.take_one<proto::Publish>().frames.size(), 1u);
  Batch large = batch(2, peer);
  large.payload = SharedBytes::own(std::vector<std::byte>(2000, std::byte{'x'}));
  session.publish(std::move(large), peer.now);
  const auto sent = peer.take_one<proto::Publish>();
  ASSERT_EQ(sent.frames.size(), 3u);
  EXPECT_EQ(sent.as<proto::Publish>().payload_checksum, proto::section_checksum(sent.frames[2].bytes));
}

TEST_F(Publishing, OneAnswerServesARunOfBatches) {
  peer.greet();
  for (std::uint64_t i = 1; i <= 4; ++i) session.publish(batch(i, peer), peer.now);
  const auto sent = peer.take();
  ASSERT_EQ(sent.size(), 4u);
  proto::Published run = published(10);
  run.requests = 3;
  peer.answer(sent[0], run);
  const auto stored = peer.take_events<BatchStored>();
  ASSERT_EQ(stored.size(), 3u);
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(stored[i].batch, BatchId(i + 1));
    EXPECT_EQ(stored[i].first_position, Position(10 + i));
    EXPECT_EQ(stored[i].first_offset, Offset(10 + i));
    EXPECT_EQ(stored[i].count, 1u);
  }
  EXPECT_EQ(session.batches_pending(), 1u);
}

TEST_F(Publishing, ARunSkipsWhatWasGivenUpMeanwhile) {
  peer.greet();
  Batch hasty = batch(2, peer);
  hasty.deadline = peer.now.mono + 1s;
  session.publish(batch(1, peer), peer.now);
  session.publish(std::move(hasty), peer.now);
  session.publish(batch(3, peer), peer.now);
  const auto sent = peer.take();
  ASSERT_EQ(sent.size(), 3u);
  peer.pass(2s);
  EXPECT_EQ(peer.take_events<BatchFailed>().size(), 1u);
  proto::Published run = published(10);
  run.requests = 3;
  peer.answer(sent[0], run);
  const auto stored = peer.take_events<BatchStored>();
  ASSERT_EQ(stored.size(), 2u);
  EXPECT_EQ(stored[1].batch, BatchId(3));
  EXPECT_EQ(stored[1].first_position, Position(12));
}

TEST_F(Publishing, AnUnansweredBatchIsSentAgainUnderItsNumberAndInOrder) {
  peer.greet();
  for (std::uint64_t i = 1; i <= 3; ++i) session.publish(batch(i, peer), peer.now);
  const auto first = peer.take();
  ASSERT_EQ(first.size(), 3u);
  peer.answer(first[1], published(10));
  peer.cut();
  session.publish(batch(4, peer), peer.now);
  peer.greet();
  const auto again = peer.take();
  ASSERT_EQ(again.size(), 3u);
  EXPECT_EQ(again[0].as<proto::Publish>().sequence, Sequence(1));
  EXPECT_EQ(again[1].as<proto::Publish>().sequence, Sequence(3));
  EXPECT_EQ(again[2].as<proto::Publish>().sequence, Sequence(4));
  EXPECT_EQ(again[0].as<proto::Publish>().producer, first[0].as<proto::Publish>().producer);
  EXPECT_EQ(session.batches_resent(), 2u);
}

TEST_F(Publishing, TheNumberChangesOnlyWhenTheBrokerSaysThatItWasNotStored) {
  peer.greet();
  session.publish(batch(1, peer), peer.now);
  peer.refuse(peer.take_one<proto::Publish>(), ErrorCode::kBusy, 20);
  EXPECT_TRUE(peer.take().empty());
  peer.pass(20ms);
  const auto second = peer.take_one<proto::Publish>();
  EXPECT_EQ(second.as<proto::Publish>().sequence, Sequence(1));
  peer.refuse(second, ErrorCode::kOutOfSequence);
  const auto third = peer.take_one<proto::Publish>();
  EXPECT_EQ(third.as<proto::Publish>().sequence, Sequence(2));
  peer.answer(third, published(5));
  const auto stored = peer.take_events<BatchStored>();
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].first_position, Position(5));
}

TEST_F(Publishing, SentAndNeverAnsweredIsUnknown) {
  peer.greet();
  session.publish(batch(1, peer, "photos", 5s), peer.now);
  const auto sent = peer.take_one<proto::Publish>();
  for (int i = 0; i < 5; ++i) {
    peer.pass(1s);
    peer.say(proto::HeartbeatReply{});
  }
  const auto failed = peer.take_events<BatchFailed>();
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].error.name, "unknown_outcome");
  EXPECT_EQ(failed[0].error.outcome, ErrorOutcome::kUnknown);
  peer.answer(sent, published(1));  // too late: nobody waits for it
  EXPECT_TRUE(peer.take_events<BatchStored>().empty());
}

TEST_F(Publishing, NeverSentIsAFailureAndSaysWhy) {
  session.publish(batch(1, peer, "photos", 5s), peer.now);
  session.disconnected("no connection to tcp://127.0.0.1:1: it was refused", peer.now);
  peer.pass(5s);
  const auto failed = peer.take_events<BatchFailed>();
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].error.name, "not_connected");
  EXPECT_EQ(failed[0].error.outcome, ErrorOutcome::kFailed);
  EXPECT_NE(failed[0].error.message.find("it was refused"), std::string::npos);
  EXPECT_NE(failed[0].error.message.find("topic 'photos'"), std::string::npos);
}

TEST_F(Publishing, LostOnTheWayAndThenRefusedStaysUnknown) {
  peer.greet();
  session.publish(batch(1, peer), peer.now);
  peer.take();
  peer.cut();
  peer.greet();
  peer.refuse(peer.take_one<proto::Publish>(), ErrorCode::kMessageTooLarge);
  const auto failed = peer.take_events<BatchFailed>();
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].error.outcome, ErrorOutcome::kUnknown);
}

TEST_F(Publishing, AFullTopicIsReportedWhenTheTimeIsUp) {
  peer.greet();
  session.publish(batch(1, peer, "photos", 100ms), peer.now);
  peer.refuse(peer.take_one<proto::Publish>(), ErrorCode::kTopicFull, 1000);
  peer.pass(100ms);
  const auto failed = peer.take_events<BatchFailed>();
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].error.name, "topic_full");
  EXPECT_EQ(failed[0].error.outcome, ErrorOutcome::kFailed);
}

TEST_F(Publishing, BehindARefusedBatchItsTopicWaitsAndOthersPass) {
  peer.greet();
  session.publish(batch(1, peer), peer.now);
  peer.refuse(peer.take_one<proto::Publish>(), ErrorCode::kTopicFull, 50);
  session.publish(batch(2, peer), peer.now);
  session.publish(batch(3, peer, "mails"), peer.now);
  EXPECT_EQ(peer.take_one<proto::Publish>().as<proto::Publish>().topic, "mails");
  peer.pass(50ms);
  const auto sent = peer.take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].as<proto::Publish>().sequence, Sequence(1));
}

TEST_F(Publishing, TheWindowBoundsWhatIsOnTheWay) {
  peer.greet();
  for (std::uint64_t i = 1; i <= 100; ++i) session.publish(batch(i, peer), peer.now);
  const auto sent = peer.take();
  EXPECT_EQ(sent.size(), PublishWindow::Bounds{}.batches_max);
  peer.answer(sent[0], published(1));
  EXPECT_EQ(peer.take().size(), 1u);
}

TEST_F(Publishing, AcksZeroIsDoneWhenItIsSent) {
  peer.greet();
  Batch one = batch(1, peer);
  one.acks = proto::Acks::kNone;
  session.publish(std::move(one), peer.now);
  EXPECT_EQ(peer.take_one<proto::Publish>().as<proto::Publish>().acks, proto::Acks::kNone);
  EXPECT_EQ(peer.take_events<BatchStored>().size(), 1u);
  EXPECT_EQ(session.batches_pending(), 0u);
}

TEST_F(Publishing, AcksZeroIsBoundedByWhatTheNetworkTakes) {
  peer.greet();
  for (std::uint64_t i = 1; i <= 100; ++i) {
    Batch one = batch(i, peer);
    one.acks = proto::Acks::kNone;
    session.publish(std::move(one), peer.now);
  }
  EXPECT_TRUE(peer.take_events<BatchStored>().empty());
  EXPECT_EQ(session.batches_pending(), 100u);
  EXPECT_EQ(peer.take().size(), PublishWindow::Bounds{}.batches_max);
  peer.pass(0ms);
  EXPECT_EQ(peer.take().size(), 100 - PublishWindow::Bounds{}.batches_max);
  EXPECT_EQ(peer.take_events<BatchStored>().size(), 100u);
}

TEST_F(Publishing, AcksZeroThatNeverLeftLeavesOnTheNextConnection) {
  peer.greet();
  Batch one = batch(1, peer);
  one.acks = proto::Acks::kNone;
  session.publish(std::move(one), peer.now);
  peer.cut();
  EXPECT_TRUE(peer.take_events<BatchStored>().empty());
  peer.greet();
  EXPECT_EQ(peer.take_one<proto::Publish>().as<proto::Publish>().sequence, Sequence(1));
  EXPECT_EQ(peer.take_events<BatchStored>().size(), 1u);
}

TEST_F(Publishing, ClosingAnswersWhatIsOpen) {
  peer.greet();
  session.publish(batch(1, peer), peer.now);
  peer.take();
  peer.cut();
  session.publish(batch(2, peer), peer.now);
  session.abandon("the client was closed");
  const auto failed = peer.take_events<BatchFailed>();
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(failed[0].error.outcome, ErrorOutcome::kUnknown);
  EXPECT_EQ(failed[1].error.name, "closed");
}

TEST_F(Publishing, AnUnknownSessionIsLeftForANewOne) {
  peer.greet();
  session.publish(batch(1, peer), peer.now);
  peer.refuse(peer.take_one<proto::Publish>(), ErrorCode::kHelloRequired);
  EXPECT_EQ(peer.take_events<LinkDead>().size(), 1u);
  peer.cut();
  peer.greet();
  EXPECT_EQ(peer.take_one<proto::Publish>().as<proto::Publish>().sequence, Sequence(1));
}

}  // namespace
}  // namespace takt::sdk
