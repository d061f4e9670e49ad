#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/core/commit.h"
#include "broker/store/ballast.h"
#include "broker/store/log.h"
#include "broker/store/tables.h"

namespace takt::store {

inline constexpr unsigned data_folder_version = 1;

/// What the folder says about itself in identity.toml.
struct FolderIdentity {
  unsigned version = data_folder_version;
  std::vector<core::PartitionUuid> partitions;   ///< by partition number
};

/// An open data folder: `lock`, `identity.toml`, `ballast`, and in partition-N/ log.mdb, log.wal and tables.mdb.
/// docs/log-format.md has the layout. Holds the folder's lock for its whole life: destroy it last. Move-only.
struct DataFolder {
  struct Partition {
    core::PartitionUuid uuid{};
    std::unique_ptr<Log> log;
    std::unique_ptr<Tables> tables;
  };
  struct Options {
    std::filesystem::path path;
    /// Partitions that a fresh folder gets (none: 1). An existing folder must have as many; none takes what is there.
    std::optional<unsigned> partitions;
    std::size_t map_bytes = std::size_t{1} << 40;    ///< of each log and each tables file
    std::size_t ballast_bytes = 256u << 20;          ///< given up when the disk is full; 0: none
    std::size_t drain_bytes = 2u << 20;              ///< of the write-ahead file in use when it is to be drained
  };
  /// Releases the folder when destroyed.
  class Lock;

  /// Opens the folder, or makes it when it is missing or empty (`lost+found` is ignored). A creation that was interrupted
  /// is begun anew. Refuses network file systems.
  /// Errors: kLocked (names the process), kForeign (not a takt folder, a newer version, another partition count, a network
  /// file system), kCorrupt (files missing or damaged; tables ahead of the log's end or behind its front), kIo, kFull.
  static Result<DataFolder, StoreFailure> open(const Options& options);

  /// Closes partition `index` and opens it again: what a leader does after a failed append. Whoever used its log and tables
  /// must have stopped. On failure the partition has neither.
  Result<void, StoreFailure> reopen(std::size_t index);

  DataFolder(DataFolder&&) noexcept;
  DataFolder& operator=(DataFolder&&) noexcept;
  ~DataFolder();

  // Ordered so that the stores close before the lock is released.
  std::unique_ptr<Lock> lock;
  Options options;
  FolderIdentity identity;
  std::unique_ptr<Ballast> ballast;
  std::vector<Partition> partitions;

 private:
  DataFolder();
};

/// The name of the network (or user space) file system that statfs's `magic` stands for; none for a local one. LMDB's map
/// and locks can't be trusted there.
std::optional<std::string_view> network_filesystem(long magic);
/// `0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0`.
std::string uuid_text(const core::PartitionUuid& uuid);

/// identity.toml as text, and back. Errors of parse: what is wrong and in which line.
std::string render_identity(const FolderIdentity& identity);
Result<FolderIdentity, StoreFailure> parse_identity(std::string_view text, std::string_view file);

}  // namespace takt::store
