#pragma once

#include "broker/store/memory_disk.h"
#include "broker/store/tables.h"

namespace takt::store {

/// The tables' twin on a simulated disk. Stricter than the real ones: a checkpoint beyond the durable log's end stops the
/// process (tables may never be ahead of committed).
class MemoryTables final : public Tables {
 public:
  /// kLogOf: `applied` is checked against the log on the same disk. kAlone: there is no log, as in the tables' own suite.
  enum class Order { kLogOf, kAlone };
  explicit MemoryTables(MemoryDisk& disk, Order order = Order::kLogOf);
  ~MemoryTables() override;
  MemoryTables(const MemoryTables&) = delete;
  MemoryTables& operator=(const MemoryTables&) = delete;

  Position applied() const override;
  Result<void, StoreFailure> checkpoint(const core::Checkpoint& checkpoint) override;
  Result<std::uint64_t, StoreFailure> used_bytes() const override;
  Result<std::optional<std::string>, StoreFailure> get(core::Table table, std::string_view key) const override;
  Result<std::optional<Row>, StoreFailure> find_at_or_before(core::Table table, std::string_view key) const override;
  Result<void, StoreFailure> scan(core::Table table, std::string_view from,
                                  const std::function<bool(std::string_view key, std::string_view value)>& visit) const override;

 private:
  bool is_dead() const { return generation_ != disk_.generation_; }
  const MemoryDisk::Rows& rows(core::Table table) const { return disk_.seen_.tables.rows[static_cast<std::size_t>(table)]; }

  MemoryDisk& disk_;
  const Order order_;
  const std::uint64_t generation_;
};

}  // namespace takt::store
