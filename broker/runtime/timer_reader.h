#pragma once

#include "broker/core/command.h"
#include "broker/store/tables.h"

namespace takt::runtime {

/// Answers `request` from the table kTimers. Errors: those of the store; kCorrupt when a chunk is missing. Thread: any.
Result<core::TimersLoaded, store::StoreFailure> read_timers(const store::Tables& tables, const core::LoadTimers& request);

}  // namespace takt::runtime
