#pragma once
// What the shard's threads are in production, as events: committer, reader, background, loader, gateway. Each works on the
// twin stores, takes its time, and fails when the dice say so. The lies of options.h are told here.

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "broker/runtime/background.h"
#include "broker/runtime/ports.h"
#include "broker/runtime/shard_mail.h"
#include "broker/store/memory_log.h"
#include "broker/store/memory_tables.h"
#include "broker/transport/desk.h"
#include "broker/transport/gateway.h"
#include "tests/sim/checker.h"
#include "tests/sim/network.h"
#include "tests/sim/options.h"
#include "tests/sim/world.h"

namespace takt::sim {

/// What every port of one broker process has.
struct BrokerProcess {
  World& world;
  const Options& options;
  Checker& checker;
  store::MemoryDisk& disk;
  const core::PartitionUuid uuid;
  Timeline& timeline;
  std::function<void(runtime::ShardMail)> mail;           ///< ahead of what clients want
  std::function<void(const core::Commit&)> sealed;        ///< on its way to the log
  std::function<void()> synced;                           ///< something became durable
  std::function<void(const char*)> crash_point;           ///< the process may die here
  std::function<void(const core::Partition&)> loaded;     ///< read back, before its term begins
};

/// Log and tables, opened anew for a reload.
class SimStores {
 public:
  explicit SimStores(store::MemoryDisk& disk) : disk_(disk) { reopen(); }
  void reopen() {
    log_.reset();
    tables_.reset();
    log_.emplace(disk_);
    tables_.emplace(disk_);
  }
  store::MemoryLog& log() { return *log_; }
  store::MemoryTables& tables() { return *tables_; }

 private:
  store::MemoryDisk& disk_;
  std::optional<store::MemoryLog> log_;
  std::optional<store::MemoryTables> tables_;
};

class SimCommitter final : public runtime::CommitterPort {
 public:
  SimCommitter(BrokerProcess& process, SimStores& stores) : process_(process), stores_(stores) {}
  void append(core::Commit commit) override;
  void free_before(const std::vector<Position>& steps);

 private:
  void wake();
  void turn();
  void append_all();
  void answer(runtime::Appended appended);
  void free_one();

  BrokerProcess& process_;
  SimStores& stores_;
  std::vector<core::Commit> waiting_;
  std::deque<Position> to_free_;
  bool is_busy_ = false;
};

class SimReader final : public runtime::ReaderPort {
 public:
  SimReader(BrokerProcess& process, SimStores& stores) : process_(process), stores_(stores) {}
  void load(core::LoadBlocks request) override;
  void load(core::LoadTimers request) override;
  void load(core::FindMessages request) override;

 private:
  void serve(const core::LoadBlocks& request);
  void serve(const core::LoadTimers& request);
  void serve(const core::FindMessages& request);
  /// Reading may fail: then it is tried again later, and the request is not to be answered now.
  template <class Request>
  bool fails(const Request& request);

  BrokerProcess& process_;
  SimStores& stores_;
};

class SimBackground final : public runtime::BackgroundPort {
 public:
  SimBackground(BrokerProcess& process, SimStores& stores, SimCommitter& committer);
  void checkpoint(runtime::CheckpointJob job) override;

 private:
  void wake();
  void write(const runtime::CheckpointJob& job);
  void scan();

  BrokerProcess& process_;
  SimStores& stores_;
  SimCommitter& committer_;
  runtime::FrontKeeper keeper_;
  std::deque<runtime::CheckpointJob> waiting_;
  bool is_busy_ = false;
};

class SimLoader final : public runtime::LoaderPort {
 public:
  SimLoader(BrokerProcess& process, SimStores& stores, const core::PartitionSettings& settings)
      : process_(process),
        stores_(stores),
        settings_(settings) {}
  Result<runtime::LoadedPartition, store::StoreFailure> load_fresh();
  Result<runtime::LoadedPartition, store::StoreFailure> load() override;

 private:
  BrokerProcess& process_;
  SimStores& stores_;
  const core::PartitionSettings settings_;
};

/// The gateway's thread around the real desk.
class SimGateway final : public transport::Gateway {
 public:
  /// Takes commands for the shard, or gives false: its inbox is full, ask again when there is room.
  using Post = std::function<bool(std::vector<core::Command>& prior, std::vector<core::Command>& later)>;
  SimGateway(BrokerProcess& process, const transport::DeskSettings& settings, Network& network, Post post);

  void post(std::vector<core::Outgoing> batch) override;
  void end_sessions(Refusal reason) override;
  void drain() override;
  void room() override;
  std::future<transport::DeskStats> stats() override;

  void received(ConnectionId connection, Frames frames);
  void lost(ConnectionId connection);

 private:
  struct EndSessions {
    Refusal reason;
  };
  struct Drain {};
  using Mail = std::variant<std::vector<core::Outgoing>, EndSessions, Drain>;
  struct Received {
    ConnectionId connection;
    Frames frames;   ///< empty: it is gone
  };

  void wake();
  void turn();
  void flush();

  BrokerProcess& process_;
  Network& network_;
  const Post post_;
  transport::Desk desk_;
  Alarm alarm_;
  std::deque<Mail> mail_;
  std::deque<Received> received_;
  transport::CommandBatch held_;   ///< the shard's inbox was full
  bool is_woken_ = false;
};

}  // namespace takt::sim
