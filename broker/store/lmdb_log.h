#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "broker/store/log.h"

namespace takt::store {

/// A partition's log in one LMDB file: one value per commit under its first position, big-endian. docs/log-format.md
/// has the layout. The file grows to the most that was ever kept, and at most 64 MiB further, and is reused from then on; it
/// never shrinks.
/// One process, one object per file; data_folder.h sees to it.
class LmdbLog final : public Log {
 public:
  struct Options {
    std::filesystem::path file;
    core::PartitionUuid partition{};
    std::size_t map_bytes = std::size_t{1} << 40;
    /// kRefuse: a missing, empty or fresh file means damage.
    enum class Create { kAllowed, kRefuse } create = Create::kAllowed;
    /// Called when the disk is full; true when it made some room (a ballast file was removed).
    std::function<bool()> make_room;
  };

  /// Cost: reads the keys of at most some thousand commits, and the last commit whole, checksums included.
  /// Errors: kIo, kFull, kCorrupt, kForeign (another partition's log, or a newer format).
  static Result<std::unique_ptr<LmdbLog>, StoreFailure> open(Options options);
  ~LmdbLog() override;

  LogBounds bounds() const override;
  std::string name() const override;
  Result<void, StoreFailure> append(std::span<const core::Commit> commits) override;
  Result<std::vector<core::Commit>, StoreFailure> read(Position from, std::size_t bytes_max) const override;
  Result<void, StoreFailure> scan(Position from, std::size_t bytes_max, const Visit& visit) const override;
  Result<void, StoreFailure> truncate_after(Position end) override;
  Result<void, StoreFailure> free_before(Position position) override;
  bool preallocate() override;

 private:
  class Body;
  explicit LmdbLog(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace takt::store
