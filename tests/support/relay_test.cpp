#include "tests/support/relay.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/deadline.h"

namespace takt::testing {
namespace {

using From = Relay::From;

struct RelayTest : ::testing::Test {
  /// A connection through the relay: its two ends.
  struct Ends {
    RawSocket client;
    RawSocket broker;
  };
  Ends connect() {
    RawSocket client(port_of(relay.server()));
    return {std::move(client), *broker.accept()};
  }
  bool wait_swallowed(From side, std::size_t count) {
    return wait_until([&] { return relay.swallowed(side) >= count; });
  }

  Listener broker;
  Relay relay{broker.port()};
};

TEST_F(RelayTest, CarriesBytesBothWaysOfEachConnection) {
  Ends one = connect();
  Ends two = connect();
  const std::string much(4u << 20, 'x');
  std::jthread sender([&] { one.client.send(much); });
  EXPECT_EQ(one.broker.receive(much.size(), patience), much);
  two.client.send("to the broker");
  EXPECT_EQ(two.broker.receive(13, patience), "to the broker");
  two.broker.send("and back");
  EXPECT_EQ(two.client.receive(8, patience), "and back");
}

TEST_F(RelayTest, SwallowsOneSideBehindTheBytesThatPass) {
  Ends ends = connect();
  relay.swallow(From::kBroker, 3);
  ends.broker.send("answer");
  EXPECT_TRUE(wait_swallowed(From::kBroker, 3));
  ends.client.send("request");
  EXPECT_EQ(ends.broker.receive(7, patience), "request");
  EXPECT_EQ(relay.swallowed(From::kClient), 0u);
  relay.cut();
  EXPECT_EQ(ends.client.receive_all(patience), "ans");
  EXPECT_EQ(relay.swallowed(From::kBroker), 3u);
}

TEST_F(RelayTest, ACutEndsBothEndsAndLaterConnectionsAreWhole) {
  Ends ends = connect();
  ends.client.send("seen");
  EXPECT_EQ(ends.broker.receive(4, patience), "seen");
  relay.swallow(From::kClient);
  relay.cut();
  EXPECT_EQ(ends.client.receive_all(patience), "");
  EXPECT_EQ(ends.broker.receive_all(patience), "");
  Ends next = connect();
  next.client.send("again");
  EXPECT_EQ(next.broker.receive(5, patience), "again");
  EXPECT_EQ(relay.swallowed(From::kClient), 0u);
}

TEST_F(RelayTest, AnEndIsHandedOn) {
  Ends ends = connect();
  ends.client.send("last words");
  ends.client.finish();
  EXPECT_EQ(ends.broker.receive_all(patience), "last words");
  EXPECT_EQ(ends.client.receive_all(patience), "");
}

TEST(RelayWithoutBroker, EndsWhoComes) {
  const Relay relay(Listener().port());
  EXPECT_EQ(RawSocket(port_of(relay.server())).receive_all(patience), "");
}

}  // namespace
}  // namespace takt::testing
