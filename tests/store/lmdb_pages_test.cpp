#include "broker/store/lmdb_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "broker/store/lmdb_log.h"
#include "broker/store/lmdb_tables.h"
#include "tests/conformance/commits.h"
#include "tests/support/temp_folder.h"

namespace takt::store {
namespace {

using core::Table;
using ::testing::HasSubstr;
using testing::make_commit;

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t map_bytes = std::size_t{1} << 30;

/// Tables with rows in leaves of their own under a branch, and with values that have a page each.
class PagesTest : public ::testing::Test {
 protected:
  PagesTest() {
    auto tables = LmdbTables::open({.file = file, .partition = testing::test_uuid(), .map_bytes = map_bytes});
    EXPECT_TRUE(tables.has_value()) << tables.error().message;
    core::Checkpoint checkpoint{.applied = Position(1), .erased = {}, .changed = {}};
    for (int i = 0; i < 200; ++i)
      checkpoint.changed.push_back({Table::kTopics, "key" + std::to_string(1000 + i), std::string(i % 10 == 0 ? 4000 : 100, 'v')});
    EXPECT_TRUE((*tables)->checkpoint(checkpoint).has_value());
    // Once more, so that there are free pages.
    checkpoint.applied = Position(2);
    EXPECT_TRUE((*tables)->checkpoint(checkpoint).has_value());
    tables->reset();
    std::ifstream in(file, std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(in), {});
  }

  /// Empty: in order.
  std::string complaint() {
    std::ofstream(file, std::ios::binary) << content;
    const auto checked = check_pages(file, map_bytes, PagesToCheck::kAll);
    return checked ? "" : checked.error().message;
  }
  template <class T>
  T get(std::size_t page, std::size_t place) const {
    T value;
    std::memcpy(&value, content.data() + page * page_bytes + place, sizeof value);
    return value;
  }
  template <class T>
  void put(std::size_t page, std::size_t place, T value) {
    std::memcpy(content.data() + page * page_bytes + place, &value, sizeof value);
  }
  /// The newer of the two meta pages.
  std::size_t meta() const { return get<std::uint64_t>(0, 144) > get<std::uint64_t>(1, 144) ? 0 : 1; }
  /// A page that the newer tree uses: the last one of the kind whose entries are many.
  std::size_t used_page(std::uint16_t kind) {
    for (std::size_t page = content.size() / page_bytes; page-- > 2;) {
      if (get<std::uint16_t>(page, 10) != kind || (kind == 2 && get<std::uint16_t>(page, 12) < 40)) continue;
      const std::string whole = content;
      put<std::uint64_t>(page, 0, page + 1);
      const bool is_used = !complaint().empty();
      content = whole;
      if (is_used) return page;
    }
    ADD_FAILURE() << "no such page";
    return 0;
  }

