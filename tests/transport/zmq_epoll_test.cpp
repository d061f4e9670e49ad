#include "broker/transport/zmq_epoll.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

namespace takt::transport {
namespace {

using namespace std::chrono_literals;

TEST(LookWatch, IsOverdueWhenLibzmqWorksAndDoesNotLook) {
  LookWatch watch;
  const Time begin{1h};
  EXPECT_FALSE(watch.is_overdue({1, true}, begin));
  EXPECT_FALSE(watch.is_overdue({1, true}, begin + 5ms));
  EXPECT_TRUE(watch.is_overdue({1, true}, begin + 6ms));
  EXPECT_TRUE(watch.is_overdue({1, true}, begin + 7ms));
  EXPECT_FALSE(watch.is_overdue({2, true}, begin + 8ms)) << "it has looked, and found more";
  EXPECT_FALSE(watch.is_overdue({2, true}, begin + 9ms));
}

TEST(LookWatch, IsNotOverdueWhileLibzmqHasNothingToDo) {
  LookWatch watch;
  const Time begin{1h};
  EXPECT_FALSE(watch.is_overdue({1, false}, begin));
  EXPECT_FALSE(watch.is_overdue({1, false}, begin + 1h));
  EXPECT_FALSE(watch.is_overdue({2, true}, begin + 2h)) << "its work has only begun";
}

class Looking : public testing::Test {
 protected:
  Looking() {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = mark;
    epoll_ctl(set, EPOLL_CTL_ADD, ready, &event);
  }
  ~Looking() override {
    close(set);
    close(ready);
  }
  int ask() const {
    epoll_event found{};
    return epoll_wait(set, &found, 1, 0);
  }

  static constexpr std::uint64_t mark = 0x1234'5678'9ABC'DEF0;
  const int set = epoll_create1(EPOLL_CLOEXEC);
  const int ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
};

TEST_F(Looking, AThreadIsAtWorkFromBeingToldSomethingUntilItAsksAgain) {
  const std::uint64_t before = libzmq_looks().count;
  ASSERT_EQ(ask(), 0);
  EXPECT_EQ(libzmq_looks().count, before);
  EXPECT_FALSE(libzmq_looks().is_at_work);
  const std::uint64_t one = 1;
  ASSERT_EQ(write(ready, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  ASSERT_EQ(ask(), 1);
  EXPECT_EQ(libzmq_looks().count, before + 1);
  EXPECT_TRUE(libzmq_looks().is_at_work);
  std::uint64_t taken = 0;
  ASSERT_EQ(read(ready, &taken, sizeof taken), static_cast<ssize_t>(sizeof taken));
  ASSERT_EQ(ask(), 0);
  EXPECT_FALSE(libzmq_looks().is_at_work);
}

TEST_F(Looking, AThreadThatEndsAtWorkIsForgotten) {
  const std::uint64_t one = 1;
  ASSERT_EQ(write(ready, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  std::thread([&] { ask(); }).join();
  EXPECT_FALSE(libzmq_looks().is_at_work);
}

/// As libzmq does with a listening descriptor: added once, then only asked about.
TEST_F(Looking, HeldNewcomersAreToldWhenTheyAreHeldNoLonger) {
  const std::uint64_t one = 1;
  ASSERT_EQ(write(ready, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  hold_newcomers(ready, true);
  EXPECT_EQ(ask(), 0);
  hold_newcomers(ready, true);
  EXPECT_EQ(ask(), 0);
  hold_newcomers(ready, false);
  epoll_event found{};
  ASSERT_EQ(epoll_wait(set, &found, 1, 0), 1);
  EXPECT_EQ(found.data.u64, mark);
  EXPECT_EQ(found.events, EPOLLIN);
}

TEST_F(Looking, WhatIsNotWaitedForIsNotHeld) {
  const int other = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  hold_newcomers(other, true);
  hold_newcomers(-1, true);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(set, EPOLL_CTL_ADD, other, &event);
  EXPECT_EQ(ask(), 1);
  close(other);
}

}  // namespace
}  // namespace takt::transport
