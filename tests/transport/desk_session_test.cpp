#include "tests/transport/desk_bench.h"

namespace takt::transport {
namespace {

using namespace std::chrono_literals;
using core::SessionEnd;

using DeskSession = DeskBench;

TEST_F(DeskSession, RefusesEverythingBeforeHello) {
  const proto::Request requests[] = {proto::Heartbeat{},  proto::Goodbye{}, proto::Metadata{},
                                     proto::ListTopics{}, proto::Credit{},  proto::ListGroups{}};
  for (const auto& request : requests) {
    send(a, request);
    EXPECT_EQ(take_error(a), ErrorCode::kHelloRequired);
  }
  publish(a);
  EXPECT_EQ(take_error(a), ErrorCode::kHelloRequired);
  EXPECT_TRUE(prior.empty() && later.empty());
  EXPECT_EQ(desk.stats().refusals.at(ErrorCode::kHelloRequired), 7u);
}

TEST_F(DeskSession, HelloOpensASessionAndTellsTheLimits) {
  send(a, proto::Hello{ClientId(5), proto::ClientKind::kProducer, "camera", "test"}, 42);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].correlation, CorrelationId(42));
  const auto& reply = std::get<proto::HelloReply>(replies[0].body);
  EXPECT_EQ(reply.heartbeat_ms, 3000u);
  EXPECT_EQ(reply.session_timeout_ms, 10000u);
  EXPECT_EQ(reply.batch_bytes_max, 1u << 20);
  ASSERT_EQ(prior.size(), 1u);
  const auto& up = std::get<core::SessionUp>(prior[0]);
  EXPECT_EQ(up.session, reply.session);
  EXPECT_EQ(up.client, ClientId(5));
  EXPECT_EQ(up.name, "camera");
}

TEST_F(DeskSession, AnswersHeartbeatAndMetadataItself) {
  hello(a, 1);
  prior.clear();
  send(a, proto::Heartbeat{});
  EXPECT_TRUE(take_reply<proto::HeartbeatReply>(a));
  send(a, proto::Metadata{});
  const auto metadata = take_reply<proto::MetadataReply>(a);
  ASSERT_TRUE(metadata);
  EXPECT_EQ(metadata->slots.size(), 1024u);
  EXPECT_TRUE(prior.empty() && later.empty());
}

TEST_F(DeskSession, WhoHasLeftIsToldNothingAndOnlyItsChangesCount) {
  const SessionId session = hello(a, 1);
  prior.clear();
  send(a, proto::PutTopic{"t", {}}, 7);
  later.clear();
  const proto::Request questions[] = {
      proto::Heartbeat{},  proto::Metadata{},   proto::Peek{PartitionId(0), "t", Lane(0), std::nullopt, 1, 1, 0},
      proto::ListTopics{}, proto::ListGroups{}, proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, 1, 1, 0}};
  for (const auto& question : questions) send_and_leave(a, question);
  EXPECT_TRUE(prior.empty() && later.empty());
  EXPECT_EQ(desk.stats().replies_dropped, 5u) << "a standing credit has none";

  auto sections = messages(1);
  const auto request = publish_of(sections, 1);
  send_and_leave(a, request, std::move(sections));
  send_and_leave(a, proto::Unsubscribe{PartitionId(0), SubscriptionId(1)});
  EXPECT_EQ(later.size(), 2u);
  answer(session, 7, proto::TopicDone{});
  EXPECT_TRUE(replies.empty());
  EXPECT_EQ(desk.stats().replies_dropped, 6u);
}

TEST_F(DeskSession, EndsASessionThatIsSilentForTheTimeoutAndNotEarlier) {
  const Time start = now;
  hello(a, 1);
  tick_at(start + 10s - 1ns);
  EXPECT_EQ(lost(SessionEnd::kTimedOut), 0u);
  tick_at(start + 10s);
  EXPECT_EQ(lost(SessionEnd::kTimedOut), 1u);
  const auto ended = take_reply<proto::SessionEnded>(a);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->reason, ErrorCode::kSessionExpired);
  send(a, proto::Heartbeat{});
  EXPECT_EQ(take_error(a), ErrorCode::kHelloRequired);
}

TEST_F(DeskSession, AnyFrameIsASignOfLifeEvenAMalformedOne) {
  const Time start = now;
  hello(a, 1);
  now = start + 9s;
  send_raw(a, {{std::byte{0xC1}}});
  tick_at(start + 10s);
  EXPECT_EQ(lost(SessionEnd::kTimedOut), 0u);
  EXPECT_EQ(desk.next_deadline(), start + 19s);
  tick_at(start + 19s);
  EXPECT_EQ(lost(SessionEnd::kTimedOut), 1u);
}

TEST_F(DeskSession, ForgivesTheSilenceInWhichTheProcessStoodStill) {
  const Time start = now;
  hello(a, 1);
  tick_at(start + 60s);   // the deadline was at 10 s: nobody looked for 50 s
  EXPECT_EQ(lost(SessionEnd::kTimedOut), 0u);
  ASSERT_TRUE(desk.next_deadline());
  tick_at(*desk.next_deadline());
  EXPECT_EQ(lost(SessionEnd::kTimedOut), 1u);
}

TEST_F(DeskSession, AnEndedConnectionEndsItsSessionOnce) {
  hello(a, 1);
  desk.ended(a);
  desk.ended(a);
  collect();
  EXPECT_EQ(lost(SessionEnd::kDisconnected), 1u);
  EXPECT_FALSE(desk.next_deadline());
  EXPECT_EQ(desk.stats().connections, 0u);
}

