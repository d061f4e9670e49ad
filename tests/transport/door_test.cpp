#include "broker/transport/door.h"

#include <gtest/gtest.h>

namespace takt::transport {
namespace {

constexpr std::size_t queue = 4;   // messages of one connection
constexpr std::size_t few = 2;

class DoorTest : public testing::Test {
 protected:
  void come(int connections) {
    for (int i = 0; i < connections; ++i) door.accepted();
  }
  void leave(int connections) {
    for (int i = 0; i < connections; ++i) door.ended();
  }

  Door door{queue, few};
};

TEST_F(DoorTest, AnEndIsReadAfterAFullQueueOfEverybodyInTheRound) {
  come(3);
  leave(1);
  door.read(3 * queue - 1);
  EXPECT_EQ(door.unread(), 1u);
  door.read(1);
  EXPECT_EQ(door.unread(), 0u);
}

TEST_F(DoorTest, WhoEndedUnreadIsInTheRoundOfTheNext) {
  come(2);
  leave(2);
  door.read(2 * queue - 1);
  EXPECT_EQ(door.unread(), 2u);
  door.read(1);
  EXPECT_EQ(door.unread(), 0u);
}

TEST_F(DoorTest, WhoComesLaterIsReadInBetween) {
  come(1);
  leave(1);
  come(1);
  door.read(queue);
  EXPECT_EQ(door.unread(), 1u);
  door.read(queue);
  EXPECT_EQ(door.unread(), 0u);
}

TEST_F(DoorTest, WhatWasReadBeforeTheEndDoesNotCount) {
  come(1);
  door.read(100 * queue);
  leave(1);
  door.read(queue - 1);
  EXPECT_EQ(door.unread(), 1u);
}

TEST_F(DoorTest, NothingIsUnreadInAnEmptySocket) {
  come(5);
  leave(5);
  door.read_empty();
  EXPECT_EQ(door.unread(), 0u);
}

TEST_F(DoorTest, ShutsAboveItsBoundAndIsCountedOnce) {
  come(10);
  leave(few);
  door.mind();
  EXPECT_EQ(door.times_shut(), 0u);
  leave(1);
  door.mind();
  leave(1);
  door.mind();
  EXPECT_EQ(door.times_shut(), 1u);
  door.read_empty();
  door.mind();
  leave(few + 1);
  door.mind();
  EXPECT_EQ(door.times_shut(), 2u) << "it was open in between";
}

TEST_F(DoorTest, ConnectionsAtTheirEndCountToo) {
  come(10);
  leave(1);
  door.mind(few - 1);
  EXPECT_EQ(door.times_shut(), 0u);
  door.mind(few);
  EXPECT_EQ(door.times_shut(), 1u);
  door.mind();
  door.mind(0);
  door.mind(few);
  EXPECT_EQ(door.times_shut(), 2u);
}

}  // namespace
}  // namespace takt::transport
