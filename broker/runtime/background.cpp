#include "broker/runtime/background.h"

#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include "broker/core/cold_rows.h"
#include "broker/runtime/pins.h"
#include "proto/planted_bug.h"
#include "proto/record.h"

namespace takt::runtime {
namespace {

using store::StoreFailure;

constexpr std::size_t log_bytes_per_scan = 4u << 20;
constexpr std::size_t scan_bytes_per_checkpoint = 256u << 20;
constexpr std::size_t carry_bytes_per_write = 4u << 20;
constexpr std::size_t free_bytes_per_step = 8u << 20;

StoreFailure damaged(Position position, const std::string& what) {
  return {StoreFailure::Kind::kCorrupt,
          "log.mdb at position " + std::to_string(position.value) + ": " + what + ": restore the folder from a backup"};
}
StoreFailure closed() { return {StoreFailure::Kind::kRefused, "the stores are not open"}; }

/// Collects rows for kCold and writes them in transactions of a bounded size; the tables' cut stays where it is.
class ColdWriter {
 public:
  explicit ColdWriter(store::Tables& tables) : tables_(tables) {}

  Result<void, StoreFailure> add(std::vector<core::RowChange> rows) {
    for (const core::RowChange& row : rows) bytes_ += row.key.size() + row.value->size();
    std::ranges::move(rows, std::back_inserter(rows_.changed));
    ++messages_;
    if (bytes_ < carry_bytes_per_write) return {};
    return flush();
  }
  Result<void, StoreFailure> flush() {
    if (rows_.changed.empty()) return {};
    rows_.applied = tables_.applied();
    auto written = tables_.checkpoint(rows_);
    rows_.changed.clear();
    bytes_ = 0;
    return written;
  }
  std::uint64_t messages() const { return messages_; }