  testing::TempFolder folder;
  std::filesystem::path file = folder.path() / "tables.mdb";
  std::string content;
};

TEST_F(PagesTest, TakesWhatLmdbWrote) { EXPECT_EQ(complaint(), ""); }

TEST_F(PagesTest, TakesALogWithCommitsOfEverySizeFreedAtItsFront) {
  const auto log_file = folder.path() / "log.mdb";
  auto log = LmdbLog::open({.file = log_file, .partition = testing::test_uuid(), .map_bytes = map_bytes, .make_room = {}});
  ASSERT_TRUE(log.has_value());
  for (int i = 0; i < 300; ++i) {
    const auto commit = make_commit((*log)->bounds().end, 3, static_cast<std::size_t>(i % 7 == 0 ? 20'000 : i * 5));
    ASSERT_TRUE((*log)->append(std::span(&commit, 1)).has_value());
    if (i % 90 < 89) continue;
    ASSERT_TRUE((*log)->free_before(Position((*log)->bounds().end.value - 60)).has_value());
  }
  log->reset();
  for (const auto pages : {PagesToCheck::kAll, PagesToCheck::kEdges}) {
    const auto checked = check_pages(log_file, map_bytes, pages);
    EXPECT_TRUE(checked.has_value()) << checked.error().message;
  }
}

TEST_F(PagesTest, SeesAPageUnderAnotherNumber) {
  const auto leaf = used_page(2);
  put<std::uint64_t>(leaf, 0, leaf ^ 2);
  EXPECT_THAT(complaint(), HasSubstr("page " + std::to_string(leaf) + ": it bears the number"));
}

TEST_F(PagesTest, SeesAPageOfAnotherKind) {
  put<std::uint16_t>(used_page(2), 10, 1);
  EXPECT_THAT(complaint(), HasSubstr("it is of another kind"));
}

TEST_F(PagesTest, SeesEntriesThatAreHidden) {
  const auto leaf = used_page(2);
  put<std::uint16_t>(leaf, 12, static_cast<std::uint16_t>(get<std::uint16_t>(leaf, 12) - 4));
  EXPECT_THAT(complaint(), HasSubstr("its entries do not fill it"));
}

TEST_F(PagesTest, SeesAnEntryThatIsReadFromAnotherPlace) {
  const auto leaf = used_page(2);
  put<std::uint16_t>(leaf, 16, static_cast<std::uint16_t>(get<std::uint16_t>(leaf, 16) + 2));
  EXPECT_NE(complaint(), "");
}

TEST_F(PagesTest, SeesKeysOutOfOrder) {
  const auto leaf = used_page(2);
  const auto first = get<std::uint16_t>(leaf, 16);
  const auto second = get<std::uint16_t>(leaf, 18);
  put<std::uint16_t>(leaf, 16, second);
  put<std::uint16_t>(leaf, 18, first);
  EXPECT_THAT(complaint(), HasSubstr("its keys are not in order"));
}

TEST_F(PagesTest, SeesABranchThatLeadsElsewhere) {
  const auto branch = used_page(1);
  const auto last = get<std::uint16_t>(branch, get<std::uint16_t>(branch, 12) - 2u);
  put<std::uint16_t>(branch, last, static_cast<std::uint16_t>(get<std::uint16_t>(branch, last) ^ 1));
  EXPECT_NE(complaint(), "");
}

TEST_F(PagesTest, SeesAValueWithMorePagesThanItHas) {
  put<std::uint16_t>(used_page(4), 12, 3);
  EXPECT_THAT(complaint(), HasSubstr("a value's pages are not as its entry says"));
}

TEST_F(PagesTest, SeesMetaPagesThatDoNotFollowEachOther) {
  put<std::uint64_t>(meta(), 144, get<std::uint64_t>(meta(), 144) ^ 64);
  EXPECT_THAT(complaint(), HasSubstr("the two meta pages do not follow each other"));
}

TEST_F(PagesTest, SeesAWrongCountOfEntries) {
  put<std::uint64_t>(meta(), 16 + 24 + 48 + 32, get<std::uint64_t>(meta(), 16 + 24 + 48 + 32) ^ 1);
  EXPECT_THAT(complaint(), HasSubstr("not as many pages or entries as it should"));
}

TEST_F(PagesTest, SeesAPageSizeThatCannotBe) {
  put<std::uint32_t>(0, 40, 0);
  EXPECT_THAT(complaint(), HasSubstr("the size of a page cannot be"));
}

TEST_F(PagesTest, SeesAFileThatIsCutShort) {
  content.resize(content.size() / 2);
  EXPECT_THAT(complaint(), HasSubstr("is cut short"));
}

/// Whatever bit of the file falls over: refused here, or every row that is read is as it was or says that it is not.
TEST_F(PagesTest, NoBitOfAPagesBeginningHidesARow) {
  const std::string whole = content;
  std::size_t refused = 0;
  for (std::size_t page = 0; page < whole.size() / page_bytes; ++page) {
    for (std::size_t place = 0; place < 48; place += 3) {
      content = whole;
      content[page * page_bytes + place] = static_cast<char>(content[page * page_bytes + place] ^ (1 << (place + page) % 8));
      if (!complaint().empty()) {
        ++refused;
        continue;
      }
      const auto tables = LmdbTables::open({.file = file, .partition = testing::test_uuid(), .map_bytes = map_bytes});
      if (!tables) continue;
      std::size_t rows = 0;
      const auto scanned = (*tables)->scan(Table::kTopics, "", [&](std::string_view, std::string_view) { return ++rows > 0; });
      EXPECT_TRUE(rows == 200 || !scanned) << "page " << page << ", byte " << place;
    }
  }
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace takt::store
