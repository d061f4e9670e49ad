#pragma once

#include "broker/core/command.h"
#include "broker/store/log.h"
#include "broker/store/tables.h"

namespace takt::runtime {

struct BlocksRead {
  core::BlocksLoaded answer;
  std::vector<store::StoreFailure> damage;   ///< one for each of the answer's unreadable stretches, for people
};

/// Answers `request` from the log, or from the table kCold where the log's front has been freed. Positions come from the
/// request, else from the table kIndex. Every byte is copied out of the stores and its checksum looked at.
///
/// Reads until about bytes_max, the end of what the index knows, or the end of what it finds; `until` says how far the
/// answer goes. What the log and the tables do not have below `until` is gone. A commit or a carried message whose bytes
/// are damaged is passed over as unreadable.
/// Errors: those of the stores; kCorrupt when the table kIndex is damaged, so that nobody knows what stands where.
/// Thread: any.
Result<BlocksRead, store::StoreFailure> read_blocks(const store::Log& log, const store::Tables& tables,
                                                    const core::PartitionUuid& partition, const core::LoadBlocks& request);

}  // namespace takt::runtime
