#include "broker/store/data_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "broker/store/wal_log.h"
#include "tests/conformance/commits.h"
#include "tests/store/faulty_disk.h"
#include "tests/support/temp_folder.h"

namespace takt::store {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_commit;
using Kind = StoreFailure::Kind;

class DataFolderTest : public ::testing::Test {
 protected:
  Result<DataFolder, StoreFailure> open(std::optional<unsigned> partitions = std::nullopt) {
    return DataFolder::open({.path = path, .partitions = partitions, .map_bytes = std::size_t{1} << 30, .ballast_bytes = 64 * 1024});
  }
  DataFolder must_open(std::optional<unsigned> partitions = std::nullopt) {
    auto folder = open(partitions);
    EXPECT_TRUE(folder.has_value()) << folder.error().message;
    return std::move(folder.value());
  }
  StoreFailure refusal(std::optional<unsigned> partitions = std::nullopt) {
    const auto folder = open(partitions);
    EXPECT_FALSE(folder.has_value());
    return folder ? StoreFailure{} : folder.error();
  }
  static void append(DataFolder::Partition& partition, std::uint32_t count) {
    const auto commit = make_commit(partition.log->bounds().end, count, 100, partition.uuid);
    ASSERT_TRUE(partition.log->append(std::span(&commit, 1)).has_value());
  }
  void write(const fs::path& file, std::string_view text) { std::ofstream(path / file) << text; }
  std::string read(const fs::path& file) {
    std::ifstream input(path / file);
    return {std::istreambuf_iterator<char>(input), {}};
  }

