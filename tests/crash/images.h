#pragma once
// Crash images of one recording, many: built, opened, held against the history.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/crash/history.h"
#include "tests/crash/image.h"
#include "tests/crash/recording.h"

namespace takt::crash {

/// A recording read back, and where files that may go are put.
struct Archive {
  /// `scratch`: a folder of its own, best in memory.
  Archive(const Recording& recording, std::filesystem::path scratch);

  const std::filesystem::path data;
  const std::filesystem::path scratch;
  const Journal journal;
  const History history;
};

struct Failure {
  std::uint64_t seed = 0;
  std::string what;
};
struct ImagesPlan {
  std::uint64_t first_seed = 1;
  std::uint64_t count = 1;
  Lie lie = Lie::kNone;
};
struct ImagesReport {
  std::uint64_t images = 0;
  std::uint64_t torn = 0;          ///< of them, those where writes were pending at the cut
  std::uint64_t went_on = 0;       ///< of them, those on which a new term was begun
  std::uint64_t messages = 0;      ///< read in all of them
  std::uint64_t carried = 0;       ///< of those, messages that had been carried out of the log
  std::uint64_t crashes = 0;       ///< the process that opened it died
  std::uint64_t wrong = 0;         ///< lost, corrupt, invented, or not opened
  std::vector<Failure> failures;
};
ImagesReport examine_images(const Archive& archive, const ImagesPlan& plan);
/// The image of a seed, to be looked at: it follows from journal, seed and lie.
void lay_out_image(const Archive& archive, std::uint64_t seed, Lie lie, const std::filesystem::path& folder);

}  // namespace takt::crash
