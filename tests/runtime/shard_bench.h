#pragma once
// A shard on simulated ports, one thread: each port's work is done when the test says so.

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>

#include "broker/runtime/background.h"
#include "broker/runtime/block_reader.h"
#include "broker/runtime/message_finder.h"
#include "broker/runtime/partition_loader.h"
#include "broker/runtime/shard.h"
#include "broker/runtime/timer_reader.h"
#include "broker/store/memory_log.h"
#include "broker/store/memory_tables.h"
#include "proto/record.h"

namespace takt::runtime {

inline constexpr core::PartitionUuid test_uuid{std::byte{7}};

class SimulatedCommitter final : public CommitterPort {
 public:
  void append(core::Commit commit) override { queue.push_back(std::move(commit)); }
  std::deque<core::Commit> queue;
};
class SimulatedReader final : public ReaderPort {
 public:
  void load(core::LoadBlocks request) override { queue.push_back(std::move(request)); }
  void load(core::LoadTimers request) override { timers.push_back(std::move(request)); }
  std::deque<core::LoadBlocks> queue;
  void load(core::FindMessages request) override { searches.push_back(std::move(request)); }
  std::deque<core::LoadTimers> timers;
  std::deque<core::FindMessages> searches;
};
class SimulatedBackground final : public BackgroundPort {
 public:
  void checkpoint(CheckpointJob job) override { queue.push_back(std::move(job)); }
  std::deque<CheckpointJob> queue;
};
class SimulatedGateway final : public transport::Gateway {
 public:
  void post(std::vector<core::Outgoing> batch) override {
    for (auto& outgoing : batch) sent.push_back(std::move(outgoing));
  }
  void end_sessions(Refusal reason) override { ended.push_back(std::move(reason)); }
  void drain() override {}
  void room() override {}
  std::future<transport::DeskStats> stats() override { return {}; }
  std::deque<core::Outgoing> sent;
  std::vector<Refusal> ended;
};

class ShardBench : public testing::Test {
 protected:
  struct Loader final : LoaderPort {
    explicit Loader(ShardBench& owner) : bench(owner) {}
    Result<LoadedPartition, store::StoreFailure> load() override {
      ++loads;
      bench.open_stores();
      auto loaded = load_partition(*bench.log, *bench.tables, bench.partition_settings);
      if (loaded) loaded->disk = bench.disk_room;
      return loaded;
    }
    ShardBench& bench;
    int loads = 0;
  };

  ShardBench() {
    partition_settings.uuid = test_uuid;
    partition_settings.recover_grace = Duration::zero();
    partition_settings.ack_patience = Duration::zero();
    settings.commit_bytes = 4096;
  }
  ~ShardBench() override { shard.reset(); }

  void open_stores() {
    log.reset();
    tables.reset();
    log = std::make_unique<store::MemoryLog>(disk);
    tables = std::make_unique<store::MemoryTables>(disk);
  }
  void start() {
    open_stores();
    keeper = std::make_unique<FrontKeeper>(test_uuid, front_limits);
    auto loaded = load_partition(*log, *tables, partition_settings);
    ASSERT_TRUE(loaded) << loaded.error().message;
    loaded->disk = disk_room;
    shard.emplace(settings, std::move(*loaded), Shard::Ports{committer, reader, reader, background, loader, gateway}, time());
  }
  /// The process dies: what the ports had not done is gone.
  void crash() {
    shard.reset();
    committer.queue.clear();
    reader.queue.clear();
    background.queue.clear();
    gateway.sent.clear();
    disk.crash();
  }

