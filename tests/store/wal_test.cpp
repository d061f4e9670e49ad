// The write-ahead file: what it finds again after a crash, damage, and a disk that fails.

#include "broker/store/wal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "tests/conformance/commits.h"
#include "tests/store/faulty_disk.h"
#include "tests/support/temp_folder.h"

namespace takt::store {
namespace {

using testing::arm;
using testing::DiskFault;
using ::testing::HasSubstr;
using testing::make_commit;
using testing::make_commits;
using testing::same_commit;
using testing::test_uuid;
using Kind = StoreFailure::Kind;
using Commits = std::vector<core::Commit>;

constexpr std::size_t head_bytes = Wal::block_bytes;   // of the file, before the ring

class WalTest : public ::testing::Test {
 protected:
  ~WalTest() override { testing::disarm(); }

  Result<std::unique_ptr<Wal>, StoreFailure> try_open(const core::PartitionUuid& uuid = test_uuid(),
                                                      Wal::Options::Create create = Wal::Options::Create::kAllowed) {
    return Wal::open({.file = file, .partition = uuid, .create = create, .blocks = blocks});
  }
  Result<Commits, StoreFailure> recover(Position end = Position(0)) {
    wal.reset();
    auto opened = try_open();
    if (!opened) return failed(opened.error());
    wal = std::move(*opened);
    return wal->recover(end);
  }
  void begin_anew() {
    wal.reset();
    std::filesystem::remove(file);
    all.clear();
    end_ = Position(0);
    must_recover();
  }
  Commits must_recover(Position end = Position(0)) {
    auto commits = recover(end);
    EXPECT_TRUE(commits.has_value()) << commits.error().message;
    return commits ? *std::move(commits) : Commits();
  }
  /// One append of commits so large.
  Commits append(std::initializer_list<std::size_t> sizes) {
    auto commits = make_commits(end_, std::span(sizes.begin(), sizes.size()));
    EXPECT_TRUE(wal->append(commits).has_value());
    end_ = commits.back().end;
    all.insert(all.end(), commits.begin(), commits.end());
    return commits;
  }
  Kind refusal_of(const Result<Commits, StoreFailure>& result, std::string_view what) {
    EXPECT_FALSE(result.has_value());
    if (result) return Kind::kFull;
    EXPECT_THAT(result.error().message, HasSubstr(std::string(what)));
    return result.error().kind;
  }
  std::string read_file() const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write_file(std::string_view bytes) const { std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes; }
  void flip(std::size_t block, std::size_t byte = 100) const {
    std::string bytes = read_file();
    bytes[head_bytes + block * Wal::block_bytes + byte] ^= 4;
    write_file(bytes);
  }

  testing::TempFolder folder;
  std::filesystem::path file = folder.path() / "log.wal";
  std::uint32_t blocks = 16;
  std::unique_ptr<Wal> wal;
  Commits all;

