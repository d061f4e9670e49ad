#include "broker/store/memory_disk.h"

#include <gtest/gtest.h>

#include "broker/store/memory_log.h"
#include "broker/store/memory_tables.h"
#include "tests/conformance/commits.h"

namespace takt::store {
namespace {

using testing::make_commit;
using testing::test_uuid;

struct Machine {
  MemoryDisk disk{test_uuid(), MemoryDisk::Durability::kWhenTold};
  std::unique_ptr<MemoryLog> log = std::make_unique<MemoryLog>(disk);
  std::unique_ptr<MemoryTables> tables = std::make_unique<MemoryTables>(disk);

  Result<void, StoreFailure> append(std::uint32_t count) {
    const auto commit = make_commit(log->bounds().end, count, 100);
    return log->append(std::span(&commit, 1));
  }
  void restart(MemoryDisk::Steps kept = {}) {
    disk.crash(kept);
    log = std::make_unique<MemoryLog>(disk);
    tables = std::make_unique<MemoryTables>(disk);
  }
};

TEST(MemoryDisk, ACrashKeepsWhatWasSynced) {
  Machine machine;
  ASSERT_TRUE(machine.append(3).has_value());
  EXPECT_EQ(machine.disk.sync(), Position(3));
  ASSERT_TRUE(machine.append(4).has_value());
  EXPECT_EQ(machine.log->bounds().end, Position(7));
  machine.restart();
  EXPECT_EQ(machine.log->bounds().end, Position(3));
}

TEST(MemoryDisk, ACrashMayKeepMoreThanWasConfirmedButInOrder) {
  Machine machine;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(machine.append(2).has_value());
  EXPECT_EQ(machine.disk.unsynced_steps().log, 3u);
  machine.restart({.log = 2});
  EXPECT_EQ(machine.log->bounds().end, Position(4));
  EXPECT_EQ(machine.disk.durable_end(), Position(4));
}

TEST(MemoryDisk, ACrashMayKeepMoreOfOneFileThanOfTheOther) {
  Machine machine;
  ASSERT_TRUE(machine.append(2).has_value());
  machine.disk.sync(MemoryDisk::File::kLog);
  ASSERT_TRUE(machine.append(2).has_value());
  core::Checkpoint checkpoint;
  checkpoint.applied = Position(2);
  ASSERT_TRUE(machine.tables->checkpoint(checkpoint).has_value());
  machine.disk.sync(MemoryDisk::File::kLog);
  EXPECT_EQ(machine.disk.unsynced_steps().tables, 1u) << "the log's sync is not the tables'";
  machine.restart();
  EXPECT_EQ(machine.log->bounds().end, Position(4));
  EXPECT_EQ(machine.tables->applied(), Position(0));
}

TEST(MemoryDisk, ObjectsFromBeforeACrashAreDead) {
  Machine machine;
  machine.disk.crash();
  const auto refused = machine.append(1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, StoreFailure::Kind::kIo);
  EXPECT_FALSE(machine.tables->checkpoint({}).has_value());
}

TEST(MemoryDisk, AnInjectedFailureWritesNothingAndRefusesWhatFollows) {
  Machine machine;
  machine.disk.fail_next_append(StoreFailure::Kind::kFull);
  const auto full = machine.append(1);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().kind, StoreFailure::Kind::kFull);
  const auto refused = machine.append(1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, StoreFailure::Kind::kRefused);
  machine.restart();
  EXPECT_EQ(machine.log->bounds().end, Position(0));
  EXPECT_TRUE(machine.append(1).has_value());
}

TEST(MemoryDisk, AFullLogTakesCommitsAgainOnceItsFrontIsFreed) {
  Machine machine;
  machine.disk.limit_log_bytes(700);
  ASSERT_TRUE(machine.append(2).has_value());
  ASSERT_TRUE(machine.append(2).has_value());
  const auto full = machine.append(2);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().kind, StoreFailure::Kind::kFull);
  machine.disk.sync();
  machine.restart();
  ASSERT_TRUE(machine.log->free_before(Position(2)).has_value());
  EXPECT_TRUE(machine.append(2).has_value());
}

TEST(MemoryDisk, AFlippedBitIsSeenWhenTheCommitIsChecked) {
  Machine machine;
  ASSERT_TRUE(machine.append(2).has_value());
  machine.disk.sync();
  ASSERT_TRUE(machine.disk.flip_log_bit(Position(1), 8 * 100));   // in the directory
  const auto read = machine.log->read(Position(0), 1);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().kind, StoreFailure::Kind::kCorrupt);
  EXPECT_FALSE(machine.disk.flip_log_bit(Position(2), 0));
}

TEST(MemoryDisk, RefusesACommitWhoseBytesAreNotWhole) {
  Machine machine;
  auto commit = make_commit(Position(0), 1, 100);
  std::vector<std::byte> bytes(commit.value.bytes.begin(), commit.value.bytes.end());
  bytes.back() ^= std::byte{1};
  commit.value = SharedBytes::own(std::move(bytes));
  const auto refused = machine.log->append(std::span(&commit, 1));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, StoreFailure::Kind::kRefused);
}

TEST(MemoryDiskDeathTest, ACheckpointAheadOfTheDurableLogIsABug) {
  Machine machine;
  ASSERT_TRUE(machine.append(2).has_value());
  EXPECT_DEATH((void)machine.tables->checkpoint({.applied = Position(2), .erased = {}, .changed = {}}), "not ahead of the durable log");
  machine.disk.sync();
  EXPECT_TRUE(machine.tables->checkpoint({.applied = Position(2), .erased = {}, .changed = {}}).has_value());
}

TEST(MemoryDiskDeathTest, TwoLogsOnOneDiskAreABug) {
  Machine machine;
  EXPECT_DEATH(MemoryLog(machine.disk), "one log is open");
}

}  // namespace
}  // namespace takt::store
