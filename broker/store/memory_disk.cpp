#include "broker/store/memory_disk.h"

#include <algorithm>
#include <iterator>

namespace takt::store {

void MemoryDisk::carry_out(State& state, const Step& step) {
  LogState& log = state.log;
  if (const auto* append = std::get_if<Append>(&step)) {
    for (const core::Commit& commit : append->commits) {
      log.commits.emplace(commit.first, commit);
      log.end = commit.end;
      log.bytes += commit.value.size();
    }
  } else if (const auto* truncate = std::get_if<Truncate>(&step)) {
    for (auto it = log.commits.lower_bound(truncate->end); it != log.commits.end(); it = log.commits.erase(it))
      log.bytes -= it->second.value.size();
    log.end = truncate->end;
  } else if (const auto* free = std::get_if<Free>(&step)) {
    for (auto it = log.commits.begin(); it != log.commits.end() && it->second.end <= free->position; it = log.commits.erase(it)) {
      log.bytes -= it->second.value.size();
      log.first = it->second.end;
    }
  } else {
    const auto& checkpoint = std::get<core::Checkpoint>(step);
    TablesState& tables = state.tables;
    for (const core::RowRange& range : checkpoint.erased) {
      Rows& rows = tables.rows[static_cast<std::size_t>(range.table)];
      if (range.from < range.until) rows.erase(rows.lower_bound(range.from), rows.lower_bound(range.until));
    }
    for (const core::RowChange& change : checkpoint.changed) {
      Rows& rows = tables.rows[static_cast<std::size_t>(change.table)];
      if (change.value)
        rows.insert_or_assign(change.key, *change.value);
      else
        rows.erase(change.key);
    }
    tables.applied = checkpoint.applied;
  }
}

void MemoryDisk::take(Step step) {
  carry_out(seen_, step);
  const File file = file_of(step);
  unsynced_[static_cast<std::size_t>(file)].push_back(std::move(step));
  if (durability_ == Durability::kAtOnce) sync_file(file);
}

void MemoryDisk::keep(File file, std::size_t most) {
  std::vector<Step>& steps = unsynced_[static_cast<std::size_t>(file)];
  for (std::size_t i = 0; i < std::min(most, steps.size()); ++i) carry_out(durable_, steps[i]);
  steps.clear();
}

void MemoryDisk::sync_file(File file) {
  const std::size_t steps = unsynced_[static_cast<std::size_t>(file)].size();
  if (steps > 0) ++syncs_;
  keep(file, steps);
}

Position MemoryDisk::sync() {
  const std::lock_guard lock(mutex_);
  sync_file(File::kLog);
  sync_file(File::kTables);
  return durable_.log.end;
}

Position MemoryDisk::sync(File file) {
  const std::lock_guard lock(mutex_);
  sync_file(file);
  return durable_.log.end;
}

Position MemoryDisk::durable_end() const {
  const std::lock_guard lock(mutex_);
  return durable_.log.end;
}

MemoryDisk::Steps MemoryDisk::unsynced_steps() const {
  const std::lock_guard lock(mutex_);
  return {unsynced_[static_cast<std::size_t>(File::kLog)].size(), unsynced_[static_cast<std::size_t>(File::kTables)].size()};
}

std::uint64_t MemoryDisk::syncs() const {
  const std::lock_guard lock(mutex_);
  return syncs_;
}

void MemoryDisk::fail_next_append(StoreFailure::Kind kind) {
  const std::lock_guard lock(mutex_);
  append_fault_ = kind;
}

void MemoryDisk::fail_next_checkpoint(StoreFailure::Kind kind) {
  const std::lock_guard lock(mutex_);
  checkpoint_fault_ = kind;
}

void MemoryDisk::fail_next_read(StoreFailure::Kind kind) {
  const std::lock_guard lock(mutex_);
  read_fault_ = kind;
}

void MemoryDisk::limit_log_bytes(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  log_bytes_max_ = bytes;
}

void MemoryDisk::crash(Steps kept) {
  const std::lock_guard lock(mutex_);
  keep(File::kLog, kept.log);
  keep(File::kTables, kept.tables);
  seen_ = durable_;
  ++generation_;
  log_open_ = false;
  tables_open_ = false;
  append_fault_.reset();
  checkpoint_fault_.reset();
  read_fault_.reset();
}

bool MemoryDisk::flip_log_bit(Position position, std::size_t bit) {
  const std::lock_guard lock(mutex_);
  for (State* state : {&durable_, &seen_}) {
    auto it = state->log.commits.upper_bound(position);
    if (it == state->log.commits.begin()) return false;
    core::Commit& commit = std::prev(it)->second;
    if (commit.end <= position || bit >= commit.value.size() * 8) return false;
    std::vector<std::byte> flipped(commit.value.bytes.begin(), commit.value.bytes.end());
    flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    commit.value = SharedBytes::own(std::move(flipped));
  }
  return true;
}

}  // namespace takt::store
