#pragma once
// Tables of which some rows are damaged, as the real ones would tell it.

#include <set>
#include <utility>

#include "broker/store/tables.h"

namespace takt::runtime {

class DamagedTables final : public store::Tables {
 public:
  explicit DamagedTables(store::Tables& tables) : tables_(tables) {}

  void damage(core::Table table, std::string key) { damaged_.emplace(table, std::move(key)); }

  Position applied() const override { return tables_.applied(); }
  Result<void, store::StoreFailure> checkpoint(const core::Checkpoint& checkpoint) override {
    for (const core::RowChange& row : checkpoint.changed) damaged_.erase({row.table, row.key});   // written anew
    return tables_.checkpoint(checkpoint);
  }
  Result<std::uint64_t, store::StoreFailure> used_bytes() const override { return tables_.used_bytes(); }
  Result<std::optional<std::string>, store::StoreFailure> get(core::Table table, std::string_view key) const override {
    if (is_damaged(table, key)) return failed(bad_row());
    return tables_.get(table, key);
  }
  Result<std::optional<store::Row>, store::StoreFailure> find_at_or_before(core::Table table, std::string_view key) const override {
    auto row = tables_.find_at_or_before(table, key);
    if (row && *row && is_damaged(table, (*row)->key)) return failed(bad_row());
    return row;
  }
  /// A damaged row is told before anybody can look at its key.
  Result<void, store::StoreFailure> scan(core::Table table, std::string_view from,
                                         const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    bool is_bad = false;
    auto scanned = tables_.scan(table, from, [&](std::string_view key, std::string_view value) {
      is_bad = is_damaged(table, key);
      return !is_bad && visit(key, value);
    });
    if (is_bad) return failed(bad_row());
    return scanned;
  }

 private:
  bool is_damaged(core::Table table, std::string_view key) const { return damaged_.contains({table, std::string(key)}); }
  static store::StoreFailure bad_row() { return {store::StoreFailure::Kind::kCorrupt, "a row's checksum does not match"}; }

  store::Tables& tables_;
  std::set<std::pair<core::Table, std::string>> damaged_;
};

}  // namespace takt::runtime
