// The session against the real gateway logic and partition: what a user is promised, over cuts and restarts.

#include <gtest/gtest.h>

#include "proto/record.h"
#include "proto/section.h"
#include "tests/sdk/house.h"

namespace takt::sdk {
namespace {

using namespace std::chrono_literals;

SessionOptions options_of(std::uint64_t number) {
  SessionOptions options;
  options.client = ClientId(number);
  options.producer = ProducerId(number + 1000);
  options.name = "test";
  return options;
}

struct Promise : ::testing::Test {
  House house;
  Session producer{options_of(1)};
  Session worker{options_of(2)};
  SubscriptionIndex subscription{};
  std::uint64_t last_batch = 0;

  void publish(std::vector<std::string> payloads, std::string topic = "photos") {
    proto::SectionBuilder builder;
    std::vector<std::byte> record;
    proto::RecordMetadata metadata;
    metadata.kind = "k";
    proto::append_record(record, metadata);
    for (const std::string& payload : payloads) builder.add(record, as_bytes(payload));
    const std::uint32_t count = builder.count();
    proto::Sections sections = builder.take();
    producer.publish({BatchId(++last_batch),
                      {std::move(topic), Lane(0)},
                      proto::Acks::kAll,
                      count,
                      SharedBytes::own(std::move(sections.metadata)),
                      SharedBytes::own(std::move(sections.payload)),
                      house.now().mono + 30s},
                     house.now());
  }
  void subscribe(proto::CreditKind kind = proto::CreditKind::kStanding, std::uint32_t messages = 100) {
    subscription = worker.subscribe({"photos", "g", proto::StartFrom::kEarliest, kind, messages, 1 << 20, 20s}, house.now());
  }
  struct Got {
    LeaseId lease;
    std::uint32_t index;
    std::string payload;
    std::uint32_t attempt;
  };
  /// Messages that have come to `session` since the last call.
  std::vector<Got> received(Session& session) {
    std::vector<Got> all;
    for (Event& event : session.take_events()) {
      if (std::holds_alternative<LeaseLost>(event)) ++lost;
      if (const auto* one = std::get_if<StaleOutcome>(&event)) stale += one->count;
      if (const auto* one = std::get_if<Acknowledged>(&event)) acknowledged += one->count;
      if (const auto* one = std::get_if<CompleteSettled>(&event)) completed += one->count;
      const auto* delivery = std::get_if<Delivery>(&event);
      if (delivery == nullptr) continue;
      const proto::SectionView messages(delivery->metadata.bytes, delivery->payload.bytes, delivery->count);
      for (const DeliveredLease& lease : delivery->leases) {
        for (std::uint32_t i = 0; i < lease.count; ++i) {
          all.push_back({lease.lease, i, std::string(as_text(messages.payload(lease.first + i))), lease.attempt});
        }
      }
    }
    return all;
  }
  static std::vector<std::string> payloads(const std::vector<Got>& got) {
    std::vector<std::string> all;
    for (const Got& one : got) all.push_back(one.payload);
    return all;
  }
  std::vector<BatchStored> stored() {
    std::vector<BatchStored> all;
    for (Event& event : producer.take_events()) {
      if (auto* one = std::get_if<BatchStored>(&event)) all.push_back(*one);
    }
    return all;
  }