 private:
  store::Tables& tables_;
  core::Checkpoint rows_;
  std::size_t bytes_ = 0;
  std::uint64_t messages_ = 0;
};

}  // namespace

FrontKeeper::Outcome FrontKeeper::write(const CheckpointJob& job, const store::Log& log, store::Tables& tables) {
  Outcome outcome;
  CheckpointWritten& written = outcome.written;
  written.applied = job.rows->applied;
  if (!write_rows(job, tables, written)) return outcome;
  Front::Plan plan;
  if (job.front) {
    auto live = live_of(*job.front, tables);
    if (live)
      plan = front_.plan(*live, job.front->end, {job.front->waiting, log.bounds().bytes});
    else
      written.front_failure = live.error();
  }
  if (!plan.carry.empty()) {
    if (auto carried = carry(plan.carry, log, tables)) {
      written.carried_messages = *carried;
    } else {
      written.front_failure = carried.error();
      plan.free_before = plan.dead_before;
    }
  }
  if (const auto bytes = tables.used_bytes()) written.tables_bytes = *bytes;
  const std::size_t bytes_before = front_.bytes();
  outcome.free_steps = front_.steps(plan.free_before, free_bytes_per_step);
  front_.drop_before(plan.free_before);
  given_up_ = std::max(given_up_, plan.free_before);
  freed_much_ = front_.bytes() * 2 < bytes_before;
  return outcome;
}

/// False: the checkpoint is not on disk, and nothing that it no longer needs may go.
bool FrontKeeper::write_rows(const CheckpointJob& job, store::Tables& tables, CheckpointWritten& written) {
  // Two rows, of the state itself and of the wheel, are in every checkpoint.
  written.is_written = job.rows->changed.size() > 2 || !job.rows->erased.empty() || job.rows->applied != tables.applied();
  if (!written.is_written) return true;
  const auto pinned = with_pins(*job.rows, given_up_, tables);
  const auto done = pinned ? tables.checkpoint(pinned->rows) : failed(pinned.error());
  if (!done) written.failure = done.error();
  if (pinned) written.front_failure = pinned->damage;
  return done || planted(PlantedBug::kFrontFreedBeforeCheckpoint);
}

/// What the owner says of the front, without the scheduled messages that nobody is owed.
Result<std::vector<core::Partition::LiveStretch>, StoreFailure> FrontKeeper::live_of(const FrontLive& front, const store::Tables& tables) {
  std::vector<core::Partition::LiveStretch> live;
  for (const auto& stretch : front.stretches) {
    if (stretch.lane != core::staged_lane) {
      live.push_back(stretch);
      continue;
    }
    auto staged = pinned(stretch, tables);
    if (!staged) return failed(std::move(staged.error()));
    std::ranges::move(*staged, std::back_inserter(live));
  }
  return live;
}

Result<std::uint64_t, StoreFailure> FrontKeeper::carry(const std::vector<core::Partition::LiveStretch>& live, const store::Log& log,
                                                       store::Tables& tables) {
  ColdWriter writer(tables);
  std::vector<core::Commit> commits;   // the one that was read last
  std::optional<core::CommitView> view;
  for (const auto& stretch : live) {
    Position position = stretch.first_position;
    const Position end = position.plus(planted(PlantedBug::kCarriedMessageForgotten) ? stretch.count - 1 : stretch.count);
    while (position < end) {
      if (commits.empty() || position < commits.front().first || position >= commits.front().end) {
        auto read = log.read(position, 1);
        if (!read) return failed(read.error());
        commits = std::move(*read);
        if (commits.empty() || position < commits.front().first) return failed(damaged(position, "a live message is missing"));
        auto parsed = core::CommitView::parse(commits.front().value.bytes, partition_, core::CommitView::Sections::kCheck);
        if (!parsed) return failed(damaged(commits.front().first, parsed.error().what));
        view = std::move(*parsed);
      }
      const auto run = std::ranges::find_if(view->runs, [&](const core::RunView& r) { return position < r.first_position.plus(r.count); });
      const bool is_staged = stretch.lane == core::staged_lane;
      if (run == view->runs.end() || run->topic != stretch.topic || (run->run_class == proto::RunClass::kScheduled) != is_staged ||
          (!is_staged && run->lane != stretch.lane))
        return failed(damaged(position, "a live message is not where memory has it"));
      const proto::SectionView messages(run->metadata, run->payload, run->count);
      for (; position < end && position < run->first_position.plus(run->count); position = position.plus(1)) {
        const auto index = static_cast<std::uint32_t>(position.value - run->first_position.value);
        const Offset offset = is_staged ? Offset(position.value) : run->first_offset.plus(index);
        const ByteView metadata = messages.metadata(index);
        core::Staged staged;
        if (is_staged) {
          const auto record = proto::check_record(metadata);
          if (!record) return failed(damaged(position, record.error().message));
          staged = {run->lane, record->due(run->taken)};
        }
        auto added = writer.add(core::encode_cold(run->topic, stretch.lane, offset, position, staged, metadata, messages.payload(index)));
        if (!added) return failed(added.error());
      }
    }
  }
  if (auto flushed = writer.flush(); !flushed) return failed(flushed.error());
  return writer.messages();
}

std::optional<FrontScanned> FrontKeeper::scan(const store::Log& log, Position applied, std::size_t bytes_max) {
  FrontScanned scanned;
  if (auto read = read_on(log, applied, bytes_max); !read) scanned.failure = read.error();
  if (front_.empty() && !scanned.failure) return std::nullopt;
  scanned.runs = front_.runs();
  if (!front_.empty()) scanned.end = front_.end();
  scanned.is_behind = freed_much_ && front_.is_full();
  return scanned;
}

Result<void, StoreFailure> FrontKeeper::read_on(const store::Log& log, Position applied, std::size_t bytes_max) {
  const store::LogBounds bounds = log.bounds();
  if (planted(PlantedBug::kFrontFreedBeforeCheckpoint)) applied = bounds.end;
  if (!front_.empty() && front_.end() < bounds.first) front_.clear();
  // Upkeep frees later than it is told: what was given up is not scanned again, or it would be carried from nowhere.
  Position next = front_.empty() ? std::max(bounds.first, given_up_) : front_.end();
  std::size_t bytes = 0;
  const auto wants_more = [&] { return !front_.is_full() && next < applied && bytes < bytes_max; };
  for (bool has_more = true; has_more && wants_more();) {
    has_more = false;
    auto scanned = log.scan(next, log_bytes_per_scan, [&](const core::CommitView& commit, std::size_t size) {
      if (commit.end() > applied) return false;
      has_more = true;
      front_.add(commit, size);
      bytes += size;
      next = commit.end();
      return wants_more();
    });
    if (!scanned) return failed(scanned.error());
  }
  return {};
}

Background::Background(const Settings& settings, Stores& stores, Committer& committer, std::function<void(ShardMail)> answer)
    : settings_(settings),
      stores_(stores),
      committer_(committer),
      answer_(std::move(answer)),
      inbox_(std::numeric_limits<std::size_t>::max()),
      keeper_(settings.partition, settings.front),
      thread_([this] { run(); }) {}

Background::~Background() { inbox_.close(); }

void Background::run() {
  pthread_setname_np(pthread_self(), "takt-background");
  for (;;) {
    auto mail = inbox_.take_all(std::nullopt);
    for (const CheckpointJob& job : mail.prior) write(job);
    if (mail.is_closed) return;
    scan();
  }
}

void Background::write(const CheckpointJob& job) {
  FrontKeeper::Outcome outcome;
  if (const auto stores = stores_.use()) {
    outcome = keeper_.write(job, *stores.log, *stores.tables);
  } else {
    outcome.written.applied = job.rows->applied;
    outcome.written.failure = closed();
  }
  if (!outcome.free_steps.empty()) committer_.free_before(std::move(outcome.free_steps));
  outcome.written.disk = stores_.disk();
  answer_(std::move(outcome.written));
}

void Background::scan() {
  const auto stores = stores_.use();
  if (!stores) return;
  auto scanned = keeper_.scan(*stores.log, stores.tables->applied(), scan_bytes_per_checkpoint);
  if (scanned) answer_(std::move(*scanned));
}

}  // namespace takt::runtime
