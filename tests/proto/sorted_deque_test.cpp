#include "proto/sorted_deque.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace takt {
namespace {

struct Entry {
  int key = 0;
  int note = 0;
  friend bool operator<(const Entry& a, const Entry& b) { return a.key < b.key; }
  friend bool operator<(const Entry& a, int b) { return a.key < b; }
  friend bool operator<(int a, const Entry& b) { return a < b.key; }
};

TEST(SortedDeque, IsFoundAndErasedByItsKey) {
  SortedDeque<Entry> entries;
  entries.insert({3, 30});
  entries.insert({1, 10});
  entries.insert({2, 20});
  EXPECT_EQ(entries.insert({2, 99}).note, 20) << "the one that was there stays";
  EXPECT_EQ(entries.front().key, 1);
  ASSERT_NE(entries.find(2), entries.end());
  entries.find(2)->note = 21;
  EXPECT_EQ(entries.find(2)->note, 21);
  EXPECT_EQ(entries.find(4), entries.end());
  entries.erase(2);
  entries.erase(7);
  EXPECT_EQ(entries.find(2), entries.end());
  EXPECT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries.erase(entries.begin())->key, 3);
  entries.clear();
  EXPECT_TRUE(entries.empty());
  EXPECT_EQ(entries.find(3), entries.end());
}

TEST(SortedDeque, HoldsWhatASetHolds) {
  std::mt19937 random(7);   // NOLINT: the same sequence on every run
  SortedDeque<int> values;
  std::set<int> model;
  for (int step = 0; step < 20'000; ++step) {
    // Mostly at the back and from the front, as it is used, and anywhere now and then.
    const int anywhere = static_cast<int>(random() % 200);
    const int value = random() % 4 == 0 || model.empty() ? anywhere : *model.rbegin() + 1;
    if (random() % 2 == 0 && model.size() < 100) {
      EXPECT_EQ(values.insert(value), value);
      model.insert(value);
    } else {
      const int gone = random() % 4 == 0 || model.empty() ? anywhere : *model.begin();
      values.erase(gone);
      model.erase(gone);
    }
    ASSERT_EQ(values.size(), model.size());
    ASSERT_TRUE(std::equal(values.begin(), values.end(), model.begin(), model.end())) << "after step " << step;
    ASSERT_EQ(values.find(anywhere) != values.end(), model.contains(anywhere));
  }
}

}  // namespace
}  // namespace takt
