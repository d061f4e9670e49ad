#include "tests/sim/broker_ports.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/core/cold_rows.h"
#include "broker/runtime/block_reader.h"
#include "broker/runtime/message_finder.h"
#include "broker/runtime/partition_loader.h"
#include "broker/runtime/timer_reader.h"

namespace takt::sim {
namespace {

using store::StoreFailure;
using File = store::MemoryDisk::File;

constexpr Duration read_retry = std::chrono::seconds(1);
constexpr std::size_t scan_bytes = 256u << 20;

StoreFailure::Kind draw_failure(Random& random) { return random.permille(500) ? StoreFailure::Kind::kFull : StoreFailure::Kind::kIo; }

Duration up_to(BrokerProcess& process, Duration most) { return process.world.random().duration(std::chrono::microseconds(10), most); }

}  // namespace

// ---- committer

void SimCommitter::append(core::Commit commit) {
  process_.sealed(commit);
  process_.crash_point("append");
  waiting_.push_back(std::move(commit));
  wake();
}

void SimCommitter::free_before(const std::vector<Position>& steps) {
  to_free_.insert(to_free_.end(), steps.begin(), steps.end());
  wake();
}

void SimCommitter::wake() {
  if (is_busy_ || (waiting_.empty() && to_free_.empty())) return;
  is_busy_ = true;
  process_.timeline.after(up_to(process_, process_.options.turn_max), [this] { turn(); });
}

void SimCommitter::turn() {
  if (!waiting_.empty()) return append_all();
  free_one();
}

void SimCommitter::append_all() {
  runtime::Appended appended;
  const std::vector<core::Commit> commits = std::exchange(waiting_, {});
  appended.commits = commits.size();
  appended.end = commits.back().end;
  for (const core::Commit& commit : commits) appended.bytes += commit.value.size();
  Random& random = process_.world.random();
  if (random.permille(process_.options.append_failure_permille)) {
    ++process_.checker.counts.append_failures;
    process_.disk.fail_next_append(draw_failure(random));
  }
  if (auto result = stores_.log().append(commits); !result) {
    process_.world.trace("append_failed", commits.front().first.value);
    if (process_.options.lie != Lie::kFailedAppendReported) appended.failure = result.error();
    process_.timeline.after(up_to(process_, process_.options.sync_max), [this, appended]() mutable { answer(std::move(appended)); });
    return;
  }
  appended.log = stores_.log().bounds();
  process_.crash_point("written");
  if (process_.options.lie == Lie::kAckBeforeSync) process_.mail(appended);
  appended.took = up_to(process_, process_.options.sync_max);
  process_.timeline.after(appended.took, [this, appended]() mutable {
    process_.disk.sync(File::kLog);
    process_.synced();
    process_.crash_point("synced");
    answer(std::move(appended));
  });
}

void SimCommitter::answer(runtime::Appended appended) {
  if (appended.failure || process_.options.lie != Lie::kAckBeforeSync) process_.mail(std::move(appended));
  is_busy_ = false;
  wake();
}

void SimCommitter::free_one() {
  const Position step = to_free_.front();
  to_free_.pop_front();
  process_.checker.freeing(step, [this](TopicId topic, Lane lane, Offset offset) {
    const std::string key = core::cold_key(topic, lane, offset);
    bool is_there = false;
    const auto scanned = stores_.tables().scan(core::Table::kCold, key, [&](std::string_view found, std::string_view) {
      is_there = found.starts_with(key.substr(0, key.size() - sizeof(std::uint16_t)));
      return false;
    });
    return scanned.has_value() && is_there;
  });
  const bool is_freed = stores_.log().free_before(step).has_value();
  process_.crash_point("freed");
  process_.timeline.after(up_to(process_, process_.options.sync_max), [this, is_freed] {
    process_.disk.sync(File::kLog);
    process_.synced();
    ++process_.checker.counts.frees;
    if (is_freed) process_.mail(runtime::FrontFreed{stores_.log().bounds()});
    is_busy_ = false;
    wake();
  });
}

// ---- reader

void SimReader::load(core::LoadBlocks request) {
  ++process_.checker.counts.loads;
  process_.world.trace("load", request.topic.value, request.lane.value, request.from.value);
  process_.timeline.after(up_to(process_, process_.options.read_max), [this, request] { serve(request); });
}

void SimReader::load(core::LoadTimers request) {
  ++process_.checker.counts.loads;
  process_.world.trace("load_timers", request.range.bucket.level, request.range.bucket.number, request.range.from);
  process_.timeline.after(up_to(process_, process_.options.read_max), [this, request] { serve(request); });
}

void SimReader::load(core::FindMessages request) {
  ++process_.checker.counts.loads;
  process_.world.trace("find", request.number, request.positions.size());
  process_.timeline.after(up_to(process_, process_.options.read_max), [this, request] { serve(request); });
}

template <class Request>
bool SimReader::fails(const Request& request) {
  if (!process_.world.random().permille(process_.options.read_failure_permille)) return false;
  ++process_.checker.counts.read_failures;
  process_.world.trace("read_failed");
  process_.timeline.after(read_retry, [this, request] { serve(request); });
  return true;
}

void SimReader::serve(const core::LoadTimers& request) {
  if (fails(request)) return;
  auto loaded = runtime::read_timers(stores_.tables(), request);
  if (!loaded) loaded = core::TimersLoaded{request.range, {}, core::Corruption{loaded.error().message}};   // wanted no more, or it fails
  process_.world.trace("timers_loaded", loaded->chunks.size());
  process_.timeline.after(up_to(process_, process_.options.read_max),
                          [this, answer = std::move(*loaded)] { process_.mail(core::Command(answer)); });
}

void SimReader::serve(const core::FindMessages& request) {
  if (fails(request)) return;
  auto found = runtime::find_messages(stores_.log(), stores_.tables(), process_.uuid, request);
  if (!found) return process_.checker.fail("messages cannot be looked up: " + found.error().message);
  if (!found->damage.empty()) return process_.checker.fail("a message is damaged: " + found->damage.front().message);
  process_.timeline.after(up_to(process_, process_.options.read_max),
                          [this, answer = std::move(found->answer)] { process_.mail(core::Command(answer)); });
}

void SimReader::serve(const core::LoadBlocks& request) {
  if (fails(request)) return;
  auto loaded = runtime::read_blocks(stores_.log(), stores_.tables(), process_.uuid, request);
  if (!loaded) return process_.checker.fail("a block cannot be read: " + loaded.error().message);
  if (!loaded->damage.empty()) return process_.checker.fail("a block is damaged: " + loaded->damage.front().message);
  core::BlocksLoaded& answer = loaded->answer;
  process_.world.trace("loaded", request.from.value, answer.until.value, answer.blocks.size());
  if (process_.options.lie == Lie::kSkippedBlock && !answer.blocks.empty()) answer.blocks.pop_back();
  process_.timeline.after(up_to(process_, process_.options.read_max),
                          [this, answer = std::move(answer)] { process_.mail(core::Command(answer)); });
}

// ---- background

SimBackground::SimBackground(BrokerProcess& process, SimStores& stores, SimCommitter& committer)
    : process_(process),
      stores_(stores),
      committer_(committer),
      keeper_(process.uuid, {.bytes = process.options.front_bytes, .runs_max = 65'536}) {}

void SimBackground::checkpoint(runtime::CheckpointJob job) {
  process_.crash_point("checkpoint");
  waiting_.push_back(std::move(job));
  wake();
}

void SimBackground::wake() {
  if (is_busy_ || waiting_.empty()) return;
  is_busy_ = true;
  process_.timeline.after(up_to(process_, process_.options.turn_max), [this, job = std::move(waiting_.front())] { write(job); });
  waiting_.pop_front();
}

namespace {

/// The rows of a job as a liar writes them.
core::Checkpoint falsified(const core::Checkpoint& rows, Lie lie) {
  core::Checkpoint out = rows;
  std::erase_if(out.changed, [&](const core::RowChange& change) {
    switch (lie) {
      case Lie::kForgottenAcks: return change.table == core::Table::kDone || change.table == core::Table::kGroups;
      case Lie::kForgottenRetries: return change.table == core::Table::kRetries;
      case Lie::kForgottenCarry: return change.table == core::Table::kCold;
      case Lie::kNone:
      case Lie::kAckBeforeSync:
      case Lie::kFailedAppendReported:
      case Lie::kLostCommit:
      case Lie::kFrontFreedEarly:
      case Lie::kSkippedBlock:
      case Lie::kRepeatedDelivery:
      case Lie::kSwallowedSessionEnd: return false;
    }
    return false;
  });
  return out;
}

/// The tables as the background sees them: true, but for the lies about checkpoints.
class LyingTables final : public store::Tables {
 public:
  LyingTables(store::Tables& tables, Lie lie) : tables_(tables), lie_(lie) {}
  Position applied() const override { return tables_.applied(); }
  Result<void, StoreFailure> checkpoint(const core::Checkpoint& rows) override { return tables_.checkpoint(falsified(rows, lie_)); }
  Result<std::uint64_t, StoreFailure> used_bytes() const override { return tables_.used_bytes(); }
  Result<std::optional<std::string>, StoreFailure> get(core::Table table, std::string_view key) const override {
    return tables_.get(table, key);
  }
  Result<std::optional<store::Row>, StoreFailure> find_at_or_before(core::Table table, std::string_view key) const override {
    return tables_.find_at_or_before(table, key);
  }
  Result<void, StoreFailure> scan(core::Table table, std::string_view from,
                                  const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return tables_.scan(table, from, visit);
  }

 private:
  store::Tables& tables_;
  const Lie lie_;
};

}  // namespace

void SimBackground::write(const runtime::CheckpointJob& job) {
  Random& random = process_.world.random();
  if (random.permille(process_.options.checkpoint_failure_permille)) {
    ++process_.checker.counts.checkpoint_failures;
    process_.disk.fail_next_checkpoint(draw_failure(random));
  }
  LyingTables tables(stores_.tables(), process_.options.lie);
  runtime::FrontKeeper::Outcome outcome = keeper_.write(job, stores_.log(), tables);
  process_.world.trace("checkpoint", job.rows->applied.value, outcome.written.carried_messages, outcome.written.failure ? 1 : 0);
  if (outcome.written.failure) process_.world.note(outcome.written.failure->message);
  ++process_.checker.counts.checkpoints;
  process_.checker.counts.carried += outcome.written.carried_messages;
  process_.crash_point("checkpoint_written");
  if (process_.options.lie == Lie::kFrontFreedEarly) {
    // The log's disk is quicker than the tables': the front is gone, the checkpoint is not there yet.
    committer_.free_before(std::exchange(outcome.free_steps, {}));
    if (!outcome.written.failure && random.permille(500)) process_.crash_point("certain");
  }
  process_.timeline.after(up_to(process_, process_.options.sync_max), [this, outcome = std::move(outcome)] {
    process_.disk.sync(File::kTables);
    process_.crash_point("checkpoint_synced");
    if (!outcome.free_steps.empty()) committer_.free_before(outcome.free_steps);
    process_.mail(outcome.written);
    // The shard may freeze anew before it hears of the scan, which reads up to a whole front.
    process_.timeline.after(up_to(process_, process_.options.scan_max), [this] { scan(); });
  });
}

void SimBackground::scan() {
  auto scanned = keeper_.scan(stores_.log(), stores_.tables().applied(), scan_bytes);
  if (scanned) process_.mail(std::move(*scanned));
  is_busy_ = false;
  wake();
}

// ---- loader

Result<runtime::LoadedPartition, StoreFailure> SimLoader::load_fresh() {
  auto loaded = runtime::load_partition(stores_.log(), stores_.tables(), settings_);
  if (loaded) process_.loaded(loaded->partition);
  process_.checker.term_begins();
  return loaded;
}

Result<runtime::LoadedPartition, StoreFailure> SimLoader::load() {
  ++process_.checker.counts.reloads;
  process_.world.trace("reload");
  stores_.reopen();
  return load_fresh();
}

// ---- gateway

SimGateway::SimGateway(BrokerProcess& process, const transport::DeskSettings& settings, Network& network, Post post)
    : process_(process),
      network_(network),
      post_(std::move(post)),
      desk_(settings),
      alarm_(process.world, process.timeline, [this] { wake(); }) {}

void SimGateway::post(std::vector<core::Outgoing> batch) {
  mail_.emplace_back(std::move(batch));
  wake();
}

// The shard gives its memory up: what was leased may be claimed again.
void SimGateway::end_sessions(Refusal reason) {
  process_.checker.term_ends();
  mail_.emplace_back(EndSessions{std::move(reason)});
  wake();
}

void SimGateway::drain() {
  mail_.emplace_back(Drain{});
  wake();
}

void SimGateway::room() { wake(); }

std::future<transport::DeskStats> SimGateway::stats() {
  std::promise<transport::DeskStats> promise;
  promise.set_value(desk_.stats());
  return promise.get_future();
}

void SimGateway::received(ConnectionId connection, Frames frames) {
  received_.push_back({connection, std::move(frames)});
  wake();
}

void SimGateway::lost(ConnectionId connection) {
  received_.push_back({connection, {}});
  wake();
}

void SimGateway::wake() {
  if (is_woken_) return;
  is_woken_ = true;
  process_.timeline.after(up_to(process_, process_.options.turn_max), [this] { turn(); });
}

void SimGateway::turn() {
  is_woken_ = false;
  for (; !mail_.empty(); mail_.pop_front()) {
    Mail& item = mail_.front();
    if (auto* batch = std::get_if<std::vector<core::Outgoing>>(&item)) {
      for (core::Outgoing& outgoing : *batch) desk_.reply(std::move(outgoing));
      flush();
    } else if (auto* end = std::get_if<EndSessions>(&item)) {
      desk_.end_sessions(end->reason);
    } else {
      desk_.drain();
    }
  }
  while (held_.empty() && !received_.empty()) {
    Received next = std::move(received_.front());
    received_.pop_front();
    if (next.frames.empty()) {
      desk_.ended(next.connection);
    } else {
      desk_.received(next.connection, transport::Desk::Presence::kHere, next.frames, process_.world.mono());
    }
  }
  desk_.tick(process_.world.mono());
  flush();
  alarm_.set(desk_.next_deadline());
}

void SimGateway::flush() {
  for (bool goes_on = true; goes_on;) {
    transport::Desk::Output output = desk_.take_output();
    goes_on = !output.commands.empty() || !output.departures.empty() || !output.dropped.empty();
    for (transport::Departure& departure : output.departures) {
      process_.checker.departing(departure.to, departure.frames);
      desk_.sent(departure.to, departure.bytes);
      const bool is_repeated =
          process_.options.lie == Lie::kRepeatedDelivery && departure.frames.size() == 3 && process_.world.random().permille(20);
      if (is_repeated) network_.to_client(departure.to, departure.frames);
      network_.to_client(departure.to, std::move(departure.frames));
    }
    for (const ConnectionId connection : output.dropped) network_.cut_by_server(connection);
    if (process_.options.lie == Lie::kSwallowedSessionEnd) {
      std::erase_if(output.commands.prior, [&](const core::Command& command) {
        return std::holds_alternative<core::SessionLost>(command) && process_.world.random().permille(500);
      });
    }
    std::ranges::move(output.commands.prior, std::back_inserter(held_.prior));
    std::ranges::move(output.commands.later, std::back_inserter(held_.later));
  }
  if (!held_.empty()) post_(held_.prior, held_.later);
}

}  // namespace takt::sim