  std::uint32_t lost = 0;
  std::uint32_t stale = 0;
  std::uint32_t acknowledged = 0;
  std::uint32_t completed = 0;
};

TEST_F(Promise, WhatIsSentIsDeliveredAndAckedOnce) {
  house.connect(producer);
  house.connect(worker);
  subscribe();
  publish({"a", "b", "c"});
  house.settle();
  EXPECT_EQ(stored().size(), 1u);
  const auto got = received(worker);
  EXPECT_EQ(payloads(got), (std::vector<std::string>{"a", "b", "c"}));
  for (const Got& one : got) worker.ack(one.lease, Bits::one(one.index), house.now());
  house.pass(1s);
  received(worker);
  EXPECT_EQ(acknowledged, 3u);
  EXPECT_EQ(worker.outcomes_unsettled(), 0u);
  house.pass(60s);
  EXPECT_TRUE(received(worker).empty());
}

TEST_F(Promise, ABatchWhoseAnswerWasLostIsStoredOnce) {
  house.connect(producer);
  house.connect(worker);
  subscribe();
  publish({"a"});
  house.settle(House::Commit::kHold);  // it arrived, the answer waits for the disk
  house.cut(producer, House::OnTheWay::kLost);
  house.settle();                       // now it is stored; nobody hears it
  publish({"b"});
  house.connect(producer);
  const auto answers = stored();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_TRUE(answers[0].duplicate);
  EXPECT_FALSE(answers[1].duplicate);
  EXPECT_EQ(payloads(received(worker)), (std::vector<std::string>{"a", "b"}));
}

TEST_F(Promise, ABatchThatDiedWithTheBrokerIsSentAgain) {
  house.connect(producer);
  publish({"a"});
  house.settle(House::Commit::kHold);
  house.restart();  // before it was durable
  house.connect(producer);
  const auto answers = stored();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_FALSE(answers[0].duplicate);
  house.connect(worker);
  subscribe();
  house.settle();
  EXPECT_EQ(payloads(received(worker)), (std::vector<std::string>{"a"}));
}

TEST_F(Promise, ARunningJobIsResumedAfterABrokerRestartAndNotRunTwice) {
  house.connect(producer);
  house.connect(worker);
  subscribe();
  publish({"long", "queued"});
  house.settle();
  const auto got = received(worker);
  ASSERT_EQ(got.size(), 2u);
  house.pass(30s);  // long enough for the lease to be in the log
  Session other(options_of(3));
  house.restart();
  house.connect(other);
  other.subscribe({"photos", "g", proto::StartFrom::kEarliest, proto::CreditKind::kStanding, 100, 1 << 20, 20s}, house.now());
  house.settle();
  EXPECT_TRUE(received(other).empty());
  house.connect(worker);
  EXPECT_EQ(lost, 0u);
  for (const Got& one : got) worker.ack(one.lease, Bits::one(one.index), house.now());
  house.pass(60s);
  EXPECT_TRUE(received(worker).empty());
  EXPECT_TRUE(received(other).empty());
  EXPECT_EQ(acknowledged, 2u);
  EXPECT_EQ(stale, 0u);
}

TEST_F(Promise, AnAckWhoseAnswerWasLostIsRepeatedAndDoneOnce) {
  house.connect(producer);
  house.connect(worker);
  subscribe();
  publish({"a"});
  house.settle();
  const auto got = received(worker);
  worker.ack(got.at(0).lease, Bits::one(0), house.now());
  house.cut(worker, House::OnTheWay::kLost);
  house.connect(worker);
  house.pass(30s);
  // Given back by the cut and claimed again by the resume, or delivered anew: in both cases it ends done.
  for (const Got& one : received(worker)) worker.ack(one.lease, Bits::one(one.index), house.now());
  house.pass(30s);
  EXPECT_TRUE(received(worker).empty());
  EXPECT_EQ(acknowledged, 1u);
}

TEST_F(Promise, AWorkerThatIsGoneLosesItsMessagesToTheNext) {
  house.connect(producer);
  house.connect(worker);
  subscribe();
  publish({"a"});
  house.settle();
  const auto got = received(worker);
  house.cut(worker, House::OnTheWay::kLost);
  Session other(options_of(3));
  house.connect(other);
  other.subscribe({"photos", "g", proto::StartFrom::kEarliest, proto::CreditKind::kStanding, 100, 1 << 20, 20s}, house.now());
  house.pass(1s);
  const auto again = received(other);
  ASSERT_EQ(payloads(again), (std::vector<std::string>{"a"}));
  EXPECT_EQ(again[0].attempt, 2u);
  house.connect(worker);
  received(worker);
  EXPECT_EQ(lost, 1u);
  worker.ack(got.at(0).lease, Bits::one(0), house.now());
  house.pass(1s);
  received(worker);
  EXPECT_EQ(stale, 1u);
  EXPECT_EQ(acknowledged, 0u);
}

TEST_F(Promise, PullBringsWhatIsAskedForAndTheNextOnceThatIsDone) {
  house.connect(producer);
  house.connect(worker);
  subscribe(proto::CreditKind::kOnce, 2);
  publish({"a", "b", "c"});
  house.settle();
  const auto first = received(worker);
  EXPECT_LE(first.size(), 2u);
  std::vector<std::string> all = payloads(first);
  for (const Got& one : first) worker.ack(one.lease, Bits::one(one.index), house.now());
  for (int i = 0; i < 5; ++i) {
    house.pass(1s);
    for (const Got& one : received(worker)) {
      all.push_back(one.payload);
      worker.ack(one.lease, Bits::one(one.index), house.now());
    }
  }
  EXPECT_EQ(all, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(Promise, FollowUpsAreStoredWithTheAckOverACut) {
  house.connect(producer);
  house.connect(worker);
  subscribe();
  const auto thumbs =
      worker.subscribe({"thumbs", "g", proto::StartFrom::kEarliest, proto::CreditKind::kStanding, 100, 1 << 20, 20s}, house.now());
  (void)thumbs;
  publish({"a"});
  house.settle();
  const auto got = received(worker);
  proto::SectionBuilder builder;
  std::vector<std::byte> record;
  proto::RecordMetadata metadata;
  metadata.kind = "k";
  proto::append_record(record, metadata);
  builder.add(record, as_bytes("thumb of a"));
  proto::Sections sections = builder.take();
  worker.complete(got.at(0).lease, 0, {{{"thumbs", Lane(0)}, 1, sections.metadata, sections.payload}}, house.now());
  house.cut(worker, House::OnTheWay::kArrives);  // it is stored; the answer is lost
  house.settle();
  house.connect(worker);
  house.pass(30s);
  EXPECT_EQ(payloads(received(worker)), (std::vector<std::string>{"thumb of a"}));
  EXPECT_EQ(completed, 1u);
}

TEST_F(Promise, ARetryComesBackAfterItsDelayWithTheNextAttempt) {
  house.connect(producer);
  house.connect(worker);
  subscribe();
  publish({"a"});
  house.settle();
  const auto got = received(worker);
  worker.fail(got.at(0).lease, 0, proto::FailOutcome::kRetry, 10s, 5, "disk busy", house.now());
  house.pass(9s);
  EXPECT_TRUE(received(worker).empty());
  house.pass(2s);
  const auto again = received(worker);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].attempt, 2u);
}

TEST_F(Promise, GoodbyeGivesBackAtOnceAndCountsNoAttempt) {
  house.connect(producer);
  house.connect(worker);
  subscribe();
  publish({"a"});
  house.settle();
  EXPECT_EQ(received(worker).size(), 1u);
  worker.goodbye();
  house.settle();
  Session other(options_of(3));
  house.connect(other);
  other.subscribe({"photos", "g", proto::StartFrom::kEarliest, proto::CreditKind::kStanding, 100, 1 << 20, 20s}, house.now());
  house.settle();
  const auto again = received(other);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].attempt, 1u);
}

}  // namespace
}  // namespace takt::sdk
