#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "broker/store/fair_mutex.h"
#include "broker/store/lmdb_log.h"
#include "broker/store/wal.h"

namespace takt::store {

/// A log in LMDB with a write-ahead file in front of it: a small append is written there, one sync instead of LMDB's two,
/// and drain() moves many of them into LMDB at once; a large one goes to LMDB with all that waits. What waits is kept in
/// memory, at most the file's size, and read from there. While LMDB has no room, small appends go on as long as the
/// write-ahead file has.
/// Thread: as Log's; append beside one of drain, free_before and preallocate.
class WalLog final : public Log {
 public:
  struct Options {
    LmdbLog::Options log;                   ///< the write-ahead file is beside it, with the ending `.wal`
    std::size_t drain_bytes = 2u << 20;     ///< of that file in use when a drain is due
    std::uint32_t wal_blocks = 1024;        ///< of that file when it is made
  };
  /// Errors: LmdbLog's and Wal's.
  static Result<std::unique_ptr<WalLog>, StoreFailure> open(Options options);
  /// Drains, as far as the disk lets it, unless an append has failed.
  ~WalLog() override;

  LogBounds bounds() const override;
  std::string name() const override { return log_->name(); }
  Result<void, StoreFailure> append(std::span<const core::Commit> commits) override;
  Result<std::vector<core::Commit>, StoreFailure> read(Position from, std::size_t bytes_max) const override;
  Result<void, StoreFailure> scan(Position from, std::size_t bytes_max, const Visit& visit) const override;
  Result<void, StoreFailure> truncate_after(Position end) override;
  Result<void, StoreFailure> free_before(Position position) override;
  bool preallocate() override;
  bool is_drain_due() const override;
  void drain() override;

 private:
  WalLog(const core::PartitionUuid& partition, std::unique_ptr<Log> log, std::unique_ptr<Wal> wal, std::span<const core::Commit> waiting,
         std::size_t drain_bytes);
  Result<void, StoreFailure> try_append(std::span<const core::Commit> commits);
  Result<void, StoreFailure> append_directly(std::span<const core::Commit> commits);
  std::vector<core::Commit> waiting() const;
  std::optional<std::vector<core::Commit>> waiting_from(Position from) const;
  Result<void, StoreFailure> show(std::span<const core::Commit> commits, std::size_t bytes_max, const Visit& visit) const;
  void add_waiting(const core::Commit& commit);   ///< with state_mutex_ held
  // With log_mutex_ held:
  Result<void, StoreFailure> move_to_log(std::span<const core::Commit> commits);
  Result<void, StoreFailure> drain_all();
  void look_at_log();
  StoreFailure refusal(const std::string& what) const { return {StoreFailure::Kind::kRefused, name() + ": " + what}; }

  const core::PartitionUuid partition_;
  const std::unique_ptr<Log> log_;
  const std::unique_ptr<Wal> wal_;   ///< the appending thread's
  const std::size_t drain_bytes_;
  bool refuses_appends_ = false;     ///< the appending thread's

  FairMutex log_mutex_;              ///< for who writes to log_; taken before state_mutex_
  mutable std::mutex state_mutex_;   ///< for what follows
  std::deque<core::Commit> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  std::uint64_t waiting_blocks_ = 0;
  LogBounds in_log_;
  std::size_t drain_at_;             ///< bytes of the blocks that wait when a drain is due
  std::optional<StoreFailure> drain_failure_;   ///< the next append's
};

}  // namespace takt::store
