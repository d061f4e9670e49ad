// What only the real log can show: kills, full maps, failing disks, reuse of space, damage.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "broker/store/lmdb_log.h"
#include "tests/conformance/commits.h"
#include "tests/store/damage.h"
#include "tests/store/faulty_disk.h"
#include "tests/store/kills.h"
#include "tests/support/temp_folder.h"

namespace takt::store {
namespace {

using testing::arm;
using testing::DiskFault;
using testing::flip_in_file;
using ::testing::HasSubstr;
using testing::make_commit;
using testing::make_fresh;
using testing::same_commit;
using testing::test_uuid;
using Kind = StoreFailure::Kind;

class LmdbLogTest : public ::testing::Test {
 protected:
  ~LmdbLogTest() override { testing::disarm(); }

  Result<std::unique_ptr<LmdbLog>, StoreFailure> try_open(const core::PartitionUuid& uuid = test_uuid()) {
    return LmdbLog::open({.file = file, .partition = uuid, .map_bytes = map_bytes, .make_room = make_room});
  }
  void open() {
    log.reset();
    auto opened = try_open();
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    log = std::move(*opened);
  }
  Result<void, StoreFailure> append(std::size_t bytes, std::uint32_t count = 1) {
    const auto commit = make_commit(log->bounds().end, count, bytes);
    return log->append(std::span(&commit, 1));
  }
  Kind failure_of(std::size_t bytes) {
    const auto appended = append(bytes);
    EXPECT_FALSE(appended.has_value());
    return appended ? Kind::kRefused : appended.error().kind;
  }

