#include "scheduler/id_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace takt::scheduler {
namespace {

TEST(IdSet, HoldsWhatWasAddedAndNotRemoved) {
  IdSet set;
  EXPECT_TRUE(set.add(7));
  EXPECT_FALSE(set.add(7));
  EXPECT_TRUE(set.contains(7));
  EXPECT_FALSE(set.contains(8));
  EXPECT_TRUE(set.remove(7));
  EXPECT_FALSE(set.remove(7));
  EXPECT_FALSE(set.remove(1'000'000));
  EXPECT_EQ(set.size(), 0u);
}

TEST(IdSet, KnowsItsLowest) {
  IdSet set;
  set.add(1'000'003);
  set.add(1'000'001);
  EXPECT_EQ(set.lowest(), 1'000'001u);
  for (std::uint64_t i = 40'001; i < 48'000; i += 2) set.add(i);   // a bitmap
  EXPECT_EQ(set.lowest(), 40'001u);
  set.remove(40'001);
  EXPECT_EQ(set.lowest(), 40'003u);
}

TEST(IdSet, TakesABitForATimerWhereTheyAreDense) {
  IdSet set;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) set.add(i);
  EXPECT_LT(set.bytes(), 1'000'000u / 8 * 13 / 10);
}

TEST(IdSet, RefusesRowsThatItWouldNotWrite) {
  IdSet set;
  EXPECT_FALSE(set.load(0, ""));
  EXPECT_FALSE(set.load(0, std::string("\x02\x00\x01\x00", 4)));       // not sorted
  EXPECT_FALSE(set.load(0, std::string("\x01\x00\x01\x00", 4)));       // twice
  EXPECT_FALSE(set.load(0, std::string("\x00\x20", 2)));               // beyond the container
  EXPECT_FALSE(set.load(0, std::string(1025, '\0')));                  // a bitmap of nothing
  EXPECT_FALSE(set.load(0, std::string(1026, '\1')));
  EXPECT_FALSE(set.load(0, std::string(1024, '\xFF') + "\x01"));       // a bitmap begins with 0
  EXPECT_TRUE(set.load(0, std::string("\x01\x00\x02\x00", 4)));
  EXPECT_FALSE(set.load(0, std::string("\x01\x00\x02\x00", 4)));       // there already
  EXPECT_EQ(set.size(), 2u);
}

TEST(IdSet, AgreesWithASetAndItsRowsMakeItAnew) {
  for (const std::uint64_t span : {100u, 3'000u, 50'000u}) {   // bitmaps, both, lists
    std::mt19937_64 random(span);
    IdSet set;
    std::set<std::uint64_t> model;
    std::map<std::uint64_t, std::string> rows;
    for (int i = 0; i < 20'000; ++i) {
      const std::uint64_t value = random() % span + (random() % 4) * 1'000'000;
      if (random() % 3 != 0)
        EXPECT_EQ(set.add(value), model.insert(value).second);
      else
        EXPECT_EQ(set.remove(value), model.erase(value) == 1);
      if (i % 1000 != 999) continue;
      for (const IdSet::Row& row : set.take_changes()) {
        if (row.value)
          rows[row.index] = *row.value;
        else
          rows.erase(row.index);
      }
      IdSet loaded;
      for (const auto& [index, value_of_row] : rows) ASSERT_TRUE(loaded.load(index, value_of_row));
      ASSERT_EQ(loaded.size(), model.size());
      for (const std::uint64_t held : model) ASSERT_TRUE(loaded.contains(held));
    }
    EXPECT_EQ(set.size(), model.size());
  }
}

}  // namespace
}  // namespace takt::scheduler
