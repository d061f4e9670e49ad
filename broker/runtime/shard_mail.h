#pragma once
// Everything that a shard hears.

#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "broker/core/command.h"
#include "broker/core/partition.h"
#include "broker/metrics/snapshot.h"
#include "broker/store/ballast.h"
#include "broker/store/log.h"

namespace takt::runtime {

/// `commits` commits, up to `end`, are durable; or none of them is.
struct Appended {
  std::size_t commits = 0;
  Position end;
  std::size_t bytes = 0;
  Duration took{};
  std::optional<store::StoreFailure> failure;
  store::LogBounds log{};   ///< with them
  store::DiskRoom disk{};
};
struct CheckpointWritten {
  Position applied;
  std::optional<store::StoreFailure> failure;
  std::optional<store::StoreFailure> front_failure;   ///< of carrying: the front stays, the checkpoint does not mind
  bool is_written = true;                             ///< false: nothing had changed, so nothing was
  std::uint64_t carried_messages = 0;
  std::optional<std::uint64_t> tables_bytes;          ///< Tables::used_bytes
  store::DiskRoom disk{};
};
/// What stands at the log's front, before the tables' applied position.
struct FrontScanned {
  std::vector<core::Partition::FrontRun> runs;
  Position end;             ///< of the commits that were scanned
  bool is_behind = false;   ///< much was freed last time, and the front is full again: ask at once
  std::optional<store::StoreFailure> failure{};   ///< of reading on
};
struct FrontFreed {
  store::LogBounds log;
  std::optional<store::StoreFailure> failure{};   ///< costs room, not data: what comes next frees this too
};
enum class ShardState : std::uint8_t {
  kServing,
  kReloading,   ///< an append failed; memory was thrown away and is read back
  kDraining,
  kStopped,     ///< everything is durable and checkpointed
  kFailed,      ///< the stores cannot be read back: Shard::failure() tells why
};
struct ShardReport {
  ShardState state = ShardState::kServing;
  core::PartitionStats partition;
  metrics::StoreStats store;
  metrics::ClockStats clock;
};
struct ReportWanted {
  std::function<void(ShardReport)> answer;   ///< called on the shard's thread
};
/// Costs nothing, however much the partition holds.
struct StateWanted {
  std::function<void(ShardState)> answer;   ///< called on the shard's thread
};
struct DrainWanted {};

using ShardMail =
    std::variant<core::Command, Appended, CheckpointWritten, FrontScanned, FrontFreed, ReportWanted, StateWanted, DrainWanted>;

}  // namespace takt::runtime
