// Room that is written before it is needed.

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "broker/store/lmdb_log.h"
#include "tests/conformance/commits.h"
#include "tests/store/faulty_disk.h"
#include "tests/support/temp_folder.h"

namespace takt::store {
namespace {

constexpr std::uint64_t mib = 1u << 20;

class Preallocation : public ::testing::Test {
 protected:
  ~Preallocation() override { testing::disarm(); }

  void open(std::size_t map_bytes) {
    log.reset();
    auto opened = LmdbLog::open({.file = file, .partition = testing::test_uuid(), .map_bytes = map_bytes, .make_room = {}});
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    log = std::move(*opened);
  }
  void append(std::size_t bytes) {
    const auto commit = testing::make_commit(log->bounds().end, 1, bytes);
    ASSERT_TRUE(log->append(std::span(&commit, 1)));
  }
  int preallocate_all() {
    int steps = 0;
    while (log->preallocate()) ++steps;
    return steps;
  }
  std::uint64_t file_bytes() const { return std::filesystem::file_size(file); }

  testing::TempFolder folder;
  std::filesystem::path file = folder.path() / "log.mdb";
  std::unique_ptr<LmdbLog> log;
};

TEST_F(Preallocation, AFreshFileGetsFourMebibytesInSteps) {
  open(1u << 30);
  EXPECT_EQ(preallocate_all(), 4);
  EXPECT_GE(file_bytes(), 3 * mib);
  EXPECT_LE(file_bytes(), 4 * mib + 64 * 1024);
}

TEST_F(Preallocation, AppendsUseWhatIsThere) {
  open(1u << 30);
  preallocate_all();
  const std::uint64_t before = file_bytes();
  append(2 * mib);
  EXPECT_EQ(file_bytes(), before);
  EXPECT_TRUE(log->preallocate());
  EXPECT_GT(file_bytes(), before);
}

TEST_F(Preallocation, KeepsAQuarterOfWhatIsUsedAhead) {
  open(1u << 30);
  for (int i = 0; i < 8; ++i) append(5 * mib);
  preallocate_all();
  EXPECT_GE(file_bytes(), 49 * mib);
  EXPECT_LE(file_bytes(), 51 * mib);
}

TEST_F(Preallocation, WhatWasAppendedIsThereAfterwardsAndWhenOpenedAnew) {
  open(1u << 30);
  append(300'000);
  preallocate_all();
  append(300'000);
  open(1u << 30);
  const auto commits = log->read(Position(0), mib);
  ASSERT_TRUE(commits.has_value());
  ASSERT_EQ(commits->size(), 2u);
  EXPECT_TRUE(testing::same_commit((*commits)[1], testing::make_commit(Position(1), 1, 300'000)));
}

TEST_F(Preallocation, NeverPassesTheEndOfTheMap) {
  open(2 * mib);
  preallocate_all();
  EXPECT_LE(file_bytes(), 2 * mib);
}

TEST_F(Preallocation, ADiskWithoutPlentyOfRoomIsLeftAlone) {
  open(1u << 30);
  const std::uint64_t before = file_bytes();
  testing::pretend_disk_is_full();
  EXPECT_FALSE(log->preallocate());
  EXPECT_EQ(file_bytes(), before);
}

TEST_F(Preallocation, AShortWriteIsUndone) {
  open(1u << 30);
  const std::uint64_t before = file_bytes();
  testing::arm(testing::DiskFault::kWriteIsShort);
  EXPECT_FALSE(log->preallocate());
  EXPECT_EQ(file_bytes(), before);
}

}  // namespace
}  // namespace takt::store
