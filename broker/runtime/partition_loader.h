#pragma once

#include <functional>

#include "broker/runtime/ports.h"
#include "broker/runtime/stores.h"

namespace takt::runtime {

/// Reads the tables' rows and replays the log's tail. Cost: the tables once, and what was committed since the last
/// checkpoint, in chunks; every checksum is looked at.
/// Errors: the stores', and kCorrupt: a row or commit that cannot be, tables ahead of the log's end or behind its front.
Result<LoadedPartition, store::StoreFailure> load_partition(const store::Log& log, const store::Tables& tables,
                                                            const core::PartitionSettings& settings);

/// Opens the stores anew first, when `stores` is not fresh.
class PartitionLoader final : public LoaderPort {
 public:
  /// `failed` hears of each load() that failed; it may be tried again.
  PartitionLoader(Stores& stores, const core::PartitionSettings& settings, std::function<void(const store::StoreFailure&)> failed)
      : stores_(stores),
        settings_(settings),
        failed_(std::move(failed)) {}
  /// The first load, of stores that were just opened.
  Result<LoadedPartition, store::StoreFailure> load_fresh();
  Result<LoadedPartition, store::StoreFailure> load() override;

 private:
  Stores& stores_;
  const core::PartitionSettings settings_;
  const std::function<void(const store::StoreFailure&)> failed_;
};

}  // namespace takt::runtime
