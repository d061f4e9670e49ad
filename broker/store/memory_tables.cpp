#include "broker/store/memory_tables.h"

#include "proto/check.h"

namespace takt::store {
namespace {

using Kind = StoreFailure::Kind;

constexpr std::size_t key_bytes_max = 511;
constexpr std::size_t batch_rows_max = 1000;

StoreFailure dead() { return {Kind::kIo, "memory tables: the machine crashed; open the tables anew"}; }
StoreFailure refusal(const std::string& what) { return {Kind::kRefused, "memory tables: " + what}; }

}  // namespace

MemoryTables::MemoryTables(MemoryDisk& disk, Order order) : disk_(disk), order_(order), generation_(disk.generation_) {
  const std::lock_guard lock(disk.mutex_);
  check(!disk.tables_open_, "one tables object is open on a disk");
  disk.tables_open_ = true;
}

MemoryTables::~MemoryTables() {
  const std::lock_guard lock(disk_.mutex_);
  if (!is_dead()) disk_.tables_open_ = false;
}

Position MemoryTables::applied() const {
  const std::lock_guard lock(disk_.mutex_);
  return disk_.seen_.tables.applied;
}

Result<void, StoreFailure> MemoryTables::checkpoint(const core::Checkpoint& checkpoint) {
  const std::lock_guard lock(disk_.mutex_);
  if (is_dead()) return failed(dead());
  if (checkpoint.applied < disk_.seen_.tables.applied) return failed(refusal("a checkpoint may not go back"));
  for (const core::RowChange& change : checkpoint.changed) {
    if (change.key.empty() || change.key.size() > key_bytes_max) return failed(refusal("a key has 1 to 511 bytes"));
    if (change.value && change.value->size() > core::row_value_bytes_max) return failed(refusal("a value is over its bound"));
  }
  check(order_ == Order::kAlone || checkpoint.applied <= disk_.durable_.log.end, "a checkpoint is not ahead of the durable log");
  if (const auto fault = MemoryDisk::take_fault(disk_.checkpoint_fault_))
    return failed(StoreFailure{*fault, "memory tables: an injected failure"});
  disk_.take(checkpoint);
  return {};
}

Result<std::uint64_t, StoreFailure> MemoryTables::used_bytes() const {
  const std::lock_guard lock(disk_.mutex_);
  if (is_dead()) return failed(dead());
  std::uint64_t bytes = 0;
  for (const auto& rows : disk_.seen_.tables.rows)
    for (const auto& [key, value] : rows) bytes += key.size() + value.size();
  return bytes;
}

Result<std::optional<std::string>, StoreFailure> MemoryTables::get(core::Table table, std::string_view key) const {
  const std::lock_guard lock(disk_.mutex_);
  if (is_dead()) return failed(dead());
  const auto it = rows(table).find(key);
  return it == rows(table).end() ? std::optional<std::string>() : std::optional(it->second);
}

Result<std::optional<Row>, StoreFailure> MemoryTables::find_at_or_before(core::Table table, std::string_view key) const {
  const std::lock_guard lock(disk_.mutex_);
  if (is_dead()) return failed(dead());
  const auto above = rows(table).upper_bound(key);
  if (above == rows(table).begin()) return std::optional<Row>();
  const auto& [found, value] = *std::prev(above);
  return std::optional(Row{.key = found, .value = value});
}

Result<void, StoreFailure> MemoryTables::scan(core::Table table, std::string_view from,
                                              const std::function<bool(std::string_view, std::string_view)>& visit) const {
  std::string next(from);
  for (std::size_t rows_max = 4;; rows_max = std::min(rows_max * 4, batch_rows_max)) {   // most look at a few rows only
    std::vector<Row> batch;   // visited without the lock: a visitor may look into the tables
    {
      const std::lock_guard lock(disk_.mutex_);
      if (is_dead()) return failed(dead());
      for (auto it = rows(table).lower_bound(next); it != rows(table).end() && batch.size() < rows_max; ++it)
        batch.push_back({it->first, it->second});
    }
    for (const Row& row : batch)
      if (!visit(row.key, row.value)) return {};
    if (batch.size() < rows_max) return {};
    next = batch.back().key + '\0';
  }
}

}  // namespace takt::store
