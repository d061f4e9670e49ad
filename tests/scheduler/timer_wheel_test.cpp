#include "scheduler/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace takt::scheduler {
namespace {

using namespace std::chrono_literals;

constexpr Instant noon{Millis(1'700'049'600'000)};

class Wheel : public ::testing::Test {
 protected:
  void make(const TimerWheel::Settings& settings) { wheel.emplace(settings); }
  void arm(Millis delay, std::uint64_t id, std::uint64_t tag = 0) { wheel->arm({{noon + delay, TimerId(id)}, tag}); }
  /// A checkpoint; gives the chunks that it wrote.
  std::size_t checkpoint() {
    const TimerWheel::Changes changes = wheel->freeze();
    for (const auto& range : changes.erased)
      stored.erase(stored.lower_bound({range.bucket, range.from}), stored.lower_bound({range.bucket, range.until}));
    for (const auto& chunk : changes.chunks) stored[{chunk.bucket, chunk.sequence}] = chunk.value;
    wheel->written();
    return changes.chunks.size();
  }
  std::vector<std::string> read(const TimerWheel::ChunkRange& range) const {
    std::vector<std::string> chunks;
    for (std::uint64_t i = range.from; i < range.until; ++i) chunks.push_back(stored.at({range.bucket, i}));
    return chunks;
  }
  /// Gives the loads that it took.
  std::size_t load_all() {
    std::size_t loads = 0;
    for (; const auto range = wheel->next_load(); ++loads) {
      EXPECT_TRUE(wheel->loaded(*range, read(*range)));
      if (wheel->wants_freeze()) checkpoint();
    }
    return loads;
  }
  /// What fires when it is `delay` past noon.
  std::vector<std::uint64_t> fire(Millis delay, std::size_t max = 1'000'000) {
    wheel->turn_to(noon + delay);
    const TimerWheel::Due due = wheel->take_due(noon + delay, max);
    wheel->fire(due.timers, due.up_to);
    std::vector<std::uint64_t> ids;
    for (const Timer& timer : due.timers) ids.push_back(static_cast<std::uint64_t>(timer.key.id));
    return ids;
  }

