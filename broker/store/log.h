#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "broker/core/commit.h"

namespace takt::store {

/// The disk did not play along.
struct StoreFailure {
  enum class Kind {
    kFull,      ///< no room, and nothing was written: reload and go on
    kIo,        ///< the disk refused before anything could count as written: reload and go on
    kCorrupt,   ///< stored bytes are not what was written
    kForeign,   ///< the folder belongs to another partition, a newer format, or to nobody's taktd
    kLocked,    ///< another process has the folder
    kRefused,   ///< the caller broke the order that the contract asks for
  };
  Kind kind = Kind::kIo;
  std::string message;   ///< what, which path, what to do
};

struct LogBounds {
  Position first;             ///< of the oldest commit kept; equals `end` when empty
  Position end;               ///< where the next commit begins
  std::uint64_t bytes = 0;    ///< of the values kept
  /// Of the disk that they take: whole pages, with the index over them. What is freed is reused, not given back, so the
  /// file may be larger.
  std::uint64_t used_bytes = 0;
};

/// A partition's log: sealed commits, appended at the end, freed from the front. Seam; its conformance suite
/// (tests/conformance/log_suite.h) holds for every implementation and would for a segment-file log.
/// Thread: append by one; free_before, preallocate and drain by one, beside it; truncate_after by one, beside nothing but
/// reads; the rest by any.
class Log {
 public:
  virtual ~Log() = default;

  virtual LogBounds bounds() const = 0;
  /// What people look for when it is damaged: its file.
  virtual std::string name() const { return "the log"; }

  /// Appends all of `commits` or none; on return they survive a crash of process and machine. The first begins at
  /// bounds().end, each next where the one before ends. Cost: one or two syncs, whatever the size.
  /// Errors: kFull, kIo, kRefused. A failed sync does not return: the process aborts, because nobody can know what the
  /// disk kept. After an error later appends may be refused (kRefused) until the log is opened anew.
  virtual Result<void, StoreFailure> append(std::span<const core::Commit> commits) = 0;

  /// Copies of whole commits, in order, from the one that contains `from` on, at least one if there is one, until
  /// `bytes_max` is passed. `from` before the first kept commit starts at that one. A short read transaction of its own.
  virtual Result<std::vector<core::Commit>, StoreFailure> read(Position from, std::size_t bytes_max) const = 0;

  /// One commit's header and directory, and how large its value is. The views hold during the call; nobody has checked what
  /// is in the sections. False: no more of them.
  using Visit = std::function<bool(const core::CommitView& commit, std::size_t bytes)>;
  /// Shows commits as read() gives them, at least one if there is one, and copies none. It may end before `bytes_max`: ask
  /// again behind the last one. Those before a damaged one are shown. `visit` is short, and calls nothing of the log.
  virtual Result<void, StoreFailure> scan(Position from, std::size_t bytes_max, const Visit& visit) const = 0;

  /// Drops the commits that begin at or after `end`; `end` must be a commit boundary. Synced on return.
  virtual Result<void, StoreFailure> truncate_after(Position end) = 0;

  /// Frees the commits that end at or before `position`, in slices that keep each transaction under 2,000 pages.
  virtual Result<void, StoreFailure> free_before(Position position) = 0;

  /// Readies some of the disk for what will be appended, where that makes appends faster. True: call again when nothing
  /// else is to do. Cost: about a millisecond.
  virtual bool preallocate() { return false; }

  /// Appends wait in front of where they stay, and enough of them that drain() should be called.
  virtual bool is_drain_due() const { return false; }
  /// Moves them there. Cost: as a large append. A failure is the next append's.
  virtual void drain() {}
};

}  // namespace takt::store
