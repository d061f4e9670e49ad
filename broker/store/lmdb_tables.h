#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "broker/store/tables.h"

namespace takt::store {

/// A partition's tables in one LMDB file: a named database per table, each value behind a checksum seeded with its table
/// and key, and one row that says up to where the log is folded in. docs/log-format.md has the layout.
class LmdbTables final : public Tables {
 public:
  struct Options {
    std::filesystem::path file;
    core::PartitionUuid partition{};
    std::size_t map_bytes = std::size_t{1} << 40;
    /// kRefuse: a missing, empty or fresh file means damage.
    enum class Create { kAllowed, kRefuse } create = Create::kAllowed;
    /// As LmdbLog's.
    std::function<bool()> make_room{};
  };

  /// Errors: kIo, kFull, kCorrupt, kForeign (another partition's tables, or a newer format).
  static Result<std::unique_ptr<LmdbTables>, StoreFailure> open(Options options);
  ~LmdbTables() override;

  Position applied() const override;
  Result<void, StoreFailure> checkpoint(const core::Checkpoint& checkpoint) override;
  Result<std::uint64_t, StoreFailure> used_bytes() const override;
  Result<std::optional<std::string>, StoreFailure> get(core::Table table, std::string_view key) const override;
  Result<std::optional<Row>, StoreFailure> find_at_or_before(core::Table table, std::string_view key) const override;
  /// Rows are copied in batches and visited between two transactions, so a slow visitor holds no snapshot.
  Result<void, StoreFailure> scan(core::Table table, std::string_view from,
                                  const std::function<bool(std::string_view key, std::string_view value)>& visit) const override;

 private:
  class Body;
  explicit LmdbTables(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

/// Names of the tables as they stand on disk and in messages: `topics`, `done`, ...
std::string_view table_name(core::Table table);

}  // namespace takt::store
