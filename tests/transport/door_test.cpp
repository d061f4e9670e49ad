#include "broker/transport/door.h"

#include <gtest/gtest.h>

namespace takt::transport {
namespace {

constexpr std::size_t few = 8;

class DoorTest : public testing::Test {
 protected:
  void come(int connections) {
    for (int i = 0; i < connections; ++i) door.accepted();
  }
  void leave(std::size_t connections) {
    for (std::size_t i = 0; i < connections; ++i) door.ended();
  }
  bool is_shut() {
    door.mind();
    return door.is_shut();
  }

  Door door{few};
};

TEST_F(DoorTest, WhoIsPassedOverInARoundHasNothingLeft) {
  come(3);
  leave(1);
  door.read(2);
  EXPECT_EQ(door.unread(), 1u);
  door.read(1);
  EXPECT_EQ(door.unread(), 0u);
}

TEST_F(DoorTest, WhoIsHeardMayHaveMore) {
  come(3);
  leave(1);
  door.read(1);
  door.heard_of_ended();
  door.read(2);
  EXPECT_EQ(door.unread(), 1u);
  door.read(2);
  EXPECT_EQ(door.unread(), 0u);
}

TEST_F(DoorTest, WhoEndedIsInTheRoundOfTheNext) {
  come(2);
  leave(2);
  door.read(1);
  EXPECT_EQ(door.unread(), 2u);
  door.read(1);
  EXPECT_EQ(door.unread(), 0u);
}

TEST_F(DoorTest, WhoComesLaterIsReadInBetween) {
  come(1);
  leave(1);
  come(1);
  door.read(1);
  EXPECT_EQ(door.unread(), 1u);
  door.read(1);
  EXPECT_EQ(door.unread(), 0u);
}

TEST_F(DoorTest, WhatWasReadBeforeTheEndDoesNotCount) {
  come(2);
  door.read(100);
  leave(1);
  door.read(1);
  EXPECT_EQ(door.unread(), 1u);
}

TEST_F(DoorTest, NothingIsUnreadInAnEmptySocket) {
  come(5);
  leave(5);
  door.read_empty();
  EXPECT_EQ(door.unread(), 0u);
}

TEST_F(DoorTest, ShutsAboveItsBoundAndOpensWellBelowIt) {
  come(10);
  leave(few);
  EXPECT_FALSE(is_shut());
  leave(1);
  EXPECT_TRUE(is_shut());
  door.read_empty();
  leave(few * 3 / 4 + 1);
  EXPECT_TRUE(is_shut());
  door.read_empty();
  leave(few * 3 / 4);
  EXPECT_FALSE(is_shut());
  EXPECT_EQ(door.times_shut(), 1u);
}

TEST_F(DoorTest, ConnectionsAtTheirEndCountToo) {
  come(10);
  leave(1);
  door.ending(few - 1);
  EXPECT_FALSE(is_shut());
  door.ending(few);
  EXPECT_TRUE(is_shut());
  door.ending(0);
  EXPECT_FALSE(is_shut());
}

}  // namespace
}  // namespace takt::transport
