// What only the real tables can show: full maps, full disks, damage.

#include "broker/store/lmdb_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/conformance/commits.h"
#include "tests/store/damage.h"
#include "tests/store/faulty_disk.h"
#include "tests/support/temp_folder.h"

namespace takt::store {
namespace {

using testing::arm;
using testing::DiskFault;
using testing::flip_in_file;
using ::testing::HasSubstr;
using testing::make_fresh;
using testing::test_uuid;
using Kind = StoreFailure::Kind;

class LmdbTablesTest : public ::testing::Test {
 protected:
  ~LmdbTablesTest() override { testing::disarm(); }
  Result<std::unique_ptr<LmdbTables>, StoreFailure> try_open(const core::PartitionUuid& uuid = test_uuid()) {
    return LmdbTables::open({.file = file, .partition = uuid, .map_bytes = map_bytes, .make_room = make_room});
  }
  void open() {
    tables.reset();
    auto opened = try_open();
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    tables = std::move(*opened);
  }

  testing::TempFolder folder;
  std::filesystem::path file = folder.path() / "tables.mdb";
  std::size_t map_bytes = std::size_t{1} << 30;
  std::function<bool()> make_room;
  std::unique_ptr<LmdbTables> tables;
};

TEST_F(LmdbTablesTest, RefusesAFreshFileWhenOneWithTablesMustBeThere) {
  open();
  tables.reset();
  make_fresh(file);
  const auto opened =
      LmdbTables::open({.file = file, .partition = test_uuid(), .map_bytes = map_bytes, .create = LmdbTables::Options::Create::kRefuse});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Kind::kCorrupt);
  EXPECT_THAT(opened.error().message, HasSubstr("the state row is missing"));
}

TEST_F(LmdbTablesTest, ADamagedRowIsFoundWhenItIsRead) {
  open();
  const std::string large(core::row_value_bytes_max, 'z');
  ASSERT_TRUE(tables->checkpoint({.applied = Position(1),
                                  .erased = {},
                                  .changed = {{core::Table::kTopics, "k", "a row that will be damaged"},
                                              {core::Table::kTopics, "l", "another"},
                                              {core::Table::kCold, "c", large}}}));
  tables.reset();
  ASSERT_GE(flip_in_file(file, "a row that will be damaged"), 1);
  ASSERT_GE(flip_in_file(file, large), 1);
  open();
  for (const auto& [table, key] : {std::pair{core::Table::kTopics, "k"}, std::pair{core::Table::kCold, "c"}}) {
    const auto row = tables->get(table, key);
    ASSERT_FALSE(row.has_value());
    EXPECT_EQ(row.error().kind, Kind::kCorrupt);
  }
  EXPECT_THAT(tables->get(core::Table::kTopics, "k").error().message, HasSubstr("table topics, row 6b: the checksum does not match"));
  EXPECT_TRUE(tables->get(core::Table::kTopics, "l").has_value());
  EXPECT_FALSE(tables->scan(core::Table::kTopics, {}, [](auto, auto) { return true; }).has_value());
}

TEST_F(LmdbTablesTest, RefusesTheTablesOfAnotherPartition) {
  open();
  tables.reset();
  const auto opened = try_open(test_uuid(2));
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Kind::kForeign);
}

TEST_F(LmdbTablesTest, AFullMapKeepsTheCheckpointBefore) {
  map_bytes = 1 << 20;
  open();
  core::Checkpoint checkpoint{.applied = Position(1), .erased = {}, .changed = {{core::Table::kMeta, "m", "1"}}};
  ASSERT_TRUE(tables->checkpoint(checkpoint).has_value());
  checkpoint = {.applied = Position(2), .erased = {}, .changed = {{core::Table::kMeta, "m", "2"}}};
  for (int i = 0; i < 400; ++i)
    checkpoint.changed.push_back({core::Table::kCold, std::to_string(i), std::string(core::row_value_bytes_max, 'c')});
  const auto full = tables->checkpoint(checkpoint);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().kind, Kind::kFull);
  EXPECT_EQ(tables->applied(), Position(1));
  EXPECT_EQ(tables->get(core::Table::kMeta, "m").value(), "1");
  checkpoint.changed.resize(1);
  EXPECT_TRUE(tables->checkpoint(checkpoint).has_value());
}

TEST_F(LmdbTablesTest, EveryFullPageValueTakesOnePage) {
  open();
  const auto file_pages = [&] { return std::filesystem::file_size(file) / 4096; };
  const auto before = file_pages();
  core::Checkpoint checkpoint{.applied = Position(1), .erased = {}, .changed = {}};
  for (int i = 0; i < 1'000; ++i)
    checkpoint.changed.push_back({core::Table::kCold, std::to_string(i), std::string(core::row_value_bytes_max, 'c')});
  ASSERT_TRUE(tables->checkpoint(checkpoint).has_value());
  EXPECT_LT(file_pages() - before, 1'050u);
}

TEST_F(LmdbTablesTest, ACheckpointAsksForRoomWhenTheDiskIsFullAndGoesOn) {
  int asked = 0;
  make_room = [&] { return ++asked == 1; };
  open();
  arm(DiskFault::kWriteFails, ENOSPC);
  EXPECT_TRUE(tables->checkpoint({.applied = Position(1), .erased = {}, .changed = {{core::Table::kTopics, "k", "v"}}}));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(tables->applied(), Position(1));
}

TEST_F(LmdbTablesTest, ADiskThatIsFullKeepsTheCheckpointBefore) {
  open();
  arm(DiskFault::kWriteFails, ENOSPC);
  const core::Checkpoint checkpoint{.applied = Position(3), .erased = {}, .changed = {{core::Table::kMeta, "m", "3"}}};
  const auto full = tables->checkpoint(checkpoint);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().kind, Kind::kFull);
  EXPECT_EQ(tables->applied(), Position(0));
  EXPECT_TRUE(tables->checkpoint(checkpoint).has_value());
}

}  // namespace
}  // namespace takt::store
