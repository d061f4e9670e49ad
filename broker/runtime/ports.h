#pragma once
// What a Shard is given to act on the world: each port is a thread in production and a simulated thing in tests. Calls
// return at once; answers come back as mail (shard_mail.h). The gateway's port is transport::Gateway.

#include <memory>
#include <optional>
#include <vector>

#include "broker/core/command.h"
#include "broker/core/commit.h"
#include "broker/core/partition.h"
#include "broker/core/rows.h"
#include "broker/store/ballast.h"
#include "broker/store/log.h"
#include "proto/result.h"

namespace takt::runtime {

/// Owns the log's write transactions. Commits are appended in the order in which they come; each append is answered by
/// Appended, for one commit or several at once.
class CommitterPort {
 public:
  virtual ~CommitterPort() = default;
  virtual void append(core::Commit commit) = 0;
};

/// Reads what memory does not hold; answers with core::BlocksLoaded, core::TimersLoaded or core::MessagesFound.
class ReaderPort {
 public:
  virtual ~ReaderPort() = default;
  virtual void load(core::LoadBlocks request) = 0;
  virtual void load(core::LoadTimers request) = 0;
  virtual void load(core::FindMessages request) = 0;
};

/// What of the log's front is still owed.
struct FrontLive {
  std::vector<core::Partition::LiveStretch> stretches;   ///< in log order
  Position end;   ///< of what was asked about; the front may have grown since, and nothing is said about that
  std::uint64_t waiting = 0;   ///< messages that wait for their due, wherever they stand
};
/// A frozen checkpoint whose cut is durable, and what is owed at that cut.
struct CheckpointJob {
  std::shared_ptr<const core::Checkpoint> rows;
  std::optional<FrontLive> front;   ///< about the last FrontScanned
};
/// Writes checkpoints, one at a time, each answered by CheckpointWritten; looks after the log's front and reports what
/// stands there by FrontScanned, after each checkpoint, as long as something does. A job whose rows change nothing writes
/// nothing: it is asked for the front's sake, or to hear of the disk.
class BackgroundPort {
 public:
  virtual ~BackgroundPort() = default;
  virtual void checkpoint(CheckpointJob job) = 0;
};

/// A partition as the disk tells it.
struct LoadedPartition {
  core::Partition partition;
  store::LogBounds log;
  Position applied;                 ///< of the tables
  std::uint64_t tables_bytes = 0;   ///< Tables::used_bytes
  store::DiskRoom disk{};
};
/// Opens the stores anew and loads the partition from them. Called while nothing is outstanding at any port.
class LoaderPort {
 public:
  virtual ~LoaderPort() = default;
  virtual Result<LoadedPartition, store::StoreFailure> load() = 0;
};

}  // namespace takt::runtime
