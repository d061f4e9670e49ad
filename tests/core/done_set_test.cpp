#include "broker/core/done_set.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace takt::core {
namespace {

using Stored = std::map<std::uint64_t, std::string>;

void store(Stored& rows, DoneSet& set) {
  for (auto& row : set.take_changes()) {
    if (row.value)
      rows[row.index] = *row.value;
    else
      rows.erase(row.index);
  }
}

DoneSet reload(const Stored& rows, Offset floor) {
  DoneSet set(floor);
  for (const auto& [index, value] : rows) EXPECT_TRUE(set.load(index, value).has_value()) << "container " << index;
  return set;
}

TEST(DoneSet, MovesItsFloorOverWhatIsDoneInOrder) {
  DoneSet set;
  EXPECT_EQ(set.add(Offset(0), 5), 5u);
  EXPECT_EQ(set.floor(), Offset(5));
  EXPECT_EQ(set.add(Offset(6), 2), 2u);
  EXPECT_EQ(set.floor(), Offset(5));
  EXPECT_EQ(set.add(Offset(5), 1), 1u);
  EXPECT_EQ(set.floor(), Offset(8));
  EXPECT_EQ(set.count_above_floor(), 0u);
}

TEST(DoneSet, CountsWhatIsThereAlreadyAsNothingNew) {
  DoneSet set;
  set.add(Offset(10), 10);
  EXPECT_EQ(set.add(Offset(8), 14), 4u);
  EXPECT_EQ(set.add(Offset(8), 14), 0u);
}

TEST(DoneSet, KeepsOneRowForAHundredMillionDoneOffsetsAboveOneHole) {
  DoneSet set;
  Stored rows;
  constexpr std::uint64_t n = 100'000'000;
  for (std::uint64_t at = 1; at < n; at += 1'000'000) set.add(Offset(at), std::min<std::uint64_t>(1'000'000, n - at));
  store(rows, set);
  EXPECT_EQ(set.floor(), Offset(0));
  EXPECT_LE(rows.size(), 3u) << "the hole's container, the range of full ones, the last one";
  DoneSet back = reload(rows, set.floor());
  EXPECT_EQ(back.count_above_floor(), n - 1);
  set.add(Offset(0), 1);
  EXPECT_EQ(set.floor(), Offset(n));
  store(rows, set);
  EXPECT_TRUE(rows.empty());
}

TEST(DoneSet, RefusesMalformedRows) {
  for (const std::string& bad : {std::string(), std::string("\x07"), std::string("\x00\x01", 2), std::string("\x01\x05", 2),
                                 std::string("\x02\x00", 2), std::string("\x01\x00\x00", 3)}) {
    DoneSet set;
    EXPECT_FALSE(set.load(0, bad).has_value());
  }
}

/// Against a plain set, with reloads from its own rows on the way.
TEST(DoneSet, AgreesWithAPlainSetForRandomOrders) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const std::uint64_t span = seed % 3 == 0 ? 200'000 : 3'000;
    const std::uint64_t longest = seed % 2 == 0 ? 40'000 : 50;
    DoneSet set;
    std::vector<bool> model(span + longest + 1, false);
    Stored rows;
    std::uint64_t floor = 0;
    for (int step = 0; step < 400; ++step) {
      const std::uint64_t first = random() % span;
      const std::uint64_t count = 1 + random() % longest;
      std::uint64_t fresh = 0;
      for (std::uint64_t o = first; o < first + count; ++o) {
        fresh += model[o] ? 0 : 1;
        model[o] = true;
      }
      ASSERT_EQ(set.add(Offset(first), count), fresh) << "step " << step;
      while (model[floor]) ++floor;
      ASSERT_EQ(set.floor(), Offset(floor)) << "step " << step;
      for (int probe = 0; probe < 5; ++probe) {
        const std::uint64_t o = random() % span;
        ASSERT_EQ(set.contains(Offset(o)), model[o]);
        std::uint64_t open = o;
        while (model[open]) ++open;
        ASSERT_EQ(set.next_open(Offset(o)), Offset(open));
        std::uint64_t run = 0;
        while (run < 100 && o + run < model.size() && !model[o + run]) ++run;
        if (o + 100 < model.size()) {
          ASSERT_EQ(set.open_run(Offset(o), 100), run);
        }
      }
      if (step % 50 == 49) {
        store(rows, set);
        set = reload(rows, set.floor());
      }
    }
  }
}

}  // namespace
}  // namespace takt::core
