// The log with a write-ahead file in front of it: which way an append takes, and what is read while it is drained.

#include "broker/store/wal_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/conformance/commits.h"
#include "tests/store/faulty_disk.h"
#include "tests/store/kills.h"
#include "tests/support/temp_folder.h"

namespace takt::store {
namespace {

using testing::arm;
using testing::DiskFault;
using testing::make_commit;
using testing::same_commit;
using testing::test_uuid;
using Kind = StoreFailure::Kind;

constexpr std::size_t large_bytes = 200'000;   // more than goes ahead

class WalLogTest : public ::testing::Test {
 protected:
  ~WalLogTest() override { testing::disarm(); }

  std::unique_ptr<Log> opened() {
    auto result = WalLog::open({.log = {.file = folder.path() / "log.mdb",
                                        .partition = test_uuid(),
                                        .map_bytes = map_bytes,
                                        .make_room = [this] { return make_room && make_room(); }},
                                .drain_bytes = drain_bytes,
                                .wal_blocks = wal_blocks});
    EXPECT_TRUE(result.has_value()) << result.error().message;
    return result ? std::move(*result) : nullptr;
  }
  void open() {
    log.reset();
    log = opened();
    ASSERT_NE(log, nullptr);
  }
  Result<void, StoreFailure> append(std::size_t bytes) {
    const auto commit = make_commit(log->bounds().end, 1, bytes);
    return log->append(std::span(&commit, 1));
  }
  /// How often the disk was waited for meanwhile.
  std::size_t syncs_of(const std::function<void()>& what) {
    const std::size_t before = testing::sync_calls() + testing::meta_writes();
    what();
    return testing::sync_calls() + testing::meta_writes() - before;
  }
  /// Positions are as many as commits; what a commit holds depends on its position and size.
  void expect_holds(std::vector<std::size_t> sizes) {
    EXPECT_EQ(log->bounds().end, Position(sizes.size()));
    const auto commits = log->read(Position(0), ~std::size_t{0});
    ASSERT_TRUE(commits.has_value());
    ASSERT_EQ(commits->size(), sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i)
      EXPECT_TRUE(same_commit((*commits)[i], make_commit(Position(i), 1, sizes[i]))) << "commit " << i;
  }

