#include "scheduler/deadline_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace takt {
namespace {

using Queue = DeadlineQueue<std::string, int>;

std::vector<std::string> pop_all(Queue& queue, int now) {
  std::vector<std::string> keys;
  while (auto key = queue.pop_due(now)) keys.push_back(*std::move(key));
  return keys;
}

TEST(DeadlineQueue, IsEmptyAtFirst) {
  Queue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.next(), std::nullopt);
  EXPECT_EQ(queue.pop_due(1'000'000), std::nullopt);
}

TEST(DeadlineQueue, NamesTheEarliestDeadline) {
  Queue queue;
  queue.set("late", 30);
  queue.set("soon", 10);
  queue.set("later", 20);
  EXPECT_EQ(queue.next(), 10);
  EXPECT_EQ(queue.size(), 3u);
}

TEST(DeadlineQueue, GivesNothingBeforeItsTimeAndEverythingAtIt) {
  Queue queue;
  queue.set("a", 10);
  EXPECT_EQ(queue.pop_due(9), std::nullopt);
  EXPECT_EQ(queue.pop_due(10), "a");
  EXPECT_TRUE(queue.empty());
}

TEST(DeadlineQueue, PopsByTimeAndThenInTheOrderOfSetting) {
  Queue queue;
  queue.set("z", 10);
  queue.set("m", 5);
  queue.set("a", 10);
  queue.set("k", 10);
  queue.set("not due", 11);
  EXPECT_THAT(pop_all(queue, 10), testing::ElementsAre("m", "z", "a", "k"));
  EXPECT_EQ(queue.next(), 11);
}

TEST(DeadlineQueue, MovesADeadlineForwardsAndBackwards) {
  Queue queue;
  queue.set("a", 10);
  queue.set("b", 20);
  queue.set("a", 30);
  EXPECT_EQ(queue.next(), 20);
  queue.set("a", 5);
  EXPECT_EQ(queue.next(), 5);
  EXPECT_EQ(queue.deadline("a"), 5);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_THAT(pop_all(queue, 100), testing::ElementsAre("a", "b"));
}

TEST(DeadlineQueue, PutsAKeySetAnewLastAmongItsEquals) {
  Queue queue;
  queue.set("a", 10);
  queue.set("b", 10);
  queue.set("a", 10);
  EXPECT_THAT(pop_all(queue, 10), testing::ElementsAre("b", "a"));
}

TEST(DeadlineQueue, CancelsOnceAndOnlyWhatIsSet) {
  Queue queue;
  queue.set("a", 10);
  queue.set("b", 20);
  EXPECT_TRUE(queue.cancel("a"));
  EXPECT_FALSE(queue.cancel("a"));
  EXPECT_FALSE(queue.contains("a"));
  EXPECT_EQ(queue.next(), 20);
  EXPECT_EQ(queue.deadline("a"), std::nullopt);
}

TEST(DeadlineQueue, LetsTheHandlerOfOneKeyCancelAndSetOthers) {
  Queue queue;
  queue.set("first", 1);
  queue.set("second", 2);
  ASSERT_EQ(queue.pop_due(5), "first");
  EXPECT_TRUE(queue.cancel("second"));
  queue.set("first", 6);
  EXPECT_EQ(queue.pop_due(5), std::nullopt);
  EXPECT_EQ(queue.next(), 6);
}

TEST(DeadlineQueue, KeepsItsContentWhenMoved) {
  Queue source;
  source.set("a", 10);
  source.set("b", 5);
  Queue target = std::move(source);
  target.set("a", 1);
  EXPECT_THAT(pop_all(target, 10), testing::ElementsAre("a", "b"));
  source = Queue();
  EXPECT_TRUE(source.empty());
  source.set("c", 1);
  EXPECT_EQ(source.next(), 1);
}

TEST(DeadlineQueue, ForgetsEverythingOnClear) {
  Queue queue;
  queue.set("a", 10);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.cancel("a"));
  EXPECT_EQ(queue.next(), std::nullopt);
}

}  // namespace
}  // namespace takt