TEST_F(DeskSession, AClientThatComesBackTakesOverFromItsOlderSession) {
  const SessionId older = hello(a, 1);
  const SessionId newer = hello(b, 1);
  EXPECT_NE(older, newer);
  EXPECT_TRUE(take_reply<proto::SessionEnded>(a));
  ASSERT_EQ(prior.size(), 3u);
  EXPECT_EQ(std::get<core::SessionLost>(prior[1]).session, older);   // before the newer one comes up
  EXPECT_EQ(std::get<core::SessionUp>(prior[2]).session, newer);
  send(a, proto::Heartbeat{});
  EXPECT_EQ(take_error(a), ErrorCode::kHelloRequired);
  desk.ended(a);
  collect();
  EXPECT_EQ(lost(SessionEnd::kDisconnected), 1u);   // the newer one lives
}

TEST_F(DeskSession, AHelloOfAConnectionThatHasLeftTakesNothingOver) {
  hello(b, 1);
  send_and_leave(a, proto::Hello{ClientId(1), proto::ClientKind::kWorker, "w", "test"});   // it was on its way for long
  EXPECT_EQ(prior.size(), 1u);
  EXPECT_FALSE(take_reply<proto::SessionEnded>(b));
  EXPECT_FALSE(take_reply<proto::HelloReply>(a));
  send(b, proto::Heartbeat{});
  EXPECT_TRUE(take_reply<proto::HeartbeatReply>(b));
}

TEST_F(DeskSession, ASecondHelloOnOneConnectionEndsTheFirstSession) {
  const SessionId first = hello(a, 1);
  const SessionId second = hello(a, 2);
  ASSERT_EQ(prior.size(), 3u);
  EXPECT_EQ(std::get<core::SessionLost>(prior[1]).session, first);
  EXPECT_EQ(std::get<core::SessionUp>(prior[2]).session, second);
}

TEST_F(DeskSession, GoodbyeEndsInOrderAndIsAnswered) {
  hello(a, 1);
  send(a, proto::Goodbye{});
  EXPECT_TRUE(take_reply<proto::GoodbyeReply>(a));
  EXPECT_EQ(lost(SessionEnd::kGoodbye), 1u);
  desk.ended(a);
  collect();
  EXPECT_EQ(lost(SessionEnd::kDisconnected), 0u);
}

TEST_F(DeskSession, AcksOvertakePublishesAndTheRestKeepsItsOrder) {
  hello(a, 1);
  prior.clear();
  publish(a, 1);
  send(a, proto::Subscribe{PartitionId(0), SubscriptionId(1), "photos", "g", proto::StartFrom::kEarliest}, 2);
  send(a, proto::Ack{PartitionId(0), SubscriptionId(1), {{Slot(0), LeaseToken(1), {{0, 1}}}}}, 3);
  send(a, proto::ListTopics{}, 4);
  ASSERT_EQ(prior.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<proto::Subscribe>(std::get<core::ClientRequest>(prior[0]).body));
  EXPECT_TRUE(std::holds_alternative<proto::Ack>(std::get<core::ClientRequest>(prior[1]).body));
  ASSERT_EQ(later.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<proto::Publish>(std::get<core::ClientRequest>(later[0]).body));
  EXPECT_TRUE(std::holds_alternative<proto::ListTopics>(std::get<core::ClientRequest>(later[1]).body));
}

TEST_F(DeskSession, AProducersEndWaitsBehindItsPublishes) {
  hello(a, 1);
  prior.clear();
  publish(a, 1, proto::Acks::kNone);
  send(a, proto::Goodbye{});
  EXPECT_TRUE(prior.empty());
  ASSERT_EQ(later.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<core::ClientRequest>(later[0]));
  EXPECT_TRUE(std::holds_alternative<core::SessionLost>(later[1]));
}

TEST_F(DeskSession, AWorkersLostConnectionGivesItsLeasesBackAtOnce) {
  hello(a, 1);
  publish(a, 1);
  send(a, proto::Subscribe{PartitionId(0), SubscriptionId(1), "photos", "g", proto::StartFrom::kEarliest}, 2);
  prior.clear();
  desk.ended(a);
  collect();
  ASSERT_EQ(prior.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<core::SessionLost>(prior[0]));
}

TEST_F(DeskSession, DrainingRefusesNewWorkAndLetsAcksPass) {
  hello(a, 1);
  desk.drain();
  publish(a, 1);
  EXPECT_EQ(take_error(a), ErrorCode::kDraining);
  prior.clear();
  send(a, proto::Ack{PartitionId(0), SubscriptionId(1), {{Slot(0), LeaseToken(1), {{0, 1}}}}}, 2);
  EXPECT_EQ(prior.size(), 1u);
  hello(b, 2);
  EXPECT_EQ(take_error(b), ErrorCode::kDraining);
}

TEST_F(DeskSession, EndsAllSessionsWhenTheStoreGivesUp) {
  hello(a, 1);
  hello(b, 2);
  desk.end_sessions({ErrorCode::kStoreFailed, "reload"});
  collect();
  EXPECT_EQ(lost(SessionEnd::kDisconnected), 2u);
  EXPECT_EQ(take_reply<proto::SessionEnded>(a)->reason, ErrorCode::kStoreFailed);
  EXPECT_EQ(take_reply<proto::SessionEnded>(b)->reason, ErrorCode::kStoreFailed);
  EXPECT_NE(hello(a, 1), SessionId(0));
}

TEST_F(DeskSession, DropsRepliesToASessionThatHasEnded) {
  const SessionId session = hello(a, 1);
  publish(a, 1);
  desk.ended(a);
  answer(session, 1, proto::Published{});
  EXPECT_EQ(desk.stats().replies_dropped, 1u);
  EXPECT_EQ(desk.stats().replies_reserved, 0u);
}

}  // namespace
}  // namespace takt::transport
