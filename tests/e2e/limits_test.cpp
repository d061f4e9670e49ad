// Each bound of the configuration against a real broker: the last that fits, and one more, with its code and its counter.

#include <gtest/gtest.h>

#include "proto/record.h"
#include "proto/section.h"
#include "tests/e2e/stage.h"
#include "tests/e2e/wire_client.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;

class Limits : public ::testing::Test {
 protected:
  explicit Limits(std::vector<std::string> settings = {"limits.message_bytes=1KiB", "limits.batch_bytes=2KiB", "limits.batch_messages=10",
                                                       "limits.topics=3", "limits.groups_per_topic=2", "limits.groups=3",
                                                       "limits.subscriptions_per_session=2", "limits.producers=2",
                                                       "limits.replies_per_session=3", "limits.replies=8"})
      : stage(std::move(settings)),
        client(stage.broker().server()) {
    hello(client, 1);
  }
  static void hello(WireClient& who, std::uint64_t id) {
    who.send(proto::Hello{ClientId(id), proto::ClientKind::kTool, "limits", "test"});
    if (!who.receive<proto::HelloReply>(patience)) throw std::runtime_error("no session");
  }

  /// The refusal, or none when T came.
  template <class T>
  std::optional<ErrorCode> ask(const proto::Request& request) {
    client.send(request);
    return outcome<T>();
  }
  std::optional<ErrorCode> subscribe(std::uint32_t id, const std::string& group) {
    return ask<proto::Subscribed>(proto::Subscribe{PartitionId(0), SubscriptionId(id), "t0", group, proto::StartFrom::kEarliest});
  }
  std::optional<ErrorCode> put_group(const std::string& topic, const std::string& group) {
    return ask<proto::GroupDone>(proto::PutGroup{topic, group, proto::StartFrom::kEarliest, {8}});
  }
  std::optional<ErrorCode> publish(std::uint32_t count, std::size_t payload_bytes, std::uint64_t producer = 1,
                                   const std::string& topic = "t0") {
    proto::SectionBuilder builder;
    for (std::uint32_t i = 0; i < count; ++i) builder.add(record(), std::vector<std::byte>(payload_bytes));
    const proto::Sections sections = builder.take();
    proto::Publish publish;
    publish.topic = topic;
    publish.producer = ProducerId(producer);
    publish.sequence = Sequence(++sequence_);
    publish.count = count;
    publish.metadata_checksum = proto::section_checksum(sections.metadata);
    publish.payload_checksum = proto::section_checksum(sections.payload);
    client.send_frames(std::vector{proto::encode(publish, CorrelationId(sequence_)), sections.metadata, sections.payload});
    return outcome<proto::Published>();
  }
  /// Payload of one of `count` messages whose batch has `bytes` in all.
  static std::size_t payload_of(std::uint32_t count, std::size_t bytes) {
    return bytes / count - proto::section_entry_bytes - record().size();
  }
  double refused(const std::string& code) { return stage.metrics().sum("takt_requests_refused_total", {"code=\"" + code + "\""}); }

  Stage stage;
  WireClient client;

 private:
  static std::vector<std::byte> record() {
    std::vector<std::byte> bytes;
    proto::append_record(bytes, {.kind = "k", .tags = {}, .attributes = {}, .traceparent = {}, .parent_id = {}, .content_type = {}});
    return bytes;
  }
  template <class T>
  std::optional<ErrorCode> outcome() {
    const auto reply = client.receive_one(patience);
    if (!reply) throw std::runtime_error("no answer");
    if (const auto* error = std::get_if<proto::Error>(&*reply)) return error->code;
    if (!std::holds_alternative<T>(*reply)) throw std::runtime_error("another answer");
    return std::nullopt;
  }

  std::uint64_t sequence_ = 0;
};

