#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>

#include "broker/store/data_folder.h"

namespace takt::runtime {

/// One partition's log and tables as the threads share them. Opening them anew waits until nobody looks any more.
/// Thread: any.
class Stores {
 public:
  /// Log and tables stay the same objects as long as this lives; keep it for one short operation.
  struct Access {
    std::shared_lock<std::shared_mutex> lock;
    store::Log* log = nullptr;         ///< both null: opening them anew failed
    store::Tables* tables = nullptr;
    explicit operator bool() const { return log != nullptr && tables != nullptr; }
  };

  virtual ~Stores() = default;
  virtual Access use() = 0;
  virtual Result<void, store::StoreFailure> reopen() = 0;
  /// Cost: a system call; may wait for the disk.
  virtual store::DiskRoom disk() = 0;
};

/// Partition 0 of a data folder.
class FolderStores final : public Stores {
 public:
  explicit FolderStores(store::DataFolder folder) : folder_(std::move(folder)) {}

  Access use() override {
    std::shared_lock lock(mutex_);
    const auto& partition = folder_.partitions.front();
    return {std::move(lock), partition.log.get(), partition.tables.get()};
  }
  Result<void, store::StoreFailure> reopen() override {
    const std::unique_lock lock(mutex_);
    return folder_.reopen(0);
  }
  store::DiskRoom disk() override {
    std::shared_lock lock(mutex_);
    return folder_.ballast->look();
  }
  const core::PartitionUuid& uuid() const { return folder_.partitions.front().uuid; }

 private:
  std::shared_mutex mutex_;
  store::DataFolder folder_;   // guarded by mutex_
};

}  // namespace takt::runtime
