#include "broker/runtime/inbox.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <variant>

namespace takt::runtime {
namespace {

using Lists = std::vector<int>;

TEST(Inbox, KeepsOrderWithinEachPriority) {
  Inbox<int> inbox(10);
  Lists prior{1}, later{10, 11};
  ASSERT_TRUE(inbox.offer(prior, later));
  prior = {2};
  later = {12};
  ASSERT_TRUE(inbox.offer(prior, later));
  inbox.put(3);
  const auto mail = inbox.take_all(std::nullopt);
  EXPECT_EQ(mail.prior, (Lists{1, 2, 3}));
  EXPECT_EQ(mail.later, (Lists{10, 11, 12}));
  EXPECT_TRUE(prior.empty() && later.empty());
}

TEST(Inbox, RefusesAboveItsBoundAndTellsWhenThereIsRoom) {
  int told = 0;
  Inbox<int> inbox(3, [&] { ++told; });
  Lists prior{1, 2}, later;
  ASSERT_TRUE(inbox.offer(prior, later));
  prior = {3, 4};
  EXPECT_FALSE(inbox.offer(prior, later));
  EXPECT_EQ(prior, (Lists{3, 4}));   // untouched
  EXPECT_EQ(told, 0);
  inbox.take_all(std::nullopt);
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(inbox.offer(prior, later));
  inbox.take_all(std::nullopt);
  EXPECT_EQ(told, 1);   // nobody was refused since
}

TEST(Inbox, ConvertsWhatItTakesAndLeavesWhatItRefuses) {
  Inbox<std::variant<int, std::string>, int> inbox(1);
  std::vector<std::string> prior{"a"};
  Lists later{1};
  ASSERT_TRUE(inbox.offer(prior, later));
  prior = {"b"};
  later = {2};
  EXPECT_FALSE(inbox.offer(prior, later));
  EXPECT_EQ(prior.size() + later.size(), 2u);
  EXPECT_EQ(std::get<std::string>(inbox.take_all(std::nullopt).prior.at(0)), "a");
}

TEST(Inbox, TakesABatchAboveTheBoundWhenItIsEmpty) {
  Inbox<int> inbox(1);
  Lists prior{1, 2, 3}, later;
  EXPECT_TRUE(inbox.offer(prior, later));
}

TEST(Inbox, CountsWhatTheTakerStillHasAndTellsWhenThereIsRoomForTheWhole) {
  int told = 0;
  Inbox<int> inbox(10, [&] { ++told; });
  inbox.take_all(monotonic_now(), 8);
  Lists prior{1, 2, 3}, later;
  EXPECT_FALSE(inbox.offer(prior, later));
  inbox.take_all(monotonic_now(), 8);
  EXPECT_EQ(told, 0) << "it would be refused again, and again";
  inbox.take_all(std::nullopt, 7);   // without mail and deadline: it does not wait while somebody waits for room
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(inbox.offer(prior, later));
}

TEST(Inbox, AnswersAreNeverRefused) {
  Inbox<int> inbox(1);
  for (int i = 0; i < 5; ++i) inbox.put(i);
  EXPECT_EQ(inbox.take_all(std::nullopt).prior.size(), 5u);
}

TEST(Inbox, ReturnsEmptyHandedWhenTheDeadlineHasPassed) {
  Inbox<int> inbox(1);
  EXPECT_TRUE(inbox.take_all(monotonic_now()).empty());
}

TEST(Inbox, WakesTheTakerFromAnotherThread) {
  Inbox<int> inbox(10);
  std::jthread sender([&] { inbox.put(7); });
  EXPECT_EQ(inbox.take_all(std::nullopt).prior, (Lists{7}));
}

TEST(Inbox, GivesOutWhatIsLeftAfterClose) {
  Inbox<int> inbox(10);
  inbox.put(1);
  inbox.close();
  inbox.put(2);
  const auto mail = inbox.take_all(std::nullopt);
  EXPECT_TRUE(mail.is_closed);
  EXPECT_EQ(mail.prior, (Lists{1}));
  EXPECT_TRUE(inbox.take_all(std::nullopt).is_closed);
}

TEST(Inbox, LosesNothingBetweenManySendersAndOneTaker) {
  Inbox<int> inbox(64);
  constexpr int senders = 4;
  constexpr int each = 5000;
  std::vector<std::jthread> threads;
  for (int s = 0; s < senders; ++s) {
    threads.emplace_back([&inbox, s] {
      for (int i = 0; i < each; ++i) inbox.put(s * each + i);
    });
  }
  std::vector<int> next(senders, 0);
  for (int seen = 0; seen < senders * each;) {
    for (const int item : inbox.take_all(std::nullopt).prior) {
      EXPECT_EQ(item % each, next[static_cast<std::size_t>(item / each)]++);
      ++seen;
    }
  }
}

}  // namespace
}  // namespace takt::runtime