  Now time() const { return {now, WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()))}; }
  void turn(std::vector<ShardMail> prior = {}, std::vector<core::Command> later = {}) {
    shard->turn(std::move(prior), std::move(later), time());
  }
  template <class Mail>
  void tell(Mail mail) {
    std::vector<ShardMail> list;
    list.emplace_back(std::move(mail));
    turn(std::move(list));
  }

  /// The committer's thread, once: all that waits in one append.
  void commit() {
    ASSERT_FALSE(committer.queue.empty());
    std::vector<core::Commit> commits(committer.queue.begin(), committer.queue.end());
    committer.queue.clear();
    Appended appended;
    appended.commits = commits.size();
    appended.end = commits.back().end;
    for (const auto& one : commits) appended.bytes += one.value.size();
    if (auto result = log->append(commits); !result) appended.failure = result.error();
    appended.log = log->bounds();
    appended.took = append_time;
    appended.disk = disk_room;
    tell(std::move(appended));
  }
  /// The background's thread, once: the checkpoint, and the scan after it.
  void write_checkpoint() {
    write_only_checkpoint();
    scan_front();
  }
  void write_only_checkpoint() {
    ASSERT_FALSE(background.queue.empty());
    const CheckpointJob job = std::move(background.queue.front());
    background.queue.pop_front();
    auto outcome = keeper->write(job, *log, *tables);
    for (const Position step : outcome.free_steps) ASSERT_TRUE(log->free_before(step));
    outcome.written.disk = disk_room;
    tell(std::move(outcome.written));
    if (!outcome.free_steps.empty()) tell(FrontFreed{log->bounds()});
  }
  void scan_front() {
    auto scanned = scan_unseen();
    if (scanned) tell(std::move(*scanned));
  }
  /// A scan of which the shard has not heard yet.
  std::optional<FrontScanned> scan_unseen() { return keeper->scan(*log, tables->applied(), 1u << 30); }
  /// The reader's thread, once.
  void read() {
    ASSERT_FALSE(reader.queue.empty());
    const core::LoadBlocks request = reader.queue.front();
    reader.queue.pop_front();
    auto loaded = read_blocks(*log, *tables, test_uuid, request);
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_TRUE(loaded->damage.empty());
    tell(core::Command(std::move(loaded->answer)));
  }
  void read_timers() {
    auto loaded = runtime::read_timers(*tables, reader.timers.front());
    reader.timers.pop_front();
    ASSERT_TRUE(loaded) << loaded.error().message;
    tell(core::Command(std::move(*loaded)));
  }
  void find() {
    auto found = find_messages(*log, *tables, test_uuid, reader.searches.front());
    reader.searches.pop_front();
    ASSERT_TRUE(found) << found.error().message;
    tell(core::Command(std::move(found->answer)));
  }
  /// All ports, until none has anything to do.
  void settle() {
    for (int i = 0; i < 1000; ++i) {
      if (!committer.queue.empty()) {
        commit();
      } else if (!background.queue.empty()) {
        write_checkpoint();
      } else if (!reader.queue.empty()) {
        read();
      } else if (!reader.timers.empty()) {
        read_timers();
      } else if (!reader.searches.empty()) {
        find();
      } else {
        return;
      }
    }
    FAIL() << "the ports never come to rest";
  }
  /// Lets time pass until the shard's next deadline.
  void skip() {
    const auto deadline = shard->next_deadline();
    ASSERT_TRUE(deadline);
    now = std::max(now, *deadline);
    turn();
  }

  static core::ClientRequest request(std::uint64_t session, std::uint64_t correlation, proto::Request body) {
    return {SessionId(session), CorrelationId(correlation), std::move(body), {}, {}};
  }
  static core::ClientRequest publish(std::uint64_t session, std::uint64_t sequence, std::uint32_t count = 1, std::size_t bytes = 10,
                                     const std::string& topic = "t", std::optional<std::chrono::milliseconds> delay = {}) {
    proto::SectionBuilder builder;
    std::vector<std::byte> record;
    proto::append_record(
        record,
        {.kind = "k", .tags = {}, .attributes = {}, .traceparent = {}, .parent_id = {}, .content_type = {}, .due = {}, .delay = delay});
    const std::vector<std::byte> payload(bytes, static_cast<std::byte>(sequence));
    for (std::uint32_t i = 0; i < count; ++i) builder.add(record, payload);
    proto::Sections sections = builder.take();
    proto::Publish body;
    body.topic = topic;
    body.producer = ProducerId(1);
    body.sequence = Sequence(sequence);
    body.count = count;
    if (delay) body.run_class = proto::RunClass::kScheduled;
    body.metadata_checksum = proto::section_checksum(sections.metadata);
    body.payload_checksum = proto::section_checksum(sections.payload);
    auto out = request(session, 1000 + sequence, body);
    out.metadata = SharedBytes::own(std::move(sections.metadata));
    out.payload = SharedBytes::own(std::move(sections.payload));
    return out;
  }
  void up(std::uint64_t session) {
    tell(core::Command(core::SessionUp{SessionId(session), ClientId(session), proto::ClientKind::kWorker, "s"}));
  }
  void subscribe(std::uint64_t session, std::uint32_t messages, const std::string& topic = "t") {
    tell(core::Command(request(session, 1, proto::Subscribe{PartitionId(0), SubscriptionId(1), topic, "g", proto::StartFrom::kEarliest})));
    settle();
    tell(core::Command(
        request(session, 2, proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, messages, 1u << 20, 0})));
    settle();
  }
  void send(core::ClientRequest r) {
    std::vector<core::Command> later;
    later.emplace_back(std::move(r));
    turn({}, std::move(later));
  }

  template <class T>
  std::vector<T> take_sent() {
    std::vector<T> found;
    std::erase_if(gateway.sent, [&](core::Outgoing& outgoing) {
      auto* body = std::get_if<T>(&outgoing.body);
      if (body != nullptr) found.push_back(std::move(*body));
      return body != nullptr;
    });
    return found;
  }
  /// Publishes that were answered since the last time; one answer may serve several.
  std::size_t take_published() {
    std::size_t requests = 0;
    for (const proto::Published& published : take_sent<proto::Published>()) requests += published.requests;
    return requests;
  }
  /// Payload sizes or first bytes of everything delivered and not yet looked at, and the acks for it.
  struct Delivered {
    std::vector<proto::AckEntry> acks;
    std::size_t messages = 0;
    std::vector<std::byte> first_bytes;
  };
  Delivered take_delivered() {
    Delivered delivered;
    std::erase_if(gateway.sent, [&](const core::Outgoing& outgoing) {
      const auto* body = std::get_if<proto::Deliver>(&outgoing.body);
      if (body == nullptr) return false;
      std::uint32_t count = 0;
      for (const auto& range : body->ranges) {
        delivered.acks.push_back({range.slot, range.token, {{0, range.stretch.count}}});
        count += range.stretch.count;
      }
      const proto::Sections sections = core::gather(outgoing.slices);
      const proto::SectionView view(sections.metadata, sections.payload, count);
      for (std::uint32_t i = 0; i < count; ++i) delivered.first_bytes.push_back(view.payload(i)[0]);
      delivered.messages += count;
      return true;
    });
    return delivered;
  }
  void ack(std::uint64_t session, std::vector<proto::AckEntry> entries) {
    tell(core::Command(request(session, 3, proto::Ack{PartitionId(0), SubscriptionId(1), std::move(entries)})));
  }

  store::MemoryDisk disk{test_uuid};
  Duration append_time{};
  store::DiskRoom disk_room{.free_bytes = std::uint64_t{1} << 40};
  std::unique_ptr<store::MemoryLog> log;
  std::unique_ptr<store::MemoryTables> tables;
  SimulatedCommitter committer;
  SimulatedReader reader;
  SimulatedBackground background;
  SimulatedGateway gateway;
  Loader loader{*this};
  core::PartitionSettings partition_settings;
  ShardSettings settings;
  FrontLimits front_limits;
  std::unique_ptr<FrontKeeper> keeper;
  Time now{std::chrono::hours(1)};
  std::optional<Shard> shard;
};

}  // namespace takt::runtime
