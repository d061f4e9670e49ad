#include "broker/transport/peer_table.h"

#include <gtest/gtest.h>

namespace takt::transport {
namespace {

using namespace std::chrono_literals;

const std::string first{"\0\xff\xff\xff\xff", 5};   // automatic ids count up, over their end too
const std::string second{"\0\0\0\0\0", 5};

class PeerTableTest : public testing::Test {
 protected:
  ConnectionId speaks(const std::string& routing) { return table.speaker(routing, descriptor, now); }
  bool has_ended(ConnectionId id) { return table.find(id)->ended.has_value(); }
  void reused() {
    table.accepted(descriptor, now);
    table.disconnected(descriptor, now);
    table.accepted(descriptor, now);
  }

  static constexpr int descriptor = 7;
  Time now{1h};
  PeerTable table;
};

TEST_F(PeerTableTest, AConnectionOnAReusedDescriptorIsTheOneThatSpokeLast) {
  reused();
  const ConnectionId a = speaks(first);
  const ConnectionId b = speaks(second);
  EXPECT_TRUE(has_ended(a));
  EXPECT_FALSE(has_ended(b));
  EXPECT_EQ(table.take_ended(now), std::vector{a});
  table.disconnected(descriptor, now);
  EXPECT_EQ(table.take_ended(now), std::vector{b});
}

TEST_F(PeerTableTest, AlsoWhenItsMessageIsReadBeforeThatOfTheConnectionBefore) {
  reused();
  const ConnectionId b = speaks(second);
  const ConnectionId a = speaks(first);
  EXPECT_TRUE(has_ended(a));
  EXPECT_FALSE(has_ended(b));
}

TEST_F(PeerTableTest, AlsoWhenTheConnectionBeforeNeverSpoke) {
  reused();
  EXPECT_FALSE(has_ended(speaks(second)));
}

TEST_F(PeerTableTest, AlsoWhenTheConnectionBeforeWasHeardInAnEarlierRound) {
  table.accepted(descriptor, now);
  const ConnectionId a = speaks(first);
  table.disconnected(descriptor, now);
  table.accepted(descriptor, now);
  EXPECT_EQ(speaks(first), a) << "its last words";
  const ConnectionId b = speaks(second);
  EXPECT_TRUE(has_ended(a));
  EXPECT_FALSE(has_ended(b));
}

TEST_F(PeerTableTest, WhoseConnectionIsResetHasLeftAndHasNotEndedYet) {
  table.accepted(descriptor, now);
  const ConnectionId id = speaks(first);
  table.left(descriptor + 1);
  EXPECT_FALSE(table.find(id)->has_left);
  table.left(descriptor);
  EXPECT_TRUE(table.find(id)->has_left);
  EXPECT_FALSE(has_ended(id));
  EXPECT_EQ(speaks(first), id) << "what it said before is still read";
  table.disconnected(descriptor, now);
  EXPECT_TRUE(has_ended(id));
}

TEST_F(PeerTableTest, AlsoWhenItWasResetBeforeItWasHeard) {
  table.accepted(descriptor, now);
  table.left(descriptor);
  EXPECT_TRUE(table.find(speaks(first))->has_left);
  table.accepted(descriptor, now);
  EXPECT_FALSE(table.find(speaks(second))->has_left) << "the next connection on the descriptor";
}

TEST_F(PeerTableTest, WhoeverHasEndedHasLeft) {
  reused();
  const ConnectionId a = speaks(first);
  const ConnectionId b = speaks(second);
  EXPECT_TRUE(table.find(a)->has_left);
  EXPECT_FALSE(table.find(b)->has_left);
  table.disconnected(descriptor, now);
  EXPECT_TRUE(table.find(b)->has_left);
}

TEST_F(PeerTableTest, WhoCameSpokeAndLeftIsHeardAndThenEnded) {
  table.accepted(descriptor, now);
  table.disconnected(descriptor, now);
  const ConnectionId a = speaks(first);
  EXPECT_TRUE(table.has_ended());
  EXPECT_TRUE(table.take_ended(now - 1ms).empty());
  EXPECT_EQ(table.take_ended(now), std::vector{a});
  table.forget(a);
  EXPECT_EQ(table.find(a), nullptr);
}

TEST_F(PeerTableTest, TellsOnceWhoHasNoSessionForTooLong) {
  const auto none = [](ConnectionId) { return false; };
  table.accepted(descriptor, now);
  const ConnectionId a = speaks(first);
  table.accepted(descriptor + 1, now);
  const auto only_a = [&](ConnectionId id) { return id == a; };
  EXPECT_TRUE(table.take_strangers(now + 9s, 10s, none).empty());
  EXPECT_EQ(table.take_strangers(now + 10s, 10s, only_a), std::vector{descriptor + 1});
  EXPECT_TRUE(table.take_strangers(now + 19s, 10s, none).empty());
  EXPECT_EQ(table.take_strangers(now + 20s, 10s, none), std::vector{descriptor});
  EXPECT_TRUE(table.take_strangers(now + 60s, 10s, none).empty());
}

}  // namespace
}  // namespace takt::transport
