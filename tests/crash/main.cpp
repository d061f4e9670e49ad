// takt_crash: what stands on the disk after a crash or a fallen bit, and what a failing disk does to taktd.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "tests/crash/faults.h"
#include "tests/crash/flips.h"
#include "tests/support/proof.h"

namespace {

using namespace takt::crash;
namespace fs = std::filesystem;

constexpr std::uint64_t seeds_per_recording = 1'000'000;   // so that two recordings share none

struct Options {
  takt::testing::Slice slice;
  std::string recording;
  std::optional<std::uint64_t> only;
  std::string lay_out;
  Lie lie = Lie::kNone;
  std::uint64_t step = 1;
  bool is_wal_only = false;
};

/// A folder that goes with its object, unless it is to be looked at.
class Folder {
 public:
  explicit Folder(const fs::path& below) : path_((below / "takt-crash-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error(path_ + " cannot be made");
  }
  ~Folder() {
    std::error_code ignored;
    if (!is_kept_) fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path path() const { return path_; }
  void keep() { is_kept_ = true; }

 private:
  std::string path_;
  bool is_kept_ = std::getenv("TAKT_PROVE_KEEP") != nullptr;
};

/// Images are written and read thousands of times: in memory, where there is room for files.
fs::path fastest_folder() { return fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path(); }

Recording recording_of(const Options& options, const fs::path& folder) {
  if (!options.recording.empty()) {
    const fs::path there = options.recording;
    return {.journal = there / "journal", .data = there / "data", .log = {}};
  }
  Recording recording = record({.folder = folder / "recording",
                                .seed = options.slice.seed,
                                .kill = options.slice.seed % 2 == 0 ? RecordingPlan::Kill::kOnce : RecordingPlan::Kill::kNever});
  if (recording.end != Recording::End::kStopped) throw std::runtime_error("the recorded broker did not end in order:\n" + recording.log);
  std::printf("recording %" PRIu64 ": %" PRIu64 " sends and %" PRIu64 " acks confirmed\n", options.slice.seed, recording.stored,
              recording.done);
  return recording;
}

std::uint64_t first_seed(const Options& options) { return options.only.value_or(options.slice.seed * seeds_per_recording); }
std::uint64_t count(const Options& options) { return options.only ? 1 : options.slice.count; }

/// The exit code.
int judge(const std::vector<Failure>& failures, const char* command, const fs::path& recording, Folder& folder) {
  if (failures.empty()) return 0;
  folder.keep();
  for (const Failure& failure : failures) std::printf("FAILED: seed %" PRIu64 ": %s\n", failure.seed, failure.what.c_str());
  if (!recording.empty())
    std::printf("repeat with: takt_crash %s --recording %s --only %" PRIu64 "\n", command, recording.c_str(), failures.front().seed);
  return 1;
}

int run_images(const Options& options) {
  Folder folder(fs::temp_directory_path());
  const Folder scratch(fastest_folder());
  const Recording recording = recording_of(options, folder.path());
  const Archive archive(recording, scratch.path());
  if (!options.lay_out.empty()) {
    lay_out_image(archive, first_seed(options), options.lie, options.lay_out);
    return 0;
  }
  const ImagesReport report = examine_images(archive, {.first_seed = first_seed(options), .count = count(options), .lie = options.lie});
  takt::testing::print_figures({{"images", report.images},
                                {"torn", report.torn},
                                {"went_on", report.went_on},
                                {"messages", report.messages},
                                {"carried", report.carried},
                                {"crashes", report.crashes},
                                {"wrong", report.wrong}});
  return judge(report.failures, "images", recording.data.parent_path(), folder);
}

int run_flips(const Options& options) {
  Folder folder(fs::temp_directory_path());
  const Folder scratch(fastest_folder());
  const Recording recording = recording_of(options, folder.path());
  const Archive archive(recording, scratch.path());
  const FlipsReport report = examine_flips(archive, {.first_seed = first_seed(options), .count = count(options)});
  takt::testing::print_figures({{"flips", report.flips},
                                {"harmless", report.harmless},
                                {"refused", report.refused},
                                {"passed_over", report.passed_over},
                                {"crashes", report.crashes},
                                {"wrong", report.wrong}});
  return judge(report.failures, "flips", recording.data.parent_path(), folder);
}

int run_faults(const Options& options) {
  Folder folder(fs::temp_directory_path());
  const Folder scratch(fastest_folder());
  const FaultsReport report = examine_faults({.folder = folder.path(),
                                              .scratch = scratch.path(),
                                              .first_call = (options.slice.seed - 1) * options.slice.count * options.step + 1,
                                              .count = options.slice.count,
                                              .step = options.step,
                                              .is_wal_only = options.is_wal_only});
  takt::testing::print_figures({{"calls", report.calls},
                                {"runs", report.runs},
                                {"struck", report.struck},
                                {"stopped", report.stopped},
                                {"survived", report.survived},
                                {"images", report.images},
                                {"failures", report.failures.size()}});
  return judge(report.failures, "faults", {}, folder);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"takt_crash: what stands on the disk after a crash or a fallen bit, and what a failing disk does to taktd"};
  app.require_subcommand(1);
  Options options;
  options.slice = takt::testing::slice_or({.count = 1000});
  const std::map<std::string, Lie> lies{{"none", Lie::kNone}, {"sync", Lie::kSync}, {"write", Lie::kWrite}, {"stale", Lie::kStale}};
  auto* images = app.add_subcommand("images", "records a broker under load and opens what losses of power may leave of its files");
  auto* flips = app.add_subcommand("flips", "records a broker under load, stops it, and turns single bits over in its files");
  auto* faults = app.add_subcommand("faults", "lets calls to the disk fail, one in each run of a broker: SEED * COUNT names the first");
  for (auto* command : {images, flips, faults}) {
    command->add_option("--seed", options.slice.seed, "of the recording [TAKT_PROVE_SEED, 1]");
    command->add_option("--count", options.slice.count, "how many [TAKT_PROVE_COUNT, 1000]");
  }
  for (auto* command : {images, flips}) {
    command->add_option("--recording", options.recording, "FOLDER: one that a failure left, instead of a new one");
    command->add_option("--only", options.only, "SEED: of one image or flip");
  }
  images->add_option("--lie", options.lie, "a disk that does not keep its word: sync, write or stale")
      ->transform(CLI::CheckedTransformer(lies));
  images->add_option("--lay-out", options.lay_out, "FOLDER: write the image of --only there and open nothing");
  faults->add_option("--step", options.step, "between two calls");
  faults->add_flag("--wal", options.is_wal_only, "count the calls on log.wal alone");
  CLI11_PARSE(app, argc, argv);
  try {
    if (images->parsed()) return run_images(options);
    return flips->parsed() ? run_flips(options) : run_faults(options);
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
    return 1;
  }
}
