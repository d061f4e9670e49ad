// Both implementations of both seams against their conformance suites.

#include "broker/store/lmdb_log.h"
#include "broker/store/lmdb_tables.h"
#include "broker/store/memory_log.h"
#include "broker/store/memory_tables.h"
#include "broker/store/wal_log.h"
#include "tests/conformance/log_suite.h"
#include "tests/conformance/tables_suite.h"
#include "tests/support/temp_folder.h"

namespace takt::testing {
namespace {

constexpr std::size_t test_map_bytes = std::size_t{1} << 30;

struct LmdbLogFixture {
  TempFolder folder;
  std::unique_ptr<store::Log> open() {
    auto log =
        store::LmdbLog::open({.file = folder.path() / "log.mdb", .partition = test_uuid(), .map_bytes = test_map_bytes, .make_room = {}});
    EXPECT_TRUE(log.has_value()) << log.error().message;
    return log ? std::move(*log) : nullptr;
  }
};
struct WalLogFixture {
  TempFolder folder;
  std::unique_ptr<store::Log> open() {
    auto log = store::WalLog::open(
        {.log = {.file = folder.path() / "log.mdb", .partition = test_uuid(), .map_bytes = test_map_bytes, .make_room = {}}});
    EXPECT_TRUE(log.has_value()) << log.error().message;
    return log ? std::move(*log) : nullptr;
  }
};
struct MemoryLogFixture {
  store::MemoryDisk disk{test_uuid()};
  std::unique_ptr<store::Log> open() { return std::make_unique<store::MemoryLog>(disk); }
};
struct LmdbTablesFixture {
  TempFolder folder;
  std::unique_ptr<store::Tables> open() {
    auto tables = store::LmdbTables::open({.file = folder.path() / "tables.mdb", .partition = test_uuid(), .map_bytes = test_map_bytes});
    EXPECT_TRUE(tables.has_value()) << tables.error().message;
    return tables ? std::move(*tables) : nullptr;
  }
};
struct MemoryTablesFixture {
  store::MemoryDisk disk{test_uuid()};
  std::unique_ptr<store::Tables> open() { return std::make_unique<store::MemoryTables>(disk, store::MemoryTables::Order::kAlone); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Lmdb, LogSuite, LmdbLogFixture);
INSTANTIATE_TYPED_TEST_SUITE_P(Wal, LogSuite, WalLogFixture);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, LogSuite, MemoryLogFixture);
INSTANTIATE_TYPED_TEST_SUITE_P(Lmdb, TablesSuite, LmdbTablesFixture);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, TablesSuite, MemoryTablesFixture);

}  // namespace
}  // namespace takt::testing
