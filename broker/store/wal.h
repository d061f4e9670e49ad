#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/store/file.h"
#include "broker/store/log.h"

namespace takt::store {

/// A write-ahead file: a ring of 4 KiB blocks that are written over in place, where small commits are durable after one
/// sync of a few blocks, until a larger transaction has taken them over. docs/log-format.md has the layout.
/// Thread: one at a time.
class Wal {
 public:
  struct Options {
    std::filesystem::path file;
    core::PartitionUuid partition{};
    /// kRefuse: a missing file means damage.
    enum class Create { kAllowed, kRefuse } create = Create::kAllowed;
    std::uint32_t blocks = 1024;   ///< of the ring of a new file, 4 MiB; 1 to 65,536
    /// Called when the disk is full while the file is opened; true when it made some room.
    std::function<bool()> make_room{};
  };
  static constexpr std::size_t block_bytes = 4096;

  /// Blocks that `commits` take.
  static std::size_t blocks_of(std::span<const core::Commit> commits);

  /// Reads the whole file. Errors: kIo, kFull, kCorrupt (missing, cut short, its head damaged), kForeign (another partition's,
  /// or a newer layout).
  static Result<std::unique_ptr<Wal>, StoreFailure> open(Options options);

  /// The commits that follow a log's `end`, in order: all that were confirmed, and the last append if it is whole. They
  /// stay until they are released, the rest is free. Writes the whole ring anew, those commits too, and syncs it: what was
  /// read may be in the kernel's memory only. Once, after open.
  /// Errors: kCorrupt, when commits are missing in front of some that are there; kIo, kFull.
  Result<std::vector<core::Commit>, StoreFailure> recover(Position end);

  /// There is a free stretch of `count` blocks.
  bool has_room(std::size_t count) const { return place(count).has_value(); }
  /// Writes `commits`, for which there must be room, so that recover() finds all or none of them, and syncs once.
  /// Errors: kFull: all or none of them will be found. Whatever else fails does not return: the process aborts, because
  /// nobody can know what the disk kept.
  Result<void, StoreFailure> append(std::span<const core::Commit> commits);
  /// The log holds every commit that ends at or before `end`: their blocks are free.
  void release(Position end);
  /// Overwrites everything, synced, so that no commit is found again when the log goes back. Errors: kFull, kIo.
  Result<void, StoreFailure> wipe();

 private:
  /// Blocks with the commits of one append.
  struct Stretch {
    Position end;
    std::size_t block;
    std::size_t count;
  };
  struct Record {
    Position append_first;  ///< of the append that it belongs to
    std::uint64_t following = 0;  ///< records of the same append behind it
    std::size_t block = 0;
    bool is_whole = false;  ///< false: the head only
    core::Commit commit;
    bool continues(const Record& before) const {
      return commit.first == before.commit.end && append_first == before.append_first && following + 1 == before.following;
    }
  };

  Wal(Options options, File file) : options_(std::move(options)), file_(std::move(file)) {}
  Result<void, StoreFailure> make();
  Result<void, StoreFailure> read(std::size_t bytes);
  std::optional<Record> record_at(ByteView ring, std::size_t block) const;
  std::optional<std::size_t> place(std::size_t count) const;
  int write_anew(std::span<const Record> kept) const;
  void sync();
  StoreFailure corrupt(const std::string& what) const;

  const Options options_;
  const File file_;
  std::size_t blocks_ = 0;  ///< of the ring
  std::uint64_t seed_ = 0;  ///< of all checksums: nobody outside knows it, so no payload can pass for a record
  std::vector<Record> found_;  ///< between open and recover
  std::deque<Stretch> in_use_;  ///< oldest first
  std::size_t next_ = 0;  ///< block behind the newest
};

}  // namespace takt::store
