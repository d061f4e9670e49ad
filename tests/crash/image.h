#pragma once
// A data folder as a machine that lost power at some instant may find it.

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "tests/crash/journal.h"
#include "tests/sim/random.h"

namespace takt::crash {

/// A disk that does not do what it says; the examination must hear each.
enum class Lie {
  kNone,
  kSync,        ///< a sync makes nothing durable
  kWrite,       ///< a write through a descriptor that syncs is not durable at its end
  kStale,       ///< the log is as it was some syncs ago
};

/// Where image `seed` is cut: behind which record, at `ready` or later.
std::size_t cut_of(std::uint64_t seed, const Journal& journal, std::size_t ready);

/// What is on the disk after a loss of power: all that is durable, and of what is pending, by chance, nothing, all, the
/// first so many, any, each in its own sectors or in parts.
FileContent after_power_loss(const DiskFile& file, sim::Random& random);

/// Writes log.mdb, log.wal and tables.mdb of partition 0 into `folder`, which has the recorded folder's identity.
class ImageFolder {
 public:
  ImageFolder(std::filesystem::path folder, const std::filesystem::path& recorded);
  const std::filesystem::path& path() const { return folder_; }
  void put(StoreFile file, std::span<const std::byte> content) const;

 private:
  const std::filesystem::path folder_;
};
std::string_view name_of(StoreFile file);

}  // namespace takt::crash
