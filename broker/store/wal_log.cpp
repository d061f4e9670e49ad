#include "broker/store/wal_log.h"

#include <algorithm>

#include "proto/planted_bug.h"

namespace takt::store {
namespace {

constexpr std::size_t ahead_blocks_max = 32;      // of one append: 128 KiB; more is cheaper in LMDB at once than written twice

}  // namespace

Result<std::unique_ptr<WalLog>, StoreFailure> WalLog::open(Options options) {
  const bool may_make = options.log.create == LmdbLog::Options::Create::kAllowed;
  Wal::Options wal_options{.file = std::filesystem::path(options.log.file).replace_extension(".wal"),
                           .partition = options.log.partition,
                           .create = may_make ? Wal::Options::Create::kAllowed : Wal::Options::Create::kRefuse,
                           .blocks = options.wal_blocks,
                           .make_room = options.log.make_room};
  const core::PartitionUuid partition = options.log.partition;
  auto log = LmdbLog::open(std::move(options.log));
  if (!log) return failed(log.error());
  auto wal = Wal::open(std::move(wal_options));
  if (!wal) return failed(wal.error());
  auto waiting = (*wal)->recover((*log)->bounds().end);
  if (!waiting) return failed(waiting.error());
  return std::unique_ptr<WalLog>(new WalLog(partition, std::move(*log), std::move(*wal), *waiting, options.drain_bytes));
}

WalLog::WalLog(const core::PartitionUuid& partition, std::unique_ptr<Log> log, std::unique_ptr<Wal> wal,
               std::span<const core::Commit> waiting, std::size_t drain_bytes)
    : partition_(partition),
      log_(std::move(log)),
      wal_(std::move(wal)),
      drain_bytes_(drain_bytes),
      in_log_(log_->bounds()),
      drain_at_(drain_bytes) {
  for (const core::Commit& commit : waiting) add_waiting(commit);
}

WalLog::~WalLog() {
  if (!refuses_appends_) drain();
}

LogBounds WalLog::bounds() const {
  const std::lock_guard state(state_mutex_);
  LogBounds bounds = in_log_;
  if (!waiting_.empty()) bounds.end = waiting_.back().end;
  bounds.bytes += waiting_bytes_;
  bounds.used_bytes += waiting_blocks_ * Wal::block_bytes;
  return bounds;
}

// ---- appending

Result<void, StoreFailure> WalLog::append(std::span<const core::Commit> commits) {
  if (refuses_appends_) return failed(refusal("an earlier append failed: open the log anew"));
  auto appended = try_append(commits);
  refuses_appends_ = !appended.has_value();
  return appended;
}

Result<void, StoreFailure> WalLog::try_append(std::span<const core::Commit> commits) {
  if (commits.empty()) return {};
  Position end;
  {
    const std::lock_guard state(state_mutex_);
    if (drain_failure_) return failed(*drain_failure_);
    end = waiting_.empty() ? in_log_.end : waiting_.back().end;
    wal_->release(planted(PlantedBug::kWalReleasedEarly) ? end : in_log_.end);
  }
  for (const core::Commit& commit : commits) {
    if (commit.first != end || commit.end <= commit.first || commit.value.size() == 0)
      return failed(refusal("the log ends at position " + std::to_string(end.value) + ", a commit at position " +
                            std::to_string(commit.first.value) + " cannot follow"));
    end = commit.end;
  }
  const std::size_t blocks = Wal::blocks_of(commits);
  if (blocks > ahead_blocks_max || !wal_->has_room(blocks)) return append_directly(commits);
  if (auto appended = wal_->append(commits); !appended) {
    // A file system that copies what is written over may find no room for it; the log has a ballast.
    if (appended.error().kind == StoreFailure::Kind::kFull) return append_directly(commits);
    return appended;
  }
  const std::lock_guard state(state_mutex_);
  for (const core::Commit& commit : commits) add_waiting(commit);
  return {};
}

Result<void, StoreFailure> WalLog::append_directly(std::span<const core::Commit> commits) {
  const std::lock_guard writing(log_mutex_);
  std::vector<core::Commit> all = waiting();
  all.insert(all.end(), commits.begin(), commits.end());
  return move_to_log(all);
}

// ---- moving

void WalLog::add_waiting(const core::Commit& commit) {
  waiting_bytes_ += commit.value.size();
  waiting_blocks_ += Wal::blocks_of({&commit, 1});
  waiting_.push_back(commit);
}

std::vector<core::Commit> WalLog::waiting() const {
  const std::lock_guard state(state_mutex_);
  return {waiting_.begin(), waiting_.end()};
}

Result<void, StoreFailure> WalLog::move_to_log(std::span<const core::Commit> commits) {
  if (auto appended = log_->append(commits); !appended) return appended;
  look_at_log();
  return {};
}

void WalLog::look_at_log() {
  const std::lock_guard state(state_mutex_);
  in_log_ = log_->bounds();
  drain_at_ = drain_bytes_;
  while (!waiting_.empty() && waiting_.front().end <= in_log_.end) {
    waiting_bytes_ -= waiting_.front().value.size();
    waiting_blocks_ -= Wal::blocks_of({&waiting_.front(), 1});
    waiting_.pop_front();
  }
}

bool WalLog::is_drain_due() const {
  const std::lock_guard state(state_mutex_);
  return waiting_blocks_ * Wal::block_bytes >= drain_at_ && !drain_failure_;
}

void WalLog::drain() {
  const std::lock_guard writing(log_mutex_);
  static_cast<void>(drain_all());
}

Result<void, StoreFailure> WalLog::drain_all() {
  const std::vector<core::Commit> all = waiting();
  if (all.empty()) return {};
  auto moved = move_to_log(all);
  if (moved) return {};
  const std::lock_guard state(state_mutex_);
  if (moved.error().kind == StoreFailure::Kind::kFull)
    drain_at_ = waiting_blocks_ * Wal::block_bytes + drain_bytes_;   // again when much more waits, or something was freed
  else if (!drain_failure_)
    drain_failure_ = moved.error();
  return moved;
}

// ---- the rest

Result<std::vector<core::Commit>, StoreFailure> WalLog::read(Position from, std::size_t bytes_max) const {
  std::vector<core::Commit> commits;
  std::size_t bytes = 0;
  for (;;) {
    {
      const std::lock_guard state(state_mutex_);
      const LogBounds in_log = log_->bounds();   // ahead of in_log_ while something is freed or drained
      const bool is_in_log = from < in_log.end && in_log.first < in_log.end;
      // Behind a read that stopped early there is more in the log; what was drained since that read is for the next one.
      if (!commits.empty() && (is_in_log || bytes >= bytes_max)) return commits;
      if (!is_in_log) {
        auto next = std::ranges::upper_bound(waiting_, from, {}, [](const core::Commit& commit) { return commit.end; });
        if (next != waiting_.end() && !commits.empty() && next->first != from) return commits;
        for (; next != waiting_.end() && (commits.empty() || bytes < bytes_max); ++next) {
          commits.push_back(*next);
          bytes += next->value.size();
        }
        return commits;
      }
    }
    auto read = log_->read(from, bytes_max);
    if (!read) return read;
    for (core::Commit& commit : *read) {
      bytes += commit.value.size();
      from = commit.end;
      commits.push_back(std::move(commit));
    }
  }
}

Result<void, StoreFailure> WalLog::scan(Position from, std::size_t bytes_max, const Visit& visit) const {
  for (;;) {
    if (const auto waiting = waiting_from(from)) return show(*waiting, bytes_max, visit);
    bool has_shown = false;
    auto scanned = log_->scan(from, bytes_max, [&](const core::CommitView& commit, std::size_t bytes) {
      has_shown = true;
      return visit(commit, bytes);
    });
    if (!scanned || has_shown) return scanned;   // else it was freed meanwhile
  }
}

/// What waits from `from` on; none: the log has it.
std::optional<std::vector<core::Commit>> WalLog::waiting_from(Position from) const {
  const std::lock_guard state(state_mutex_);
  const LogBounds in_log = log_->bounds();   // ahead of in_log_ while something is freed or drained
  if (from < in_log.end && in_log.first < in_log.end) return std::nullopt;
  const auto first = std::ranges::upper_bound(waiting_, from, {}, [](const core::Commit& commit) { return commit.end; });
  return std::vector(first, waiting_.end());
}

Result<void, StoreFailure> WalLog::show(std::span<const core::Commit> commits, std::size_t bytes_max, const Visit& visit) const {
  std::size_t bytes = 0;
  for (const core::Commit& commit : commits) {
    const auto view = core::CommitView::parse(commit.value.bytes, partition_, core::CommitView::Sections::kTrust);
    if (!view)
      return failed(StoreFailure{StoreFailure::Kind::kCorrupt, name() + ": the commit at position " + std::to_string(commit.first.value) +
                                                                   ", which waits in front of it: " + view.error().what +
                                                                   ": restore the folder from a backup"});
    bytes += commit.value.size();
    if (!visit(*view, commit.value.size()) || bytes >= bytes_max) break;
  }
  return {};
}

Result<void, StoreFailure> WalLog::free_before(Position position) {
  const std::lock_guard writing(log_mutex_);
  auto freed = log_->free_before(position);
  look_at_log();
  // What waits is moved after that: in a full log it finds room then.
  if (!freed || position <= log_->bounds().end) return freed;
  if (auto drained = drain_all(); !drained) return drained;
  freed = log_->free_before(position);
  look_at_log();
  return freed;
}

Result<void, StoreFailure> WalLog::truncate_after(Position end) {
  const std::lock_guard writing(log_mutex_);
  if (auto drained = drain_all(); !drained) return drained;
  if (auto wiped = wal_->wipe(); !wiped) return wiped;
  auto truncated = log_->truncate_after(end);
  look_at_log();
  return truncated;
}

bool WalLog::preallocate() {
  const std::lock_guard writing(log_mutex_);
  return log_->preallocate();
}

}  // namespace takt::store
