#pragma once

#include <vector>

#include "broker/core/command.h"
#include "broker/store/log.h"
#include "broker/store/tables.h"

namespace takt::runtime {

struct MessagesRead {
  core::MessagesFound answer;
  std::vector<store::StoreFailure> damage;   ///< for people
};

/// What log and tables know of the messages at these positions. A message that stands in the log is read there; one that was
/// carried out of its front stands in the table kCold, under its position while it was scheduled, and else under its offset, which
/// only the table kIndex knows.
/// Cost: a read per commit; a look at all index rows of a lane where a scheduled message has fired, and at the whole table kIndex
/// where a position lies before the log's front.
/// Errors: those of the stores, but for damage: what is damaged is unreadable.
/// Thread: any.
Result<MessagesRead, store::StoreFailure> find_messages(const store::Log& log, const store::Tables& tables,
                                                        const core::PartitionUuid& partition, const core::FindMessages& request);

}  // namespace takt::runtime
