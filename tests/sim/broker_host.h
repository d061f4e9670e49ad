#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "broker/runtime/shard.h"
#include "broker/store/memory_disk.h"
#include "tests/sim/broker_ports.h"

namespace takt::sim {

/// The machine that a broker runs on: its disk stays, its process comes and goes.
class BrokerHost final : public ServerEnd {
 public:
  BrokerHost(World& world, const Options& options, Checker& checker, Network& network);
  ~BrokerHost() override;

  void start();
  /// The process dies now; some of what was not synced may still be on the disk. It comes back after a while.
  void crash();
  /// As after SIGTERM: everything is stored, then the process ends and comes back.
  void drain();
  /// The process stands still for a while.
  void stall(Duration length);

  bool is_up() const override { return process_ != nullptr; }
  Timeline& timeline() override;
  void received(ConnectionId connection, Frames frames) override;
  void lost(ConnectionId connection) override;

  /// The counters, when the partition can be asked.
  std::optional<core::PartitionStats> stats() const;

 private:
  struct Process;

  void end();
  void restart();
  void observe();
  void replay(core::Partition& partition, const core::Commit& commit);
  void audit();
  void compare_with_replay();
  void compare_with_fold(const core::Partition& loaded);
  void forget_last_commit();

  World& world_;
  const Options& options_;
  Checker& checker_;
  Network& network_;
  core::PartitionUuid uuid_{};
  store::MemoryDisk disk_;
  std::deque<core::Commit> sealed_;    ///< given to the committer and not yet known to be durable
  core::Partition replica_;            ///< replays what became durable, and nothing else
  std::uint64_t boundaries_ = 0;       ///< calls of the ports so far
  Timeline machine_;
  std::unique_ptr<Process> process_;
};

}  // namespace takt::sim