  testing::TempFolder folder;
  std::filesystem::path file = folder.path() / "log.mdb";
  std::size_t map_bytes = std::size_t{1} << 30;
  std::function<bool()> make_room;
  std::unique_ptr<LmdbLog> log;
};

TEST_F(LmdbLogTest, WhatWasReportedAppendedIsThereAfterAKill) {
  testing::expect_kept_over_kills([this]() -> std::unique_ptr<Log> {
    auto opened = try_open();
    return opened ? std::move(*opened) : nullptr;
  });
}

/// A sync that failed leaves a meta page that counts as written and is not: syncing again would change nothing.
TEST_F(LmdbLogTest, OpeningWritesAndSyncsTheMetaPagesThatAProcessMayHaveLeftInTheKernelOnly) {
  open();
  ASSERT_TRUE(append(100));
  log.reset();
  const auto syncs = testing::sync_calls(), bytes = testing::bytes_written_ahead();
  open();
  EXPECT_EQ(testing::sync_calls() - syncs, 2u);   // one after the other
  EXPECT_EQ(testing::bytes_written_ahead() - bytes, 2u * 4096);
}

TEST_F(LmdbLogTest, AFullMapRefusesAndIsUsableAgainOnceItsFrontIsFreed) {
  map_bytes = 1 << 20;
  open();
  for (int cycle = 0; cycle < 10; ++cycle) {
    SCOPED_TRACE("cycle " + std::to_string(cycle));
    int appended = 0;
    auto result = append(30'000);
    for (; result; result = append(30'000)) ++appended;
    EXPECT_EQ(result.error().kind, Kind::kFull);
    EXPECT_THAT(result.error().message, HasSubstr("size limit"));
    EXPECT_GT(appended, 5);
    const auto before = log->bounds();
    open();
    EXPECT_EQ(log->bounds().end, before.end);
    EXPECT_EQ(log->bounds().bytes, before.bytes);
    ASSERT_TRUE(log->free_before(Position(before.end.value - 2)).has_value());
    const auto kept = log->read(Position(0), ~std::size_t{0});
    ASSERT_TRUE(kept.has_value());
    ASSERT_EQ(kept->size(), 2u);
    EXPECT_TRUE(same_commit(kept->back(), make_commit(Position(before.end.value - 1), 1, 30'000)));
  }
}

TEST_F(LmdbLogTest, FreesAMapThatHasNoRoomForTheListOfWhatIsFreed) {
  map_bytes = 12 << 20;   // freeing 1,900 pages needs a list of four pages in one piece
  open();
  for (const std::size_t bytes : {1'000'000, 30'000, 3'000, 1}) {
    while (append(bytes)) continue;
    open();
  }
  const Position end = log->bounds().end;
  const auto freed = log->free_before(Position(end.value - 1));
  ASSERT_TRUE(freed.has_value()) << freed.error().message;
  EXPECT_EQ(log->bounds().first, Position(end.value - 1));
  EXPECT_TRUE(append(30'000).has_value());
}

TEST_F(LmdbLogTest, TheFileDoesNotGrowWhileTheFrontFollowsTheEnd) {
  open();
  const auto pass = [&](int commits) {
    for (int i = 0; i < commits; ++i) {
      ASSERT_TRUE(append(20'000 + static_cast<std::size_t>(i % 5) * 9'000));
      const auto bounds = log->bounds();
      if (i % 10 != 9 || bounds.end.value <= 50) continue;
      ASSERT_TRUE(log->free_before(Position(bounds.end.value - 50)).has_value());
    }
  };
  pass(200);
  const auto warm = std::filesystem::file_size(file);
  pass(600);
  EXPECT_LT(std::filesystem::file_size(file), warm + warm / 5);
  EXPECT_LT(warm, 8u << 20);
}

TEST_F(LmdbLogTest, ALargeFrontIsFreedInSlices) {
  open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(6 << 20));   // 1,537 pages each
  const auto syncs = testing::sync_calls();
  ASSERT_TRUE(log->free_before(log->bounds().end).has_value());
  EXPECT_EQ(testing::sync_calls() - syncs, 3u + 2u);   // a slice each, and two small ones
  EXPECT_EQ(log->bounds().bytes, 0u);
}

TEST_F(LmdbLogTest, SeveralCommitsCostOneSync) {
  open();
  std::vector<core::Commit> commits = {make_commit(Position(0), 1, 5'000)};
  for (int i = 0; i < 7; ++i) commits.push_back(make_commit(commits.back().end, 1, 5'000));
  const auto syncs = testing::sync_calls();
  ASSERT_TRUE(log->append(commits).has_value());
  EXPECT_EQ(testing::sync_calls() - syncs, 1u);
}

TEST_F(LmdbLogTest, CountsItsBytesOverManyAppendsAndReopening) {
  open();
  std::vector<core::Commit> commits;
  Position next(0);
  for (int i = 0; i < 5'000; ++i) {
    commits.push_back(make_commit(next, 1, 10));
    next = commits.back().end;
  }
  for (std::size_t from = 0; from < commits.size(); from += 100)
    ASSERT_TRUE(log->append(std::span(commits).subspan(from, 100)).has_value());
  const auto bytes = log->bounds().bytes;
  EXPECT_EQ(bytes, commits.size() * commits.front().value.size());
  open();
  EXPECT_EQ(log->bounds().bytes, bytes);
}

TEST_F(LmdbLogTest, CountsThePagesThatValuesTake) {
  open();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(append(2'000));   // with header, directory and stamp just too large for a leaf
  const auto full = log->bounds();
  EXPECT_LT(full.bytes, 100u * 2'600);
  EXPECT_GE(full.used_bytes, 100u * 4'096);
  EXPECT_LT(full.used_bytes, 110u * 4'096);
  open();
  EXPECT_EQ(log->bounds().used_bytes, full.used_bytes);
  ASSERT_TRUE(log->free_before(Position(90)).has_value());
  EXPECT_LT(log->bounds().used_bytes, 15u * 4'096);
}

TEST_F(LmdbLogTest, ADiskThatIsFullWhenPagesAreWrittenIsFullAndNothingWasWritten) {
  open();
  ASSERT_TRUE(append(100));
  arm(DiskFault::kWriteFails, ENOSPC);
  EXPECT_EQ(failure_of(50'000), Kind::kFull);
  EXPECT_EQ(log->bounds().end, Position(1));
  EXPECT_TRUE(append(50'000));
  open();
  EXPECT_EQ(log->bounds().end, Position(2));
}

TEST_F(LmdbLogTest, AShortWriteOnAFullDiskIsFull) {
  open();
  testing::pretend_disk_is_full();
  arm(DiskFault::kWriteIsShort);
  EXPECT_EQ(failure_of(50'000), Kind::kFull);
}

TEST_F(LmdbLogTest, FreeingAsksForRoomWhenTheDiskIsFull) {
  int asked = 0;
  make_room = [&] { return ++asked == 1; };
  open();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(append(50'000));
  arm(DiskFault::kWriteFails, ENOSPC);
  EXPECT_TRUE(log->free_before(Position(3)).has_value());
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(log->bounds().first, Position(3));
}

TEST_F(LmdbLogTest, AppendingAsksForRoomWhenTheDiskIsFullAndGoesOn) {
  int asked = 0;
  make_room = [&] { return ++asked == 1; };
  open();
  arm(DiskFault::kWriteFails, ENOSPC);
  EXPECT_TRUE(append(50'000));
  EXPECT_EQ(asked, 1);
  arm(DiskFault::kWriteFails, ENOSPC);
  EXPECT_EQ(failure_of(50'000), Kind::kFull);
  EXPECT_EQ(asked, 2);
}

using LmdbLogDeathTest = LmdbLogTest;

TEST_F(LmdbLogDeathTest, AFailedSyncStopsTheProcess) {
  open();
  EXPECT_DEATH(
      {
        arm(DiskFault::kSyncFails, EIO);
        (void)append(100);
      },
      "nobody can know what it kept");
}

TEST_F(LmdbLogDeathTest, AFailedMetaWriteStopsTheProcess) {
  open();
  EXPECT_DEATH(
      {
        arm(DiskFault::kMetaWriteFails, ENOSPC);   // whatever the code says
        (void)append(100);
      },
      "nobody can know what it kept");
}

TEST_F(LmdbLogDeathTest, AnInputOutputErrorWithRoomOnTheDiskStopsTheProcess) {
  open();
  EXPECT_DEATH(
      {
        arm(DiskFault::kWriteFails, EIO);
        (void)append(100);
      },
      "nobody can know what it kept");
}

TEST_F(LmdbLogTest, RefusesTheLogOfAnotherPartition) {
  open();
  log.reset();
  const auto opened = try_open(test_uuid(2));
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Kind::kForeign);
}

TEST_F(LmdbLogTest, RefusesAFileThatIsNotOne) {
  std::ofstream(file) << std::string(10'000, 'x');
  const auto opened = try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Kind::kCorrupt);
}

TEST_F(LmdbLogTest, RefusesAMissingFileWhenItMustBeThere) {
  const auto opened = LmdbLog::open(
      {.file = file, .partition = test_uuid(), .map_bytes = map_bytes, .create = LmdbLog::Options::Create::kRefuse, .make_room = {}});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Kind::kCorrupt);
  EXPECT_THAT(opened.error().message, HasSubstr("is missing"));
}

TEST_F(LmdbLogTest, RefusesAnEmptyOrAFreshFileWhenOneWithALogMustBeThere) {
  const auto must_be_there = [&] {
    return LmdbLog::open(
        {.file = file, .partition = test_uuid(), .map_bytes = map_bytes, .create = LmdbLog::Options::Create::kRefuse, .make_room = {}});
  };
  std::ofstream(file).close();
  const auto empty = must_be_there();
  ASSERT_FALSE(empty.has_value());
  EXPECT_EQ(empty.error().kind, Kind::kCorrupt);
  EXPECT_THAT(empty.error().message, HasSubstr("log.mdb is empty"));

  open();
  log.reset();
  make_fresh(file);
  const auto fresh = must_be_there();
  ASSERT_FALSE(fresh.has_value());
  EXPECT_EQ(fresh.error().kind, Kind::kCorrupt);
  EXPECT_THAT(fresh.error().message, HasSubstr("the front row is missing"));
}

TEST_F(LmdbLogTest, RefusesAFileThatWasCutShortAndLeavesItAsItIs) {
  open();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(append(10'000));
  log.reset();
  const auto size = std::filesystem::file_size(file);
  for (const auto left :
       {size - 4096, size / 2, std::uintmax_t{3 * 4096}, std::uintmax_t{2 * 4096}, std::uintmax_t{5000}, std::uintmax_t{100}}) {
    std::filesystem::resize_file(file, left);
    for (int attempt = 0; attempt < 2; ++attempt) {
      const auto opened = try_open();
      ASSERT_FALSE(opened.has_value()) << left;
      EXPECT_EQ(opened.error().kind, Kind::kCorrupt) << opened.error().message;
      EXPECT_THAT(opened.error().message, HasSubstr("log.mdb"));
    }
    EXPECT_EQ(std::filesystem::file_size(file), left);
  }
}

TEST_F(LmdbLogTest, TakesAFileWhoseLastPagesWereNeverWritten) {
  open();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(append(10'000));
  ASSERT_TRUE(log->free_before(log->bounds().end));
  log.reset();
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 4096 * 4);   // of freed commits
  open();
  EXPECT_TRUE(append(10'000));
}

TEST_F(LmdbLogTest, ADamagedDirectoryIsFoundWhenTheCommitIsRead) {
  open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(3'000));
  log.reset();
  const auto damaged = make_commit(Position(1), 1, 3'000);
  ASSERT_EQ(flip_in_file(file, as_text(damaged.value.bytes.subspan(96, 48))), 1);
  open();
  EXPECT_TRUE(log->read(Position(0), 1).has_value());
  const auto read = log->read(Position(1), 1);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().kind, Kind::kCorrupt);
  EXPECT_THAT(read.error().message, HasSubstr("the commit at position 1"));

  std::vector<Position> shown;
  const auto scanned = log->scan(Position(0), ~std::size_t{0}, [&](const core::CommitView& commit, std::size_t) {
    shown.push_back(commit.header.first);
    return true;
  });
  ASSERT_FALSE(scanned.has_value());
  EXPECT_EQ(scanned.error().message, read.error().message);
  EXPECT_EQ(shown, std::vector{Position(0)});
}

TEST_F(LmdbLogTest, ADamagedLastCommitIsFoundAtTheStart) {
  open();
  ASSERT_TRUE(append(3'000));
  log.reset();
  const auto last = make_commit(Position(0), 1, 3'000);
  ASSERT_EQ(flip_in_file(file, as_text(last.value.bytes.subspan(1'000, 64))), 1);   // in its payload
  const auto opened = try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Kind::kCorrupt);
}

}  // namespace
}  // namespace takt::store
