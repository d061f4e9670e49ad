#pragma once
// Files as this folder uses them without LMDB. Private to the store's sources.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include "broker/store/log.h"

namespace takt::store {

/// An open descriptor; closed at the end of its life.
class File {
 public:
  File(const std::filesystem::path& path, int flags);
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&&) = delete;
  ~File();

  bool is_open() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  /// 0 when that cannot be told.
  std::uint64_t size() const;
  /// Bytes from `offset` on that were there, as many as `to` takes; negative: errno says why not.
  ssize_t read_at(std::uint64_t offset, std::span<std::byte> to) const;
  /// Writes all of `parts` at `offset`. Returns 0 or an errno.
  int write_at(std::uint64_t offset, std::vector<iovec> parts) const;

 private:
  int descriptor_;
};

/// `code`, an errno, says that there was no room.
bool is_full(int code);
/// What `code` (an errno) means to the operator when `path` could not be what `doing` says. kFull or kIo.
StoreFailure system_failure(const std::filesystem::path& path, const char* doing, int code);
/// Syncs the folder itself: names that were made or renamed in it survive a crash.
Result<void, StoreFailure> sync_folder(const std::filesystem::path& path);

/// For a write of which nobody can know what the disk kept: says so, with `reason`, and ends the process.
[[noreturn]] void stop_process(const std::filesystem::path& file, const char* reason);

}  // namespace takt::store
