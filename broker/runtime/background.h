#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "broker/runtime/committer.h"
#include "broker/runtime/front.h"
#include "broker/runtime/inbox.h"
#include "broker/runtime/ports.h"
#include "broker/runtime/shard_mail.h"
#include "broker/runtime/stores.h"

namespace takt::runtime {

/// Writes one checkpoint and looks after the log's front. Steppable: production runs it on the Background thread, the
/// simulation calls it. The front moves only after the checkpoint that no longer needs it is synced, and what was live in
/// it is carried before.
class FrontKeeper {
 public:
  FrontKeeper(const core::PartitionUuid& partition, const FrontLimits& limits) : partition_(partition), front_(limits) {}

  struct Outcome {
    CheckpointWritten written;          ///< but for what it says of the disk
    std::vector<Position> free_steps;   ///< for Log::free_before, in order
  };
  /// Writes the checkpoint, then carries what the plan says. What cannot be carried, because the log is damaged there or
  /// the tables have no room, stays where it is, and so does the front behind it.
  Outcome write(const CheckpointJob& job, const store::Log& log, store::Tables& tables);

  /// Reads on at the front, at most `bytes_max` of log, up to `applied`; what stands there now, none: nothing.
  std::optional<FrontScanned> scan(const store::Log& log, Position applied, std::size_t bytes_max);

 private:
  bool write_rows(const CheckpointJob& job, store::Tables& tables, CheckpointWritten& written);
  static Result<std::vector<core::Partition::LiveStretch>, store::StoreFailure> live_of(const FrontLive& front,
                                                                                        const store::Tables& tables);
  Result<std::uint64_t, store::StoreFailure> carry(const std::vector<core::Partition::LiveStretch>& live, const store::Log& log,
                                                   store::Tables& tables);
  Result<void, store::StoreFailure> read_on(const store::Log& log, Position applied, std::size_t bytes_max);

  const core::PartitionUuid partition_;
  Front front_;
  Position given_up_;          ///< commits before are freed, or about to be
  bool freed_much_ = false;    ///< most of the front, the last time
};

/// The thread for it.
class Background final : public BackgroundPort {
 public:
  struct Settings {
    core::PartitionUuid partition{};
    FrontLimits front;
  };
  Background(const Settings& settings, Stores& stores, Committer& committer, std::function<void(ShardMail)> answer);
  ~Background() override;

  void checkpoint(CheckpointJob job) override { inbox_.put(std::move(job)); }

 private:
  void run();
  void write(const CheckpointJob& job);
  void scan();

  const Settings settings_;
  Stores& stores_;
  Committer& committer_;
  const std::function<void(ShardMail)> answer_;
  Inbox<CheckpointJob> inbox_;
  FrontKeeper keeper_;          ///< thread_ only
  std::jthread thread_;
};

}  // namespace takt::runtime
