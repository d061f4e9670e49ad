// Samples of takt_crash, and that it hears a disk that lies. The long runs: scripts/prove crash-images, bit-flips, disk-faults.

#include <gtest/gtest.h>

#include "tests/crash/faults.h"
#include "tests/crash/flips.h"
#include "tests/support/temp_folder.h"

namespace takt::crash {
namespace {

std::string text_of(const std::vector<Failure>& failures) {
  std::string text;
  for (const Failure& failure : failures) text += "seed " + std::to_string(failure.seed) + ": " + failure.what + "\n";
  return text;
}

/// One recording serves all.
class Crash : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = std::make_unique<takt::testing::TempFolder>();
    std::filesystem::create_directories(folder->path() / "scratch");
    const Recording recording =
        record({.folder = folder->path() / "recording", .seed = 2, .messages = 900, .kill = RecordingPlan::Kill::kOnce});
    ASSERT_EQ(recording.end, Recording::End::kStopped) << recording.log;
    archive = std::make_unique<Archive>(recording, folder->path() / "scratch");
  }
  static void TearDownTestSuite() {
    archive.reset();
    folder.reset();
  }

  static inline std::unique_ptr<takt::testing::TempFolder> folder;
  static inline std::unique_ptr<Archive> archive;
};

TEST_F(Crash, WhereverTheMachineStopsWhatWasToldIsOnTheDiskAndNothingElse) {
  const ImagesReport report = examine_images(*archive, {.first_seed = 1, .count = 150});
  EXPECT_EQ(report.failures.size(), 0u) << text_of(report.failures);
  EXPECT_EQ(report.images, 150u);
  EXPECT_GT(report.torn, 30u);
  EXPECT_GT(report.went_on, 20u);
  EXPECT_GT(report.carried, 0u) << "nothing was carried out of the log's front, so nothing of that was looked at";
}

TEST_F(Crash, ADiskThatSyncsInNameOnlyIsHeard) {
  const ImagesReport report = examine_images(*archive, {.first_seed = 1, .count = 40, .lie = Lie::kSync});
  EXPECT_GT(report.failures.size(), 20u);
}

TEST_F(Crash, AMetaPageThatIsNotSyncedIsHeard) {
  // Few hear it: the write-ahead file still has what such a page is about, but for the large appends that go past it.
  const ImagesReport report = examine_images(*archive, {.first_seed = 1, .count = 300, .lie = Lie::kWrite});
  EXPECT_GT(report.failures.size(), 5u);
}

TEST_F(Crash, ALogThatWasPutBackIsHeard) {
  const ImagesReport report = examine_images(*archive, {.first_seed = 1, .count = 20, .lie = Lie::kStale});
  EXPECT_GT(report.failures.size(), 15u);
}

TEST_F(Crash, AFallenBitIsHarmlessOrSaid) {
  const FlipsReport report = examine_flips(*archive, {.first_seed = 1, .count = 150});
  EXPECT_EQ(report.failures.size(), 0u) << text_of(report.failures);
  EXPECT_EQ(report.flips, 150u);
  EXPECT_GT(report.refused + report.passed_over, 10u);
}

/// In the start, in the load, and in the stop. Short and full come to pass with writes only, of which there are fewer.
TEST_F(Crash, ACallThatFailsLosesNothingAndTheBrokerSaysSo) {
  FaultsPlan plan{.folder = folder->path() / "faults", .scratch = folder->path() / "scratch"};
  std::uint64_t struck = 0;
  const auto run = [&](FaultKind kind, std::uint64_t first, std::uint64_t step) {
    FaultsPlan one = plan;
    one.kinds = {kind};
    one.first_call = first;
    one.count = 2;
    one.step = step;
    const FaultsReport report = examine_faults(one);
    EXPECT_EQ(report.failures.size(), 0u) << text_of(report.failures);
    struck += report.struck;
  };
  run(FaultKind::kFail, 7, 60);
  run(FaultKind::kShort, 9, 40);
  run(FaultKind::kFull, 9, 40);
  // Which call is the n-th depends on the machine; of the write-ahead file's own these are a write of an append and a sync.
  plan.is_wal_only = true;
  run(FaultKind::kFail, 20, 11);
  EXPECT_GE(struck, 7u);
}

}  // namespace
}  // namespace takt::crash
