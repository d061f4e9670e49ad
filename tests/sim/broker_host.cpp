#include "tests/sim/broker_host.h"

#include <iterator>

#include "broker/runtime/partition_loader.h"
#include "tests/core/harness.h"

namespace takt::sim {
namespace {

core::PartitionSettings partition_settings(const Options& options, const core::PartitionUuid& uuid) {
  core::PartitionSettings settings;
  settings.uuid = uuid;
  settings.session_timeout = options.session_timeout;
  settings.recover_grace = options.recover_grace;
  settings.in_flight_max = options.in_flight_max;
  settings.in_flight_per_worker_max = options.in_flight_per_worker_max;
  settings.held_after = options.held_after;
  settings.tail_cache_bytes = options.cache_bytes;
  settings.producer_idle_expiry = options.producer_idle_expiry;
  return settings;
}

core::Partition empty_partition(const core::PartitionSettings& settings) {
  core::Partition partition(settings);
  partition.loaded_to(Position(0));
  return partition;
}

runtime::ShardSettings shard_settings(const Options& options) {
  runtime::ShardSettings settings;
  settings.clock.held = std::chrono::seconds(3);   // a run takes about a minute
  settings.checkpoint_bytes = options.checkpoint_bytes;
  settings.checkpoint_interval = options.checkpoint_interval;
  settings.turn_cost = options.turn_cost;
  settings.store_bytes_max = options.store_bytes_max;
  settings.no_room_max = std::chrono::seconds(2);   // the twin's disk is only said to be full
  return settings;
}

transport::DeskSettings desk_settings(const Options& options) {
  transport::DeskSettings settings;
  settings.heartbeat = options.session_timeout / 3;
  settings.session_timeout = options.session_timeout;
  return settings;
}

}  // namespace

/// All that a crash ends.
struct BrokerHost::Process {
  explicit Process(BrokerHost& host)
      : timeline(host.world_),
        context{host.world_,
                host.options_,
                host.checker_,
                host.disk_,
                host.uuid_,
                timeline,
                [this](runtime::ShardMail mail) {
                  prior.push_back(std::move(mail));
                  wake();
                },
                [&host](const core::Commit& commit) { host.sealed_.push_back(commit); },
                [&host] { host.observe(); },
                [this](const char* where) { maybe_crash(where); },
                [&host](const core::Partition& loaded) { host.compare_with_fold(loaded); }},
        stores(host.disk_),
        committer(context, stores),
        reader(context, stores),
        background(context, stores, committer),
        loader(context, stores, partition_settings(host.options_, host.uuid_)),
        gateway(context, desk_settings(host.options_), host.network_, [this](auto& first, auto& then) { return take(first, then); }),
        alarm(host.world_, timeline, [this] { wake(); }),
        host_(host) {}

  /// The gateway brings commands.
  bool take(std::vector<core::Command>& first, std::vector<core::Command>& then) {
    if (prior.size() + later.size() + shard->backlog() >= host_.options_.inbox_bound) {
      is_refused = true;
      return false;
    }
    for (const auto* commands : {&first, &then})
      for (const core::Command& command : *commands) host_.checker_.command(command);
    std::ranges::move(first, std::back_inserter(prior));
    std::ranges::move(then, std::back_inserter(later));
    first.clear();
    then.clear();
    wake();
    return true;
  }

  void wake() {
    if (is_woken) return;
    is_woken = true;
    timeline.after(host_.world_.random().duration(std::chrono::microseconds(10), host_.options_.turn_max), [this] { turn(); });
  }

  void turn() {
    is_woken = false;
    auto first = std::exchange(prior, {});
    auto then = std::exchange(later, {});
    if (std::exchange(is_refused, false)) gateway.room();
    host_.world_.trace("turn", first.size(), then.size());
    shard->turn(std::move(first), std::move(then), host_.world_.now());
    alarm.set(shard->next_deadline());
    host_.audit();
    if (shard->state() == runtime::ShardState::kFailed) host_.checker_.fail("the stores cannot be read back: " + shard->failure()->message);
    if (shard->state() == runtime::ShardState::kStopped) host_.machine_.after(Duration::zero(), [host = &host_] { host->end(); });
  }