  std::optional<TimerWheel> wheel{std::in_place, TimerWheel::Settings{}};
  std::map<std::pair<BucketId, std::uint64_t>, std::string> stored;
};
using Ids = std::vector<std::uint64_t>;

TEST_F(Wheel, FiresByDueThenById) {
  arm(20ms, 1);
  arm(10ms, 2);
  arm(10ms, 3);
  EXPECT_EQ(fire(9ms), Ids{});
  EXPECT_EQ(fire(20ms), (Ids{2, 3, 1}));
  EXPECT_EQ(wheel->armed(), 0u);
}

TEST_F(Wheel, TakesNoMoreThanIsAskedFor) {
  for (std::uint64_t id = 1; id <= 5; ++id) arm(1ms, id);
  EXPECT_EQ(fire(1ms, 2), (Ids{1, 2}));
  EXPECT_EQ(fire(1ms, 9), (Ids{3, 4, 5}));
}

TEST_F(Wheel, WhatIsDisarmedDoesNotFireAndIsNotStored) {
  arm(1h, 1);
  arm(1h, 2);
  EXPECT_TRUE(wheel->disarm({noon + 1h, TimerId(1)}));
  EXPECT_FALSE(wheel->disarm({noon + 1h, TimerId(1)}));
  EXPECT_TRUE(wheel->disarm({noon + 1h, TimerId(2)}));
  EXPECT_EQ(checkpoint(), 0u);
  EXPECT_EQ(fire(2h), Ids{});
}

TEST_F(Wheel, WhatFiresBeforeACheckpointIsNeverStored) {
  for (std::uint64_t id = 1; id <= 100; ++id) arm(1s, id);
  EXPECT_EQ(fire(1s).size(), 100u);
  EXPECT_EQ(checkpoint(), 0u);
}

TEST_F(Wheel, WhatIsFarAwayTakesNoMemoryButABit) {
  wheel->turn_to(noon);
  for (std::uint64_t id = 1; id <= 1'000'000; ++id) {
    arm(std::chrono::days(1 + id % 365), id);
    if (wheel->wants_freeze()) checkpoint();
  }
  checkpoint();
  EXPECT_LT(wheel->bytes(), 5u << 20);
  std::size_t bytes = 0;
  for (const auto& [key, value] : stored) bytes += value.size();
  EXPECT_LT(bytes, 8'000'000u);
}

TEST_F(Wheel, ASmallBucketIsReadAtOnce) {
  wheel->turn_to(noon);
  for (std::uint64_t id = 1; id <= 100; ++id) arm(24h, id);
  checkpoint();
  EXPECT_EQ(fire(24h - 1ms), Ids{});
  EXPECT_EQ(load_all(), 1u);
  EXPECT_EQ(fire(24h).size(), 100u);
}

TEST_F(Wheel, ALargeBucketIsDrainedIntoFinerOnesAndItsChunksGo) {
  make({.load_timers_max = 50, .unwritten_max = 1000, .chunk_bytes_max = 400, .drain_chunks = 2});
  wheel->turn_to(noon);
  for (std::uint64_t id = 1; id <= 500; ++id) arm(24h + std::chrono::seconds(id), id);
  checkpoint();
  const BucketId coarse = stored.begin()->first.first;
  EXPECT_GE(coarse.level, 3);
  wheel->turn_to(noon + 24h);
  EXPECT_GE(load_all(), 3u);
  checkpoint();
  for (const auto& [key, value] : stored) EXPECT_LT(key.first.level, coarse.level);
  Ids fired;
  for (Millis now = 24h; fired.size() < 500 && now < 25h; now += 500ms) {
    wheel->turn_to(noon + now);
    load_all();
    for (const std::uint64_t id : fire(now)) fired.push_back(id);
  }
  EXPECT_EQ(fired.size(), 500u);
  EXPECT_TRUE(std::ranges::is_sorted(fired));
}

TEST_F(Wheel, NothingPassesABucketThatIsNotRead) {
  wheel->turn_to(noon);
  arm(24h, 1);
  checkpoint();
  arm(24h + 1ms, 2);
  EXPECT_EQ(fire(25h), Ids{});
  EXPECT_TRUE(wheel->is_late(noon + 25h));
  EXPECT_EQ(wheel->next(), std::nullopt);   // nothing to do until it is read
  load_all();
  EXPECT_FALSE(wheel->is_late(noon + 25h));
  EXPECT_EQ(fire(25h), (Ids{1, 2}));
}

TEST_F(Wheel, TheFirstDueIsNotBehindABucketThatIsNotRead) {
  EXPECT_EQ(wheel->first_due(), std::nullopt);
  wheel->turn_to(noon);
  arm(24h, 1);
  EXPECT_EQ(wheel->first_due(), noon + 24h);
  checkpoint();
  EXPECT_EQ(wheel->first_due(), std::nullopt) << "its bucket is not open yet";
  arm(25h, 2);
  EXPECT_EQ(fire(24h + 1s), Ids{});
  ASSERT_TRUE(wheel->first_due());
  EXPECT_LE(*wheel->first_due(), noon + 24h);
  load_all();
  EXPECT_EQ(wheel->first_due(), noon + 24h);
  EXPECT_EQ(fire(24h + 1s), Ids{1});
  EXPECT_EQ(wheel->first_due(), noon + 25h);
}

TEST_F(Wheel, ABucketIsNotReadBeforeItsChunksAreWritten) {
  wheel->turn_to(noon);
  arm(24h, 1);
  const TimerWheel::Changes changes = wheel->freeze();
  wheel->turn_to(noon + 24h);
  EXPECT_EQ(wheel->next_load(), std::nullopt);
  wheel->written();
  EXPECT_TRUE(wheel->next_load());
}

TEST_F(Wheel, SaysWhenItHasSomethingToDo) {
  EXPECT_EQ(wheel->next(), std::nullopt);
  wheel->turn_to(noon);
  arm(24h, 1);
  EXPECT_EQ(wheel->next(), noon + 24h);   // in memory
  checkpoint();
  const std::optional<Instant> opening = wheel->next();
  ASSERT_TRUE(opening);
  EXPECT_GT(*opening, noon);
  EXPECT_LT(*opening, noon + 24h);
  wheel->turn_to(*opening);
  load_all();
  EXPECT_EQ(wheel->next(), noon + 24h);
}

TEST_F(Wheel, AnAnswerThatNobodyAwaitsIsPassedOver) {
  wheel->turn_to(noon);
  arm(24h, 1);
  checkpoint();
  wheel->turn_to(noon + 24h);
  const auto range = wheel->next_load();
  ASSERT_TRUE(range);
  const TimerWheel::ChunkRange other{range->bucket, range->from, range->until + 1};
  EXPECT_FALSE(wheel->awaits(other));
  EXPECT_TRUE(wheel->loaded(other, std::vector<std::string>{""}));
  EXPECT_EQ(fire(24h), Ids{});
  EXPECT_TRUE(wheel->loaded(*range, read(*range)));
  EXPECT_FALSE(wheel->awaits(*range));
  EXPECT_TRUE(wheel->loaded(*range, std::vector<std::string>{""}));
  EXPECT_EQ(fire(24h), Ids{1});
}

TEST_F(Wheel, DamagedChunksAreToldAndNothingIsTakenIn) {
  wheel->turn_to(noon);
  arm(24h, 1);
  checkpoint();
  wheel->turn_to(noon + 24h);
  const auto range = wheel->next_load();
  ASSERT_TRUE(range);
  EXPECT_FALSE(wheel->loaded(*range, std::vector<std::string>{""}));
  EXPECT_FALSE(wheel->loaded(*range, std::vector<std::string>{}));
  EXPECT_EQ(fire(24h), Ids{});
  EXPECT_TRUE(wheel->loaded(*range, read(*range)));
  EXPECT_EQ(fire(24h), Ids{1});
}

TEST_F(Wheel, RefusesRowsThatItDoesNotWrite) {
  EXPECT_FALSE(wheel->load_state(""));
  EXPECT_FALSE(wheel->load_state(std::string(80, '\xFF')));
  EXPECT_FALSE(wheel->load_bucket({7, 1}, std::string(24, '\0')));
  EXPECT_FALSE(wheel->load_bucket({1, 1}, std::string(23, '\0')));
  EXPECT_TRUE(wheel->load_bucket({1, 1}, std::string(24, '\0')));
  EXPECT_FALSE(wheel->load_bucket({1, 1}, std::string(24, '\0')));
}

TEST_F(Wheel, HasNoHorizon) {
  wheel->turn_to(noon);
  const Millis far = std::chrono::days(365) * 100'000;
  arm(far, 1);
  checkpoint();
  EXPECT_EQ(fire(far - 1ms), Ids{});
  load_all();
  EXPECT_EQ(fire(far - 1ms), Ids{});
  EXPECT_EQ(fire(far), Ids{1});
}

}  // namespace
}  // namespace takt::scheduler
