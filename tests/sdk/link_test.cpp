#include "tests/sdk/peer.h"

namespace takt::sdk {
namespace {

using namespace std::chrono_literals;

struct Link : ::testing::Test {
  Session session{test_options()};
  Peer peer{session};
};

TEST_F(Link, BeatsEveryThreeSecondsAndLivesOnTheAnswers) {
  peer.greet();
  for (int i = 0; i < 10; ++i) {
    peer.pass(3s);
    peer.answer(peer.take_one<proto::Heartbeat>(), proto::HeartbeatReply{});
  }
  EXPECT_TRUE(peer.take_events<LinkDead>().empty());
}

TEST_F(Link, GivesUpOnABrokerThatIsSilentForTheSessionTimeout) {
  peer.greet();
  peer.pass(9999ms);
  EXPECT_TRUE(peer.take_events<LinkDead>().empty());
  peer.pass(1ms);
  EXPECT_EQ(peer.take_events<LinkDead>().size(), 1u);
}

TEST_F(Link, TellsWhenItNextHasSomethingToDo) {
  EXPECT_FALSE(session.next_deadline());
  peer.connect();
  EXPECT_EQ(session.next_deadline(), peer.now.mono + 5s);
  peer.answer(peer.take_one<proto::Hello>(), proto::HelloReply{});
  EXPECT_EQ(session.next_deadline(), peer.now.mono + 3s);
}

TEST_F(Link, AHelloWithoutAnswerEndsTheLink) {
  peer.connect();
  peer.pass(5s);
  EXPECT_EQ(peer.take_events<LinkDead>().size(), 1u);
}

TEST_F(Link, ARefusedHelloEndsTheLinkAndSaysWhy) {
  peer.connect();
  peer.refuse(peer.take_one<proto::Hello>(), ErrorCode::kTooManyConnections);
  const auto dead = peer.take_events<LinkDead>();
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_NE(dead[0].why.find("too_many_connections"), std::string::npos);
}

TEST_F(Link, AFrameThatMakesNoSenseEndsTheLink) {
  peer.greet();
  const Frames garbage{text_bytes("not msgpack")};
  session.received(garbage, peer.now);
  EXPECT_EQ(peer.take_events<LinkDead>().size(), 1u);
}

TEST_F(Link, AnAnswerThatNobodyWaitsForIsPassedOver) {
  peer.greet();
  peer.say(proto::Published{PartitionId(0), Position(1), Offset(1), 1, false}, CorrelationId(999));
  peer.say(proto::Error{ErrorCode::kBusy, "late", 0}, CorrelationId(998));
  EXPECT_TRUE(peer.take_events<LinkDead>().empty());
}

TEST_F(Link, AnEndedSessionIsLeft) {
  peer.greet();
  peer.say(proto::SessionEnded{ErrorCode::kSessionExpired, "too quiet"});
  const auto dead = peer.take_events<LinkDead>();
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_NE(dead[0].why.find("too quiet"), std::string::npos);
  EXPECT_TRUE(peer.take().empty());
}

TEST_F(Link, AGoodbyeIsForGoodThoughItsAnswerIsLost) {
  peer.greet();
  session.goodbye();
  peer.take_one<proto::Goodbye>();
  peer.cut();
  EXPECT_EQ(peer.take_events<SaidGoodbye>().size(), 1u);
  peer.connect();
  EXPECT_TRUE(peer.take().empty()) << "it gave back what it held, and must not come again to claim it";
}

TEST_F(Link, TellsTheFirstGreetingFromTheNext) {
  peer.greet();
  peer.cut();
  peer.greet();
  const auto greeted = peer.take_events<Greeted>();
  ASSERT_EQ(greeted.size(), 2u);
  EXPECT_FALSE(greeted[0].again);
  EXPECT_TRUE(greeted[1].again);
}

TEST_F(Link, AReadIsAskedAgainAfterAReconnectAndAChangeIsUnknown) {
  peer.greet();
  session.request(TicketId(1), proto::ListTopics{}, {}, peer.now.mono + 5s, peer.now);
  session.request(TicketId(2), proto::DeleteTopic{"photos"}, {}, peer.now.mono + 5s, peer.now);
  EXPECT_EQ(peer.take().size(), 2u);
  peer.cut();
  const auto failed = peer.take_events<RequestFailed>();
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].ticket, TicketId(2));
  EXPECT_EQ(failed[0].error.outcome, ErrorOutcome::kUnknown);
  peer.greet();
  peer.answer(peer.take_one<proto::ListTopics>(), proto::Topics{});
  EXPECT_EQ(peer.take_events<RequestAnswered>().size(), 1u);
}

TEST_F(Link, ARequestWithoutAConnectionFailsInTime) {
  session.request(TicketId(1), proto::ListTopics{}, {}, peer.now.mono + 5s, peer.now);
  EXPECT_EQ(session.next_deadline(), peer.now.mono + 5s);
  peer.pass(5s);
  const auto failed = peer.take_events<RequestFailed>();
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].error.name, "not_connected");
}

}  // namespace
}  // namespace takt::sdk
