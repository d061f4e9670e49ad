#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "broker/core/rows.h"
#include "broker/store/log.h"

namespace takt::store {

struct Row {
  std::string key;
  std::string value;
};

/// A partition's tables: a snapshot that a checkpoint replaces atomically. Seam, with the suite tests/conformance/tables_suite.h.
/// Every stored value carries a checksum seeded with its table and key; a bad one is kCorrupt.
/// Thread: checkpoint by the background thread; reads by any thread, each in a read transaction of its own that ends
/// before the call returns (scan: is renewed at least every 10,000 rows or 100 ms).
class Tables {
 public:
  virtual ~Tables() = default;

  /// The position up to which the tables hold the fold of the log; 0 when fresh.
  virtual Position applied() const = 0;

  /// Carries out all of `checkpoint` or nothing, synced on return. `applied` may not go back.
  /// Errors: kFull, kIo, kRefused (applied goes back, a value over row_value_bytes_max).
  virtual Result<void, StoreFailure> checkpoint(const core::Checkpoint& checkpoint) = 0;

  /// Of the disk that all rows take, as LogBounds::used_bytes. Cost: a read transaction.
  virtual Result<std::uint64_t, StoreFailure> used_bytes() const = 0;

  virtual Result<std::optional<std::string>, StoreFailure> get(core::Table table, std::string_view key) const = 0;
  /// The row with the greatest key <= `key`.
  virtual Result<std::optional<Row>, StoreFailure> find_at_or_before(core::Table table, std::string_view key) const = 0;
  /// Visits rows with from <= key, ascending, until `visit` returns false or the table ends. Those before a bad row
  /// are visited.
  virtual Result<void, StoreFailure> scan(core::Table table, std::string_view from,
                                          const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

}  // namespace takt::store