  void maybe_crash(const char* where) {
    ++host_.boundaries_;
    const bool is_boundary = host_.boundaries_ == host_.options_.crash_at_boundary ||
                             (host_.options_.crash_each_boundary != 0 && host_.boundaries_ % host_.options_.crash_each_boundary == 0);
    if (is_boundary) ++host_.checker_.counts.boundary_crashes;
    const bool is_certain = is_boundary || std::string_view(where) == "certain";
    if (!is_certain && !host_.world_.random().permille(host_.options_.crash_at_port_permille)) return;
    host_.world_.trace(where);
    host_.machine_.after(Duration::zero(), [host = &host_, this] {
      if (host->process_.get() == this) host->crash();
    });
  }

  Timeline timeline;
  BrokerProcess context;
  SimStores stores;
  SimCommitter committer;
  SimReader reader;
  SimBackground background;
  SimLoader loader;
  SimGateway gateway;
  Alarm alarm;
  std::optional<runtime::Shard> shard;
  std::vector<runtime::ShardMail> prior;
  std::vector<core::Command> later;
  bool is_refused = false;
  bool is_woken = false;

 private:
  BrokerHost& host_;
};

BrokerHost::BrokerHost(World& world, const Options& options, Checker& checker, Network& network)
    : world_(world),
      options_(options),
      checker_(checker),
      network_(network),
      disk_(uuid_, store::MemoryDisk::Durability::kWhenTold),
      replica_(empty_partition(partition_settings(options, uuid_))),
      machine_(world) {
  network.serve(*this);
}
BrokerHost::~BrokerHost() = default;

Timeline& BrokerHost::timeline() { return process_->timeline; }
void BrokerHost::received(ConnectionId connection, Frames frames) { process_->gateway.received(connection, std::move(frames)); }
void BrokerHost::lost(ConnectionId connection) { process_->gateway.lost(connection); }

void BrokerHost::start() {
  world_.trace("start");
  process_ = std::make_unique<Process>(*this);
  auto loaded = process_->loader.load_fresh();
  if (!loaded) return checker_.fail("the stores cannot be opened: " + loaded.error().message);
  process_->shard.emplace(shard_settings(options_), std::move(*loaded),
                          runtime::Shard::Ports{process_->committer, process_->reader, process_->reader, process_->background,
                                                process_->loader, process_->gateway},
                          world_.now());
  process_->alarm.set(process_->shard->next_deadline());
}

// Of each file any number of its last writes may be lost.
void BrokerHost::crash() {
  if (!process_) return;
  Counts& counts = checker_.counts;
  ++counts.crashes;
  compare_with_replay();
  const store::MemoryDisk::Steps written = disk_.unsynced_steps();
  const store::MemoryDisk::Steps kept{.log = world_.random().below(written.log + 1), .tables = world_.random().below(written.tables + 1)};
  counts.kept_steps += kept.log + kept.tables;
  counts.lost_steps += written.log + written.tables - kept.log - kept.tables;
  counts.uneven_crashes += (kept.log < written.log) != (kept.tables < written.tables) ? 1 : 0;
  world_.trace("crash", written.log * 100 + written.tables, kept.log * 100 + kept.tables);
  process_.reset();
  disk_.crash(kept);
  if (options_.lie == Lie::kLostCommit) forget_last_commit();
  restart();
}

void BrokerHost::end() {
  if (!process_) return;
  world_.trace("stopped");
  compare_with_replay();
  process_.reset();
  disk_.crash(disk_.unsynced_steps());
  restart();
}

void BrokerHost::restart() {
  observe();
  sealed_.clear();
  checker_.process_ends();
  network_.server_died();
  Random& random = world_.random();
  const bool is_long = options_.outage_max != Duration::zero() && random.permille(400);
  machine_.after(random.duration(std::chrono::milliseconds(1), is_long ? options_.outage_max : options_.restart_max), [this] { start(); });
}

void BrokerHost::drain() {
  if (!process_) return;
  ++checker_.counts.drains;
  world_.trace("drain");
  process_->gateway.drain();
  process_->context.mail(runtime::DrainWanted{});
}

void BrokerHost::stall(Duration length) {
  if (!process_) return;
  ++checker_.counts.stalls;
  world_.trace("stall");
  process_->timeline.pause(length);
}

void BrokerHost::observe() {
  const Position durable = disk_.durable_end();
  for (; !sealed_.empty() && sealed_.front().end <= durable; sealed_.pop_front()) {
    checker_.durable(sealed_.front(), uuid_);
    replay(replica_, sealed_.front());
  }
}

void BrokerHost::replay(core::Partition& partition, const core::Commit& commit) {
  const auto view = core::CommitView::parse(commit.value.bytes, uuid_, core::CommitView::Sections::kTrust);
  if (!view || !partition.replay(*view)) checker_.fail("a sealed commit cannot be replayed");
}

// After every turn: nothing is forgotten, nothing is leased twice; and when all is durable, the counts are the log's.
void BrokerHost::audit() {
  if (process_->shard->state() == runtime::ShardState::kReloading) return;
  ++checker_.counts.audits;
  if (const auto broken = process_->shard->partition().broken_invariant()) return checker_.fail("memory is not sound: " + *broken);
  if (process_->shard->partition().staged_bytes() > 0) return;
  if (const auto counted = stats()) checker_.audit(*counted);
}

// Whatever is in memory now is what a replay of all that it sealed gives.
void BrokerHost::compare_with_replay() {
  if (!process_->shard || process_->shard->state() == runtime::ShardState::kReloading ||
      process_->shard->state() == runtime::ShardState::kFailed)
    return;
  core::Partition live = std::move(*process_->shard).surrender();
  std::vector<core::Commit> tail(sealed_.begin(), sealed_.end());
  while (auto commit = live.seal(world_.now())) tail.push_back(std::move(*commit));
  for (const core::Commit& commit : tail) replay(replica_, commit);
  ++checker_.counts.replays_compared;
  if (replica_.digest() != live.digest()) checker_.fail("memory is not what its log folds to");
  if (tail.empty()) return;
  replica_ = empty_partition(partition_settings(options_, uuid_));   // some of the tail may be lost
  for (const core::Commit& commit : checker_.log()) replay(replica_, commit);
}

void BrokerHost::forget_last_commit() {
  store::MemoryLog log(disk_);
  const auto bounds = log.bounds();
  const auto commits = log.read(bounds.first, ~std::size_t{0});
  if (!commits || commits->size() < 2) return;
  const Position last = commits->back().first;
  {
    const store::MemoryTables tables(disk_);
    if (tables.applied() > last) return;
  }
  if (log.truncate_after(last)) disk_.sync();
}

// Tables and log read back must be what the whole log folds to, from its very first event.
void BrokerHost::compare_with_fold(const core::Partition& loaded) {
  sealed_.clear();   // of a term that ended
  if (loaded.end() != checker_.view().end())
    return checker_.fail("the log ends at position " + std::to_string(loaded.end().value) + " and was durable up to " +
                         std::to_string(checker_.view().end().value));
  if (loaded.digest() == replica_.digest()) return;
  // Which row it is tells more than that it differs.
  const core::PartitionSettings settings = partition_settings(options_, uuid_);
  core::test::Rows rows;
  for (std::size_t i = 0; i < core::table_count; ++i) {
    const auto table = static_cast<core::Table>(i);
    if (table == core::Table::kCold) continue;
    [[maybe_unused]] const auto scanned = process_->stores.tables().scan(table, "", [&](std::string_view key, std::string_view value) {
      rows[{table, std::string(key)}] = std::string(value);
      return true;
    });
  }
  auto again = runtime::load_partition(process_->stores.log(), process_->stores.tables(), settings);
  if (!again) return checker_.fail("the stores cannot be opened: " + again.error().message);
  core::Checkpoint rest = again->partition.freeze();
  std::erase_if(rest.erased, [](const core::RowRange& range) { return range.table == core::Table::kCold; });
  core::test::apply_checkpoint(rows, rest);
  const auto mine = core::test::logical(rows);
  for (const auto& [key, value] : core::test::logical(core::test::fold(settings, checker_.log())))
    if (const auto it = mine.find(key); it == mine.end() || it->second != value)
      return checker_.fail("after a restart the row of table " + key.substr(0, key.find(' ')) + " is not what the log folds to");
  checker_.fail("after a restart there are rows that the log does not fold to");
}

std::optional<core::PartitionStats> BrokerHost::stats() const {
  if (!process_ || !process_->shard || process_->shard->state() != runtime::ShardState::kServing) return std::nullopt;
  return process_->shard->report().partition;
}

}  // namespace takt::sim