 private:
  Position end_;
};

void expect_same(const Commits& found, std::span<const core::Commit> expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(same_commit(found[i], expected[i])) << "commit " << i;
}

TEST_F(WalTest, IsEmptyWhenNew) {
  EXPECT_TRUE(must_recover().empty());
  EXPECT_TRUE(must_recover().empty());
  EXPECT_TRUE(wal->has_room(16));
  EXPECT_FALSE(wal->has_room(17));
}

TEST_F(WalTest, FindsWhatWasAppended) {
  must_recover();
  append({10});
  append({4'000, 1, 9'000});
  append({3'800});
  expect_same(must_recover(), all);
  append({77});
  expect_same(must_recover(), all);
}

TEST_F(WalTest, AnAppendCostsOneSync) {
  must_recover();
  const std::size_t before = testing::sync_calls();
  append({10, 20, 9'000});
  EXPECT_EQ(testing::sync_calls(), before + 1);
}

/// A sync that failed leaves pages that count as written and are not: syncing again would change nothing.
TEST_F(WalTest, OpeningWritesAndSyncsAllThatAProcessMayHaveLeftInTheKernelOnly) {
  must_recover();
  append({10});
  const std::size_t syncs = testing::sync_calls(), bytes = testing::bytes_written_ahead();
  must_recover();
  EXPECT_EQ(testing::sync_calls(), syncs + 1);
  EXPECT_EQ(testing::bytes_written_ahead(), bytes + blocks * Wal::block_bytes);
}

TEST_F(WalTest, FindsOnlyWhatTheLogDoesNotHave) {
  must_recover();
  append({10});
  append({20, 30, 40});   // of one append the log may have a part
  expect_same(must_recover(all[1].end), std::span(all).subspan(2));
  expect_same(must_recover(all[3].end), {});
}

TEST_F(WalTest, GoesRoundWithWhatIsReleased) {
  must_recover();
  std::mt19937 random(7);
  std::size_t waiting = 0;   // from here on in `all`
  for (int i = 0; i < 2'000; ++i) {
    const std::size_t bytes = random() % 14'000;
    const Commits next = make_commits(all.empty() ? Position(0) : all.back().end, std::span(&bytes, 1));
    if (wal->has_room(Wal::blocks_of(next)))
      append({bytes});
    else if (waiting < all.size())
      wal->release(all[waiting++].end);
    const Position released = waiting == 0 ? Position(0) : all[waiting - 1].end;
    if (i % 17 == 0) expect_same(must_recover(released), std::span(all).subspan(waiting));
    if (HasFailure()) FAIL() << "in round " << i;
  }
  EXPECT_GT(waiting, 500u);
}

TEST_F(WalTest, GivesUpAnAppendThatIsNotWhole) {
  for (const std::size_t block : {4u, 5u, 7u}) {   // of the last append's three commits
    begin_anew();
    const Position end = append({9'000, 100}).back().end;
    const Commits torn = make_commits(end, std::vector<std::size_t>{10, 5'000, 20});
    ASSERT_TRUE(wal->append(torn).has_value());
    flip(block);
    expect_same(must_recover(), all);
    // The same positions again, in fewer commits: nothing of the first try may come back.
    const Commits again = {make_commit(end, 1, 50)};
    ASSERT_TRUE(wal->append(again).has_value());
    all.push_back(again.front());
    expect_same(must_recover(), all);
  }
}

TEST_F(WalTest, RefusesToGoOnWithoutACommitThatWasConfirmed) {
  must_recover();
  append({14});   // five positions
  append({20, 30});
  append({40});
  const std::string sound = read_file();
  for (const std::size_t block : {0u, 1u, 2u}) {
    flip(block);
    EXPECT_EQ(refusal_of(recover(), "misses commits between positions"), Kind::kCorrupt) << "block " << block;
    write_file(sound);
  }
  expect_same(must_recover(), all);
  EXPECT_EQ(refusal_of(recover(Position(2)), "misses commits"), Kind::kCorrupt) << "the log ends within a commit";
}

TEST_F(WalTest, DamageToTheNewestCommitsIsToldByTheirHeads) {
  must_recover();
  for (int i = 0; i < 4; ++i) append({50});
  flip(2);
  flip(3);
  EXPECT_EQ(refusal_of(recover(), "misses commits between positions 2 and 3"), Kind::kCorrupt);
}

/// What a bit that fell can cost is the last append, which nobody can tell from one that was never confirmed.
TEST_F(WalTest, ABitThatFellIsNeverTakenForWhatWasWritten) {
  must_recover();
  for (const std::size_t size : {10u, 4'000u, 600u, 9'000u}) append({size, size / 2});
  const std::string sound = read_file();
  std::mt19937 random(11);
  int refused = 0, harmless = 0, lost_last = 0;
  for (int i = 0; i < 1'500; ++i) {
    std::string bytes = sound;
    const std::size_t place = i % 2 == 0 ? random() % bytes.size() : random() % (bytes.size() / 4096) * 4096 + random() % 64;
    bytes[place] = static_cast<char>(bytes[place] ^ (1 << random() % 8));
    write_file(bytes);
    const auto found = recover();
    if (!found) {
      ++refused;
    } else {
      ASSERT_TRUE(found->size() == all.size() || found->size() == all.size() - 2) << place;
      ++(found->size() == all.size() ? harmless : lost_last);
      expect_same(*found, std::span(all).first(found->size()));
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(harmless, 100);
  EXPECT_GT(lost_last, 20);
}

/// A payload may hold the bytes of a record, where a record could begin.
TEST_F(WalTest, APayloadIsNoRecord) {
  must_recover();
  append({100});
  const std::string other = read_file().substr(head_bytes, Wal::block_bytes);
  begin_anew();
  append({10});
  for (std::size_t shift = 0; shift < Wal::block_bytes; shift += 512) {
    std::string shifted(shift, 'y');
    for (int i = 0; i < 3; ++i) shifted += other;
    const core::Commit forged{.first = all.back().end, .end = all.back().end.plus(1), .value = testing::shared_text(shifted)};
    if (!wal->has_room(Wal::blocks_of({&forged, 1}))) wal->release(all.back().end);
    ASSERT_TRUE(wal->append({&forged, 1}).has_value());
    all.push_back(forged);
    expect_same(must_recover(all[all.size() - 2].end), std::span(all).last(1));
  }
}

TEST_F(WalTest, FindsNothingOnceItIsWiped) {
  must_recover();
  append({10});
  append({20, 9'000});
  ASSERT_TRUE(wal->wipe().has_value());
  EXPECT_TRUE(wal->has_room(16));
  EXPECT_TRUE(must_recover().empty());
}

TEST_F(WalTest, RefusesWhatIsNotItsFile) {
  must_recover();
  append({10});
  wal.reset();
  const std::string sound = read_file();
  const auto refusal = [&](const core::PartitionUuid& uuid = test_uuid()) {
    const auto opened = try_open(uuid, Wal::Options::Create::kRefuse);
    EXPECT_FALSE(opened.has_value());
    return opened ? StoreFailure{} : opened.error();
  };
  EXPECT_EQ(refusal(test_uuid(2)).kind, Kind::kForeign);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{5'000}, sound.size() - 1, sound.size() - Wal::block_bytes}) {
    write_file(sound.substr(0, bytes));
    EXPECT_EQ(refusal().kind, Kind::kCorrupt) << bytes;
  }
  write_file(sound + std::string(Wal::block_bytes, '\0'));
  EXPECT_EQ(refusal().kind, Kind::kCorrupt);
  write_file(std::string(sound.size(), 'x'));
  EXPECT_THAT(refusal().message, HasSubstr("is not a write-ahead file: restore the folder from a backup"));
  write_file("");
  EXPECT_THAT(refusal().message, HasSubstr("log.wal is empty"));
  std::filesystem::remove(file);
  EXPECT_THAT(refusal().message, HasSubstr("log.wal is missing"));
  write_file(sound);
  expect_same(must_recover(), all);
}

TEST_F(WalTest, AShortWriteIsFinished) {
  must_recover();
  arm(DiskFault::kWriteIsShort);
  append({5'000, 10});
  expect_same(must_recover(), all);
}

TEST_F(WalTest, AWriteThatFoundNoRoomLeavesNothing) {
  must_recover();
  append({10});
  arm(DiskFault::kAheadWritesFail, ENOSPC);
  const core::Commit next = make_commit(all.back().end, 1, 20);
  const auto appended = wal->append({&next, 1});
  ASSERT_FALSE(appended.has_value());
  EXPECT_EQ(appended.error().kind, Kind::kFull);
  EXPECT_EQ(refusal_of(recover(), "cannot write it anew"), Kind::kFull);
  testing::disarm();
  expect_same(must_recover(), all);
}

TEST_F(WalTest, OpeningAsksForRoom) {
  must_recover();
  append({10});
  wal.reset();
  auto opened = Wal::open({.file = file, .partition = test_uuid(), .make_room = [] {
                             testing::disarm();
                             return true;
                           }});
  ASSERT_TRUE(opened.has_value());
  arm(DiskFault::kAheadWritesFail, ENOSPC);
  const auto found = (*opened)->recover(Position(0));
  ASSERT_TRUE(found.has_value()) << found.error().message;
  expect_same(*found, all);
}

TEST_F(WalTest, ItIsNotMadeWhereThereIsNoRoom) {
  arm(DiskFault::kWriteFails, ENOSPC);
  const auto opened = try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Kind::kFull);
}

using WalDeathTest = WalTest;

TEST_F(WalDeathTest, AFailedSyncOrWriteStopsTheProcess) {
  must_recover();
  for (const DiskFault fault : {DiskFault::kSyncFails, DiskFault::kWriteFails})
    EXPECT_DEATH(
        {
          arm(fault, EIO);
          append({10});
        },
        "log.wal to the disk failed .* nobody can know what it kept");
}

}  // namespace
}  // namespace takt::store
