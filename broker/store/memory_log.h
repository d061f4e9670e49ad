#pragma once

#include <atomic>

#include "broker/store/log.h"
#include "broker/store/memory_disk.h"

namespace takt::store {

/// The log's twin on a simulated disk. Stricter than the real one: it checks every commit's sections when it is
/// appended, and stops the process when two threads write at once or two logs are open on one disk.
class MemoryLog final : public Log {
 public:
  explicit MemoryLog(MemoryDisk& disk);
  ~MemoryLog() override;
  MemoryLog(const MemoryLog&) = delete;
  MemoryLog& operator=(const MemoryLog&) = delete;

  LogBounds bounds() const override;
  Result<void, StoreFailure> append(std::span<const core::Commit> commits) override;
  Result<std::vector<core::Commit>, StoreFailure> read(Position from, std::size_t bytes_max) const override;
  Result<void, StoreFailure> scan(Position from, std::size_t bytes_max, const Visit& visit) const override;
  Result<void, StoreFailure> truncate_after(Position end) override;
  Result<void, StoreFailure> free_before(Position position) override;

 private:
  bool is_dead() const { return generation_ != disk_.generation_; }
  Result<void, StoreFailure> try_append(std::span<const core::Commit> commits);

  MemoryDisk& disk_;
  const std::uint64_t generation_;
  std::atomic<bool> appending_ = false;
  std::atomic<bool> freeing_ = false;
  bool refuses_appends_ = false;
};

}  // namespace takt::store
