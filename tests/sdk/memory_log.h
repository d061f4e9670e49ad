#pragma once

#include <memory>
#include <vector>

#include "broker/core/partition.h"

namespace takt::sdk {

/// Commits in memory, in place of a store.
class MemoryLog {
 public:
  void append(core::Commit commit) { commits_.push_back(std::move(commit)); }
  /// A fresh partition that is the fold of this log, started.
  std::unique_ptr<core::Partition> open(const core::PartitionSettings& settings, Now now) const;
  /// What a reader would answer.
  core::BlocksLoaded read(const core::LoadBlocks& load, const core::PartitionUuid& uuid) const;

 private:
  std::vector<core::Commit> commits_;
};

}  // namespace takt::sdk
