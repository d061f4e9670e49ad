#pragma once
// Table kPinned: a bit for each scheduled message that somebody is owed, by its position. A message gets it with the checkpoint
// that first knows it, and loses it when nobody is owed it any more; it says nothing once the log's front has passed, and goes.

#include <optional>
#include <vector>

#include "broker/core/partition.h"
#include "broker/core/rows.h"
#include "broker/store/tables.h"

namespace takt::runtime {

struct Pinned {
  core::Checkpoint rows;
  std::optional<store::StoreFailure> damage;   ///< messages stay that nobody may be owed: nothing else is lost
};
/// What is written to kPinned and kCold along with `checkpoint`, which the tables do not have yet: messages come, and those that
/// were done go; where these stand the index rows know, and `checkpoint` has the newest. `front` is the log's.
/// Errors: those of the store, but for damage.
Result<Pinned, store::StoreFailure> with_pins(core::Checkpoint checkpoint, Position front, const store::Tables& tables);

/// Of a stretch of scheduled messages, those that are pinned; where that cannot be read, all. Errors: as above.
Result<std::vector<core::Partition::LiveStretch>, store::StoreFailure> pinned(const core::Partition::LiveStretch& stretch,
                                                                              const store::Tables& tables);

}  // namespace takt::runtime