TEST_F(Limits, OfAMessageAndOfABatch) {
  EXPECT_EQ(publish(1, 1'024), std::nullopt);
  EXPECT_EQ(publish(1, 1'025), ErrorCode::kMessageTooLarge);
  EXPECT_EQ(refused("message_too_large"), 1);
  EXPECT_EQ(publish(4, payload_of(4, 2'048)), std::nullopt);
  EXPECT_EQ(publish(4, payload_of(4, 2'048) + 1), ErrorCode::kBatchTooLarge);
  EXPECT_EQ(publish(10, 1), std::nullopt);
  EXPECT_EQ(publish(11, 1), ErrorCode::kBatchTooLarge);
  EXPECT_EQ(refused("batch_too_large"), 2);
}

TEST_F(Limits, OfTopicsGroupsAndSubscriptions) {
  for (const char* topic : {"t0", "t1", "t2"}) EXPECT_EQ(ask<proto::TopicDone>(proto::PutTopic{topic, {}}), std::nullopt);
  EXPECT_EQ(ask<proto::TopicDone>(proto::PutTopic{"t3", {}}), ErrorCode::kTooManyTopics);
  EXPECT_EQ(refused("too_many_topics"), 1);
  EXPECT_EQ(subscribe(1, "g0"), std::nullopt);
  EXPECT_EQ(subscribe(2, "g1"), std::nullopt);
  EXPECT_EQ(subscribe(3, "g0"), ErrorCode::kTooManySubscriptions);
  EXPECT_EQ(refused("too_many_subscriptions"), 1);
  EXPECT_EQ(put_group("t0", "g2"), ErrorCode::kTooManyGroups) << "of its topic";
  EXPECT_EQ(put_group("t1", "g"), std::nullopt);
  EXPECT_EQ(put_group("t2", "g"), ErrorCode::kTooManyGroups) << "of all";
  EXPECT_EQ(refused("too_many_groups"), 2);
}

TEST_F(Limits, OfProducers) {
  EXPECT_EQ(publish(1, 1, 1), std::nullopt);
  EXPECT_EQ(publish(1, 1, 2), std::nullopt);
  EXPECT_EQ(publish(1, 1, 3), ErrorCode::kTooManyProducers);
  EXPECT_EQ(publish(1, 1, 1), std::nullopt);
  EXPECT_EQ(refused("too_many_producers"), 1);
}

TEST_F(Limits, OfRepliesThatAreOwed) {
  ASSERT_EQ(publish(1, 1), std::nullopt);
  const proto::Peek waits{PartitionId(0), "t0", Lane(0), std::nullopt, 1, 1'000, 60'000};   // answered when a message comes
  for (int i = 0; i < 3; ++i) client.send(waits);
  EXPECT_EQ(ask<proto::Peeked>(waits), ErrorCode::kBusy) << "of its session";
  WireClient other(stage.broker().server());
  hello(other, 2);
  other.send(waits);
  other.send(waits);
  const auto error = other.receive<proto::Error>(patience);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kBusy) << "of those that wait";
  EXPECT_EQ(refused("busy"), 2);
}

class LimitOfMessagesOut : public Limits {
 protected:
  LimitOfMessagesOut() : Limits({"limits.in_flight=3", "limits.in_flight_per_worker=2"}) {}
  static void work(WireClient& who) {
    who.send(proto::Subscribe{PartitionId(0), SubscriptionId(1), "t0", "g", proto::StartFrom::kEarliest});
    who.send(proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, 100, 1 << 20, 0});
  }
  static std::size_t take(WireClient& from, std::size_t messages) {
    std::size_t taken = 0;
    while (taken < messages) {
      const auto deliver = from.receive<proto::Deliver>(patience);
      if (!deliver) break;
      for (const proto::DeliveredRange& range : deliver->ranges) taken += range.stretch.count;
    }
    return taken;
  }
};

TEST_F(LimitOfMessagesOut, OfAWorkerAndOfAll) {
  ASSERT_EQ(publish(5, 1), std::nullopt);
  work(client);
  EXPECT_EQ(take(client, 2), 2u);
  ASSERT_EQ(publish(1, 1), std::nullopt);   // what could be handed out would be by now
  EXPECT_EQ(stage.metrics().sum("takt_leased_messages"), 2) << "of one worker";
  const double waits = stage.metrics().sum("takt_lease_bound_waits_total");
  EXPECT_GT(waits, 0);
  WireClient other(stage.broker().server());
  hello(other, 2);
  work(other);
  EXPECT_EQ(take(other, 1), 1u);
  ASSERT_EQ(publish(1, 1), std::nullopt);
  EXPECT_EQ(stage.metrics().sum("takt_leased_messages"), 3) << "of all";
  EXPECT_GT(stage.metrics().sum("takt_lease_bound_waits_total"), waits);
}

class LimitOfOutboundBytes : public Limits {
 protected:
  LimitOfOutboundBytes() : Limits({"limits.outbound_bytes=256KiB", "limits.outbound_bytes_total=1MiB"}) {}
  /// May bring 256 KiB, and waits for them.
  const proto::Peek waits{PartitionId(0), "t0", Lane(0), std::nullopt, 10'000, 256 << 10, 60'000};
};

TEST_F(LimitOfOutboundBytes, OfOneClient) {
  ASSERT_EQ(publish(1, 1), std::nullopt);
  client.send(waits);
  EXPECT_EQ(ask<proto::Peeked>(waits), ErrorCode::kBusy) << "two and their envelopes are more than twice 256 KiB";
  EXPECT_EQ(refused("busy"), 1);
}

TEST_F(LimitOfOutboundBytes, OfAllClients) {
  ASSERT_EQ(publish(1, 1), std::nullopt);
  std::vector<std::unique_ptr<WireClient>> others;
  for (std::uint64_t i = 0; i < 9; ++i) {
    others.push_back(std::make_unique<WireClient>(stage.broker().server()));
    hello(*others.back(), 100 + i);
    others.back()->send(waits);
    if (i == 8) continue;
    others.back()->send(proto::Heartbeat{});   // its answer comes behind what refuses the peek
    const auto reply = others.back()->receive_one(patience);
    ASSERT_TRUE(reply && std::holds_alternative<proto::HeartbeatReply>(*reply)) << "eight are twice 1 MiB, for who asks for the first time";
  }
  const auto error = others.back()->receive<proto::Error>(patience);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kBusy);
  EXPECT_EQ(refused("busy"), 1);
}

class LimitOfConnections : public Limits {
 protected:
  LimitOfConnections() : Limits({"limits.connections=3"}) {}
};

TEST_F(LimitOfConnections, ClosesOneMore) {
  ASSERT_TRUE(stage.admin().topics());   // the stage's own connection stays too
  WireClient third(stage.broker().server());
  hello(third, 3);
  EXPECT_EQ(stage.metrics().sum("takt_connections_refused_total"), 0);
  WireClient fourth(stage.broker().server());
  fourth.send(proto::Hello{ClientId(4), proto::ClientKind::kTool, "limits", "test"});
  EXPECT_TRUE(wait_until([&] { return stage.metrics().sum("takt_connections_refused_total") >= 1; }));
  EXPECT_EQ(stage.metrics().sum("takt_sessions"), 3);
}

class LimitOfHandshakes : public Limits {
 protected:
  LimitOfHandshakes() : Limits({"limits.handshake_time=200ms", "limits.hello_time=10m"}) {}
};

TEST_F(LimitOfHandshakes, ClosesWhoDoesNotFinishIt) {
  takt::testing::RawSocket half(takt::testing::port_of(stage.broker().server()));
  EXPECT_FALSE(half.receive_all(patience).empty()) << "the broker's greeting, and then the end";
  EXPECT_TRUE(wait_until([&] { return stage.metrics().sum("takt_connections_unheard_total") == 1; }));
  EXPECT_EQ(stage.metrics().sum("takt_strangers_dropped_total"), 0);
}

class LimitOfStrangers : public Limits {
 protected:
  LimitOfStrangers() : Limits({"limits.hello_time=300ms"}) {}
};

TEST_F(LimitOfStrangers, ClosesWhoSaysNoHello) {
  WireClient talker(stage.broker().server());
  talker.send(proto::Heartbeat{});
  ASSERT_TRUE(talker.receive<proto::Error>(patience));
  EXPECT_TRUE(wait_until([&] { return stage.metrics().sum("takt_strangers_dropped_total") >= 1; }));
  EXPECT_EQ(stage.metrics().sum("takt_sessions"), 2) << "who has one stays";
}

}  // namespace
}  // namespace takt::e2e