  testing::TempFolder folder;
  std::size_t drain_bytes = 1u << 20;
  std::uint32_t wal_blocks = 1024;
  std::size_t map_bytes = std::size_t{1} << 30;
  std::function<bool()> make_room;
  std::unique_ptr<Log> log;
};

TEST_F(WalLogTest, ASmallAppendCostsOneSyncALargeOneTwo) {
  open();
  EXPECT_EQ(syncs_of([&] { ASSERT_TRUE(append(100)); }), 1u);
  EXPECT_EQ(syncs_of([&] { ASSERT_TRUE(append(large_bytes)); }), 2u);
  EXPECT_EQ(syncs_of([&] { ASSERT_TRUE(append(100)); }), 1u);
  expect_holds({100, large_bytes, 100});
  open();
  expect_holds({100, large_bytes, 100});
}

TEST_F(WalLogTest, ADrainMovesAllAtOnce) {
  drain_bytes = 5 * Wal::block_bytes;
  open();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(append(100));
  EXPECT_FALSE(log->is_drain_due());
  ASSERT_TRUE(append(100));
  EXPECT_TRUE(log->is_drain_due());
  EXPECT_EQ(syncs_of([&] { log->drain(); }), 2u);
  EXPECT_FALSE(log->is_drain_due());
  EXPECT_EQ(syncs_of([&] { log->drain(); }), 0u);
  expect_holds({100, 100, 100, 100, 100});
}

TEST_F(WalLogTest, AFullWriteAheadFileIsGoneRound) {
  open();
  std::vector<std::size_t> sizes(1'030, 50'000);   // of 13 blocks each, many times its size, never drained
  for (const std::size_t size : sizes) ASSERT_TRUE(append(size));
  EXPECT_EQ(log->bounds().end, Position(sizes.size()));
  open();
  expect_holds(sizes);
}

TEST_F(WalLogTest, WhatWaitsIsReadTogetherWithWhatDoesNot) {
  open();
  ASSERT_TRUE(append(large_bytes));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(1'000));
  EXPECT_EQ(log->read(Position(0), 0)->size(), 1u);
  EXPECT_EQ(log->read(Position(0), large_bytes + 500)->size(), 2u);
  EXPECT_EQ(log->read(Position(0), ~std::size_t{0})->size(), 4u);
  EXPECT_EQ(log->read(Position(2), ~std::size_t{0})->front().first, Position(2));
  EXPECT_TRUE(log->read(Position(4), 1)->empty());
}

TEST_F(WalLogTest, AScanEndsWhereTheLogDoesAndGoesOnWithWhatWaits) {
  open();
  ASSERT_TRUE(append(large_bytes));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(1'000));
  const auto shown = [&](std::uint64_t from) {
    std::vector<std::uint64_t> firsts;
    EXPECT_TRUE(log->scan(Position(from), ~std::size_t{0}, [&](const core::CommitView& commit, std::size_t) {
      firsts.push_back(commit.header.first.value);
      return true;
    }));
    return firsts;
  };
  EXPECT_THAT(shown(0), ::testing::ElementsAre(0));
  EXPECT_THAT(shown(1), ::testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(shown(4), ::testing::IsEmpty());
}

TEST_F(WalLogTest, WhatIsFreedIsDrainedBefore) {
  open();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(append(1'000));
  ASSERT_TRUE(log->free_before(Position(3)).has_value());
  EXPECT_EQ(log->bounds().first, Position(3));
  EXPECT_EQ(log->read(Position(0), ~std::size_t{0})->size(), 2u);
  open();
  EXPECT_EQ(log->bounds().first, Position(3));
  EXPECT_EQ(log->bounds().end, Position(5));
}

TEST_F(WalLogTest, WhatWasReportedAppendedIsThereAfterAKill) {
  drain_bytes = 30 * Wal::block_bytes;
  wal_blocks = 64;
  testing::expect_kept_over_kills([this] { return opened(); });
}

TEST_F(WalLogTest, WhatWasReportedAppendedIsThereAfterAKillThoughNobodyDrains) {
  wal_blocks = 64;
  testing::expect_kept_over_kills([this] { return opened(); });
}

TEST_F(WalLogTest, ADrainWithoutRoomIsTriedAgainWhenMuchMoreWaits) {
  drain_bytes = 3 * Wal::block_bytes;
  open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(1'000));
  arm(DiskFault::kWriteFails, ENOSPC);
  log->drain();
  EXPECT_FALSE(log->is_drain_due());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(1'000));
  EXPECT_TRUE(log->is_drain_due());
  EXPECT_EQ(syncs_of([&] { log->drain(); }), 2u);
  expect_holds({1'000, 1'000, 1'000, 1'000, 1'000, 1'000});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(1'000));
  EXPECT_TRUE(log->is_drain_due());
}

/// Acks of what a full log holds go on, until the write-ahead file is full too; then something says so.
TEST_F(WalLogTest, AFullLogTakesSmallAppendsAsLongAsTheWriteAheadFileDoes) {
  map_bytes = 1u << 20;
  wal_blocks = 64;
  open();
  std::vector<std::size_t> sizes;
  for (; append(large_bytes); sizes.push_back(large_bytes)) ASSERT_LT(sizes.size(), 10u);
  open();
  std::size_t ahead = 0;
  auto appended = append(10'000);
  for (; appended; appended = append(10'000), ++ahead) {
    sizes.push_back(10'000);
    log->drain();
    ASSERT_LT(ahead, 200u);
  }
  EXPECT_EQ(appended.error().kind, Kind::kFull);
  EXPECT_GE(ahead, 15u);
  open();
  expect_holds(sizes);
  ASSERT_TRUE(log->free_before(Position(sizes.size() - ahead)).has_value());
  EXPECT_TRUE(append(10'000));
}

TEST_F(WalLogTest, ADrainAsksForRoom) {
  int asked = 0;
  make_room = [&] { return ++asked == 1; };
  open();
  ASSERT_TRUE(append(1'000));
  arm(DiskFault::kWriteFails, ENOSPC);
  log->drain();
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(append(1'000));
}

TEST_F(WalLogTest, AFullLogIsFreedThoughWhatWaitsFindsNoRoomInIt) {
  map_bytes = 1u << 20;
  open();
  std::uint64_t end = 0;
  for (; append(large_bytes); ++end) ASSERT_LT(end, 10u);
  open();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(append(20'000));
  EXPECT_TRUE(log->free_before(log->bounds().end).has_value());
  EXPECT_EQ(log->bounds().first, Position(end + 20));
  EXPECT_TRUE(append(large_bytes));
}

TEST_F(WalLogTest, AWriteAheadFileWithoutRoomIsGonePast) {
  open();
  ASSERT_TRUE(append(1'000));
  arm(DiskFault::kAheadWritesFail, ENOSPC);   // on a file system that wants new room for what is written over
  ASSERT_TRUE(append(2'000));
  ASSERT_TRUE(append(3'000));
  testing::disarm();
  expect_holds({1'000, 2'000, 3'000});
  open();
  expect_holds({1'000, 2'000, 3'000});
  ASSERT_TRUE(append(4'000));
  open();
  expect_holds({1'000, 2'000, 3'000, 4'000});
}

TEST_F(WalLogTest, AnAppendThatFoundNoRoomAnywhereLeavesNothing) {
  open();
  ASSERT_TRUE(append(1'000));
  arm(DiskFault::kAheadWritesFail, ENOSPC);
  const auto commit = make_commit(Position(1), 1, 2'000);
  testing::arm_too(DiskFault::kWriteFails, ENOSPC);
  const auto refused = log->append({&commit, 1});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, Kind::kFull);
  testing::disarm();
  open();
  expect_holds({1'000});
  ASSERT_TRUE(append(3'000));
  open();
  expect_holds({1'000, 3'000});
}

TEST_F(WalLogTest, WhatIsCutOffStaysCutOff) {
  open();
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(append(1'000));
  ASSERT_TRUE(log->truncate_after(Position(2)).has_value());
  open();
  expect_holds({1'000, 1'000});
  ASSERT_TRUE(append(500));
  open();
  expect_holds({1'000, 1'000, 500});
}

TEST_F(WalLogTest, IsReadWhileItIsAppendedToDrainedAndFreed) {
  drain_bytes = 8 * Wal::block_bytes;
  open();
  constexpr std::uint64_t count = 1'500;
  std::vector<std::jthread> threads;
  threads.emplace_back([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (log->is_drain_due()) log->drain();
      const Position end = log->bounds().end;
      const bool is_freed = end.value <= 300 || log->free_before(Position(end.value - 300)).has_value();
      EXPECT_TRUE(is_freed);
    }
  });
  for (int reader = 0; reader < 2; ++reader)
    threads.emplace_back([&](const std::stop_token& stop) {
      Position next;
      while (next < Position(count) && !stop.stop_requested()) {
        const LogBounds bounds = log->bounds();
        const auto commits = log->read(next, 40'000);
        ASSERT_TRUE(commits.has_value());
        ASSERT_TRUE(!commits->empty() || next >= bounds.end);
        for (const core::Commit& commit : *commits) {
          // Within one read nothing is missing; between two, what was freed.
          const bool is_first = &commit == &commits->front();
          ASSERT_TRUE(is_first ? commit.end >= next : commit.first == next);
          ASSERT_TRUE(same_commit(commit, make_commit(commit.first, 1, commit.first.value % 40 == 0 ? large_bytes : 500)));
          next = commit.end;
        }
      }
    });
  threads.emplace_back([&](const std::stop_token& stop) {
    for (Position next; next < Position(count) && !stop.stop_requested();) {
      const LogBounds bounds = log->bounds();
      bool is_first = true;
      const auto scanned = log->scan(next, 40'000, [&](const core::CommitView& commit, std::size_t) {
        EXPECT_TRUE(std::exchange(is_first, false) ? commit.end() >= next : commit.header.first == next);
        next = commit.end();
        return true;
      });
      ASSERT_TRUE(scanned.has_value());
      ASSERT_TRUE(!is_first || next >= bounds.end);
    }
  });
  for (std::uint64_t i = 0; i < count; ++i) ASSERT_TRUE(append(i % 40 == 0 ? large_bytes : 500));
  for (std::size_t reader = 1; reader < threads.size(); ++reader) threads[reader].join();
  threads.clear();
  EXPECT_EQ(log->bounds().end, Position(count));
}

}  // namespace
}  // namespace takt::store