  testing::TempFolder temp;
  fs::path path = temp.path() / "some" / "takt-data";
};

TEST_F(DataFolderTest, IsMadeWhenMissingAndFoundAgain) {
  core::PartitionUuid uuid;
  {
    DataFolder folder = must_open();
    ASSERT_EQ(folder.partitions.size(), 1u);
    uuid = folder.partitions[0].uuid;
    append(folder.partitions[0], 3);
    ASSERT_TRUE(folder.partitions[0].tables->checkpoint({.applied = Position(2), .erased = {}, .changed = {}}).has_value());
  }
  const DataFolder folder = must_open();
  EXPECT_EQ(folder.partitions[0].uuid, uuid);
  EXPECT_EQ(folder.partitions[0].log->bounds().end, Position(3));
  EXPECT_EQ(folder.partitions[0].tables->applied(), Position(2));
  EXPECT_EQ(fs::file_size(path / "ballast"), 64u * 1024);
}

TEST_F(DataFolderTest, TheBallastIsGivenUpAndTakenBackWhenThereIsRoom) {
  const DataFolder folder = must_open();
  EXPECT_FALSE(folder.ballast->look().is_ballast_gone);
  EXPECT_TRUE(folder.ballast->give_up());
  EXPECT_FALSE(fs::exists(path / "ballast"));
  EXPECT_FALSE(folder.ballast->give_up()) << "once";
  const auto room = folder.ballast->look();
  EXPECT_FALSE(room.is_ballast_gone);
  EXPECT_LT(room.free_bytes, ~std::uint64_t{0});
  EXPECT_EQ(fs::file_size(path / "ballast"), 64u * 1024);
}

TEST_F(DataFolderTest, HasAPartitionOfItsOwnForEach) {
  DataFolder folder = must_open(3);
  ASSERT_EQ(folder.partitions.size(), 3u);
  EXPECT_NE(folder.partitions[0].uuid, folder.partitions[1].uuid);
  append(folder.partitions[1], 5);
  EXPECT_EQ(folder.partitions[0].log->bounds().end, Position(0));
  EXPECT_EQ(folder.partitions[1].log->bounds().end, Position(5));
}

TEST_F(DataFolderTest, KeepsItsPartitionCount) {
  { must_open(2); }
  const auto refused = refusal(3);
  EXPECT_EQ(refused.kind, Kind::kForeign);
  EXPECT_THAT(refused.message, HasSubstr("made with 2 partition(s) and the configuration says 3"));
  EXPECT_THAT(refused.message, HasSubstr("set partitions = 2"));
  EXPECT_EQ(must_open().partitions.size(), 2u);
}

TEST_F(DataFolderTest, IsLockedForOthersAndSaysByWhom) {
  const DataFolder folder = must_open();
  const auto refused = refusal();
  EXPECT_EQ(refused.kind, Kind::kLocked);
  EXPECT_THAT(refused.message, HasSubstr("in use by process " + std::to_string(::getpid())));
}

TEST_F(DataFolderTest, IsFreeAgainWhenItsProcessWasKilled) {
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto folder = open();
    const char opened = folder ? 'y' : 'n';
    if (::write(ends[1], &opened, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char opened = 0;
  ASSERT_EQ(::read(ends[0], &opened, 1), 1);
  EXPECT_EQ(opened, 'y');
  EXPECT_THAT(refusal().message, HasSubstr("process " + std::to_string(child)));
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(ends[0]);
  ::close(ends[1]);
  must_open();
}

TEST_F(DataFolderTest, LeavesAStrangersFolderUntouched) {
  fs::create_directories(path);
  write("notes.txt", "mine");
  const auto refused = refusal();
  EXPECT_EQ(refused.kind, Kind::kForeign);
  EXPECT_THAT(refused.message, HasSubstr("it holds notes.txt and no identity.toml; choose an empty or a new folder"));
  EXPECT_EQ(std::distance(fs::directory_iterator(path), fs::directory_iterator()), 1);
}

TEST_F(DataFolderTest, TakesTheRootOfAFreshFileSystem) {
  fs::create_directories(path / "lost+found");
  must_open();
}

TEST_F(DataFolderTest, ACreationThatWasInterruptedIsBegunAnew) {
  { must_open(); }
  fs::rename(path / "identity.toml", path / "identity.toml.new");
  fs::remove(path / "partition-0" / "tables.mdb");
  const DataFolder folder = must_open();
  EXPECT_TRUE(fs::exists(path / "identity.toml"));
  EXPECT_FALSE(fs::exists(path / "identity.toml.new"));
  EXPECT_EQ(folder.partitions[0].log->bounds().end, Position(0));
}

TEST_F(DataFolderTest, MissesAFileThatWasThere) {
  { must_open(); }
  for (const std::string file : {"tables.mdb", "log.wal", "log.mdb"}) {
    fs::remove(path / "partition-0" / file);
    const auto refused = refusal();
    EXPECT_EQ(refused.kind, Kind::kCorrupt);
    EXPECT_THAT(refused.message, HasSubstr(file + " is missing"));
  }
}

TEST_F(DataFolderTest, MissesWhatStoodInFilesThatWereEmptied) {
  { must_open(); }
  for (const char* file : {"tables.mdb", "log.wal", "log.mdb"}) {
    fs::resize_file(path / "partition-0" / file, 0);
    const auto refused = refusal();
    EXPECT_EQ(refused.kind, Kind::kCorrupt);
    EXPECT_THAT(refused.message, HasSubstr(std::string(file) + " is empty"));
  }
}

TEST_F(DataFolderTest, RefusesTablesAheadOfTheLog) {
  core::PartitionUuid uuid;
  {
    DataFolder folder = must_open();
    uuid = folder.partitions[0].uuid;
    append(folder.partitions[0], 4);
    ASSERT_TRUE(folder.partitions[0].tables->checkpoint({.applied = Position(4), .erased = {}, .changed = {}}).has_value());
  }
  for (const char* file : {"log.mdb", "log.wal"}) fs::remove(path / "partition-0" / file);
  {
    ASSERT_TRUE(WalLog::open({.log = {.file = path / "partition-0" / "log.mdb", .partition = uuid, .map_bytes = 1 << 20, .make_room = {}}})
                    .has_value());
  }
  const auto refused = refusal();
  EXPECT_EQ(refused.kind, Kind::kCorrupt);
  EXPECT_THAT(refused.message, HasSubstr("the tables stand at position 4 and the log holds 0 to 0"));
}

TEST_F(DataFolderTest, RefusesTablesBehindTheLogsFront) {
  {
    DataFolder folder = must_open();
    append(folder.partitions[0], 4);
    ASSERT_TRUE(folder.partitions[0].log->free_before(Position(4)).has_value());
  }
  EXPECT_EQ(refusal().kind, Kind::kCorrupt);
}

TEST_F(DataFolderTest, RefusesSwappedPartitions) {
  { must_open(2); }
  fs::rename(path / "partition-0" / "log.mdb", path / "other");
  fs::rename(path / "partition-1" / "log.mdb", path / "partition-0" / "log.mdb");
  fs::rename(path / "other", path / "partition-1" / "log.mdb");
  EXPECT_EQ(refusal().kind, Kind::kForeign);
}

TEST_F(DataFolderTest, OpensAPartitionAnewAfterAFailedAppend) {
  DataFolder folder = must_open();
  append(folder.partitions[0], 2);
  const auto late = make_commit(Position(9), 1, 10, folder.partitions[0].uuid);
  ASSERT_FALSE(folder.partitions[0].log->append(std::span(&late, 1)).has_value());
  ASSERT_TRUE(folder.reopen(0).has_value());
  append(folder.partitions[0], 2);
  EXPECT_EQ(folder.partitions[0].log->bounds().end, Position(4));
}

TEST_F(DataFolderTest, RefusesANewerFormat) {
  { must_open(); }
  write("identity.toml", "format = 2\nshape = \"new\"\n");
  const auto refused = refusal();
  EXPECT_EQ(refused.kind, Kind::kForeign);
  EXPECT_THAT(refused.message, HasSubstr("data folder format 2, this takt reads up to 1: start the newer takt that wrote it"));
}

TEST_F(DataFolderTest, RefusesALogOfANewerLayout) {
  core::PartitionUuid uuid;
  { uuid = must_open().partitions[0].uuid; }
  const std::string of_uuid(reinterpret_cast<const char*>(uuid.data()), uuid.size());
  std::string bytes = read("partition-0/log.mdb");
  const std::string front = std::string("\1\0\0\0\0\0\0\0", 8) + of_uuid;
  const auto at = bytes.rfind(front);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 2;
  write("partition-0/log.mdb", bytes);
  const auto refused = refusal();
  EXPECT_EQ(refused.kind, Kind::kForeign);
  EXPECT_THAT(refused.message, HasSubstr("log layout version 2, this takt reads up to 1: start the newer takt that wrote it"));
}

TEST_F(DataFolderTest, RefusesACommitWithAFeatureThatItDoesNotKnow) {
  {
    DataFolder folder = must_open();
    auto& partition = folder.partitions[0];
    core::CommitHeader header;
    header.required_features = 4;
    header.partition = partition.uuid;
    const core::PendingRun run = testing::control_run(1, "event");
    const auto commit = core::seal_commit(header, std::span(&run, 1));
    ASSERT_TRUE(partition.log->append(std::span(&commit, 1)).has_value());
  }
  EXPECT_THAT(refusal().message, HasSubstr("required features 4 are unknown"));
}

TEST_F(DataFolderTest, RefusesANetworkFileSystem) {
  testing::pretend_file_system(0x6969);
  const auto refused = refusal();
  testing::disarm();
  EXPECT_EQ(refused.kind, Kind::kForeign);
  EXPECT_THAT(refused.message, HasSubstr("lies on NFS, where the store's map and locks can't be trusted"));
  EXPECT_TRUE(fs::is_empty(path)) << "nothing is made there";
}

TEST_F(DataFolderTest, RefusesAPartitionCountThatCannotBe) {
  EXPECT_EQ(refusal(0).kind, Kind::kForeign);
  EXPECT_EQ(refusal(1025).kind, Kind::kForeign);
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(DataFolderTest, APathThatIsAFileIsSaidToBeOne) {
  path = temp.path() / "file";
  std::ofstream(path) << "x";
  const auto refused = refusal();
  EXPECT_EQ(refused.kind, Kind::kIo);
  EXPECT_THAT(refused.message, HasSubstr(path.string()));
}

TEST(FolderIdentity, IsReadBackAsItWasWritten) {
  const FolderIdentity identity{.partitions = {testing::test_uuid(1), testing::test_uuid(2)}};
  const std::string text = render_identity(identity);
  EXPECT_THAT(text, HasSubstr("partition.1 = \"a0a1a2a3-a4a5-a6a7-a8a9-aaabacadae02\"\n"));
  const auto parsed = parse_identity(text, "identity.toml");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->version, 1u);
  EXPECT_EQ(parsed->partitions, identity.partitions);
}

TEST(FolderIdentity, NamesTheLineThatIsDamaged) {
  const std::string good = render_identity({.partitions = {testing::test_uuid(1)}});
  const auto problem = [](std::string text) {
    const auto parsed = parse_identity(text, "identity.toml");
    return parsed ? std::string() : parsed.error().message;
  };
  ASSERT_THAT(problem(good), IsEmpty());
  EXPECT_THAT(problem(good.substr(0, good.size() - 1)), HasSubstr("line 4: the file is cut off"));
  EXPECT_THAT(problem("format = x\n"), HasSubstr("line 1: expected `format = NUMBER`"));
  EXPECT_THAT(problem("format = 1\npartitions = 0\n"), HasSubstr("line 2: expected `partitions = NUMBER`"));
  EXPECT_THAT(problem("format = 1\npartitions = 2\n"), HasSubstr("not as many"));
  EXPECT_THAT(problem("format = 1\npartitions = 1\npartition.1 = \"a0a1a2a3-a4a5-a6a7-a8a9-aaabacadae02\"\n"), HasSubstr("line 3"));
  EXPECT_THAT(problem("format = 1\npartitions = 1\npartition.0 = \"a0a1\"\n"), HasSubstr("line 3"));
  EXPECT_THAT(problem("nonsense\n"), HasSubstr("line 1: expected `name = value`"));
  EXPECT_THAT(problem(""), HasSubstr("identity.toml"));
}

TEST(NetworkFilesystem, IsKnownByItsNumber) {
  EXPECT_EQ(network_filesystem(0x6969), "NFS");
  EXPECT_EQ(network_filesystem(0xFF534D42), "CIFS");
  EXPECT_EQ(network_filesystem(static_cast<int>(0xFF534D42)), "CIFS");   // some platforms hand it out sign-extended
  EXPECT_EQ(network_filesystem(0x65735546), "FUSE");
  EXPECT_EQ(network_filesystem(0xEF53), std::nullopt);       // ext4
  EXPECT_EQ(network_filesystem(0x01021994), std::nullopt);   // tmpfs
}

}  // namespace
}  // namespace takt::store
