#pragma once
// What every Tables does, told as tests. A fixture gives `std::unique_ptr<store::Tables> open()`: the first call finds
// nothing, a later one (after the object before is gone) what was kept. There is no log beside it.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "broker/store/tables.h"

namespace takt::testing {

using core::Checkpoint;
using core::Table;
using store::StoreFailure;

/// A key that sorts by number.
inline std::string number_key(std::uint32_t number) {
  return {static_cast<char>(number >> 24), static_cast<char>(number >> 16), static_cast<char>(number >> 8), static_cast<char>(number)};
}

template <class Fixture>
class TablesSuite : public ::testing::Test {
 protected:
  void SetUp() override { tables = fixture.open(); }
  void reopen() {
    tables.reset();
    tables = fixture.open();
  }
  void write(std::uint64_t applied, std::vector<core::RowChange> changed, std::vector<core::RowRange> erased = {}) {
    const auto done = tables->checkpoint({.applied = Position(applied), .erased = std::move(erased), .changed = std::move(changed)});
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  std::optional<std::string> get(Table table, std::string_view key) {
    auto value = tables->get(table, key);
    EXPECT_TRUE(value.has_value());
    return value.value_or(std::nullopt);
  }
  std::optional<std::string> at_or_before(Table table, std::string_view key) {
    auto row = tables->find_at_or_before(table, key);
    EXPECT_TRUE(row.has_value());
    return row && *row ? std::optional((*row)->key) : std::nullopt;
  }
  std::map<std::string, std::string> all(Table table, std::string_view from = {}) {
    std::map<std::string, std::string> rows;
    const auto done = tables->scan(table, from, [&](std::string_view key, std::string_view value) {
      EXPECT_TRUE(rows.empty() || rows.rbegin()->first < key);
      rows.emplace(key, value);
      return true;
    });
    EXPECT_TRUE(done.has_value());
    return rows;
  }
  StoreFailure::Kind refusal_of(const Checkpoint& checkpoint) {
    const auto done = tables->checkpoint(checkpoint);
    EXPECT_FALSE(done.has_value());
    return done.has_value() ? StoreFailure::Kind::kIo : done.error().kind;
  }

  Fixture fixture;
  std::unique_ptr<store::Tables> tables;
};

TYPED_TEST_SUITE_P(TablesSuite);

TYPED_TEST_P(TablesSuite, StandsAtZeroWithoutRowsWhenFresh) {
  EXPECT_EQ(this->tables->applied(), Position(0));
  EXPECT_EQ(this->get(Table::kMeta, "any"), std::nullopt);
  EXPECT_EQ(this->at_or_before(Table::kIndex, "any"), std::nullopt);
  EXPECT_TRUE(this->all(Table::kDone).empty());
}

TYPED_TEST_P(TablesSuite, KeepsACheckpointWhenOpenedAnew) {
  this->write(17, {{Table::kTopics, "a", "photos"}, {Table::kDead, "b", std::string()}});
  for (int opened = 0; opened < 2; ++opened) {
    EXPECT_EQ(this->tables->applied(), Position(17));
    EXPECT_EQ(this->get(Table::kTopics, "a"), "photos");
    EXPECT_EQ(this->get(Table::kDead, "b"), "");
    this->reopen();
  }
}

TYPED_TEST_P(TablesSuite, CountsWhatItsRowsTake) {
  const std::uint64_t empty = this->tables->used_bytes().value_or(0);
  std::vector<core::RowChange> rows;
  for (std::uint32_t i = 0; i < 1'000; ++i) rows.push_back({Table::kCold, number_key(i), std::string(4'000, 'x')});
  this->write(1, rows);
  for (int opened = 0; opened < 2; ++opened) {
    EXPECT_GE(this->tables->used_bytes().value_or(0), empty + 4'000'000);
    EXPECT_LE(this->tables->used_bytes().value_or(0), empty + 4'500'000);
    this->reopen();
  }
  this->write(2, {}, {{Table::kCold, number_key(0), number_key(1'000)}});
  EXPECT_LE(this->tables->used_bytes().value_or(~0u), empty + 100'000);
}

TYPED_TEST_P(TablesSuite, ReplacesAndErasesRows) {
  this->write(1, {{Table::kTopics, "a", "1"}, {Table::kTopics, "b", "2"}});
  this->write(
      2, {{Table::kTopics, "a", std::string(3'000, 'x')}, {Table::kTopics, "b", std::nullopt}, {Table::kTopics, "never", std::nullopt}});
  EXPECT_EQ(this->get(Table::kTopics, "a"), std::string(3'000, 'x'));
  EXPECT_EQ(this->get(Table::kTopics, "b"), std::nullopt);
  EXPECT_EQ(this->all(Table::kTopics).size(), 1u);
}

TYPED_TEST_P(TablesSuite, ErasesRangesBeforeItWrites) {
  this->write(1, {{Table::kIndex, "a", "1"}, {Table::kIndex, "b", "1"}, {Table::kIndex, "c", "1"}, {Table::kCold, "b", "1"}});
  this->write(2, {{Table::kIndex, "b", "2"}}, {{Table::kIndex, "a", "c"}});
  EXPECT_EQ(this->get(Table::kIndex, "a"), std::nullopt);
  EXPECT_EQ(this->get(Table::kIndex, "b"), "2");
  EXPECT_EQ(this->get(Table::kIndex, "c"), "1");
  EXPECT_EQ(this->get(Table::kCold, "b"), "1");
}

TYPED_TEST_P(TablesSuite, ErasesFromTheFirstRowAndNothingInAnEmptyRange) {
  this->write(1, {{Table::kIndex, "a", "1"}, {Table::kIndex, "b", "1"}});
  this->write(2, {}, {{Table::kIndex, "b", "a"}, {Table::kIndex, "b", "b"}});
  EXPECT_EQ(this->all(Table::kIndex).size(), 2u);
  this->write(3, {}, {{Table::kIndex, "", "b"}});
  EXPECT_EQ(this->all(Table::kIndex).size(), 1u);
}

TYPED_TEST_P(TablesSuite, ErasesALargeRange) {
  std::vector<core::RowChange> rows;
  for (std::uint32_t i = 0; i < 5'000; ++i) rows.push_back({Table::kRetries, number_key(i), std::string(i % 300, 'r')});
  this->write(1, std::move(rows));
  this->write(2, {}, {{Table::kRetries, number_key(100), number_key(4'900)}});
  EXPECT_EQ(this->all(Table::kRetries).size(), 200u);
}

TYPED_TEST_P(TablesSuite, StandsStillOnAnEmptyCheckpoint) {
  this->write(5, {});
  this->write(5, {});
  EXPECT_EQ(this->tables->applied(), Position(5));
}

TYPED_TEST_P(TablesSuite, RefusesToGoBackAndWritesNothingThen) {
  this->write(5, {{Table::kMeta, "m", "5"}});
  EXPECT_EQ(this->refusal_of({.applied = Position(4), .erased = {}, .changed = {{Table::kMeta, "m", "4"}}}), StoreFailure::Kind::kRefused);
  EXPECT_EQ(this->get(Table::kMeta, "m"), "5");
  EXPECT_EQ(this->tables->applied(), Position(5));
}

TYPED_TEST_P(TablesSuite, TakesAValueAtTheBoundAndRefusesOneAbove) {
  const std::string largest(core::row_value_bytes_max, 'v');
  this->write(1, {{Table::kCold, "k", largest}});
  EXPECT_EQ(this->get(Table::kCold, "k"), largest);
  EXPECT_EQ(
      this->refusal_of({.applied = Position(2), .erased = {}, .changed = {{Table::kMeta, "m", "2"}, {Table::kCold, "k", largest + "v"}}}),
      StoreFailure::Kind::kRefused);
  EXPECT_EQ(this->get(Table::kMeta, "m"), std::nullopt);
  EXPECT_EQ(this->tables->applied(), Position(1));
}

TYPED_TEST_P(TablesSuite, RefusesAnEmptyKeyAndOneAboveTheBound) {
  EXPECT_EQ(this->refusal_of({.applied = Position(1), .erased = {}, .changed = {{Table::kMeta, "", "x"}}}), StoreFailure::Kind::kRefused);
  EXPECT_EQ(this->refusal_of({.applied = Position(1), .erased = {}, .changed = {{Table::kMeta, std::string(512, 'k'), "x"}}}),
            StoreFailure::Kind::kRefused);
  this->write(1, {{Table::kMeta, std::string(511, 'k'), "x"}});
  EXPECT_EQ(this->all(Table::kMeta).size(), 1u);
}

TYPED_TEST_P(TablesSuite, FindsTheRowAtOrBefore) {
  this->write(1, {{Table::kIndex, number_key(10), "10"}, {Table::kIndex, number_key(20), "20"}});
  EXPECT_EQ(this->at_or_before(Table::kIndex, number_key(9)), std::nullopt);
  EXPECT_EQ(this->at_or_before(Table::kIndex, number_key(10)), number_key(10));
  EXPECT_EQ(this->at_or_before(Table::kIndex, number_key(19)), number_key(10));
  EXPECT_EQ(this->at_or_before(Table::kIndex, number_key(20)), number_key(20));
  EXPECT_EQ(this->at_or_before(Table::kIndex, number_key(~0u)), number_key(20));
  EXPECT_EQ(this->at_or_before(Table::kIndex, ""), std::nullopt);
}

TYPED_TEST_P(TablesSuite, KeysSortAsUnsignedBytes) {
  this->write(1, {{Table::kIndex, "\x7f", "low"}, {Table::kIndex, "\x80", "high"}, {Table::kIndex, "\x7f\x01", "between"}});
  std::vector<std::string> order;
  ASSERT_TRUE(this->tables->scan(Table::kIndex, {}, [&](std::string_view, std::string_view value) {
    order.emplace_back(value);
    return true;
  }));
  EXPECT_EQ(order, (std::vector<std::string>{"low", "between", "high"}));
}

TYPED_TEST_P(TablesSuite, ScansManyRowsInOrderFromAnywhere) {
  constexpr std::uint32_t count = 25'000;
  std::vector<core::RowChange> rows;
  for (std::uint32_t i = 0; i < count; ++i) rows.push_back({Table::kIndex, number_key(i), std::to_string(i)});
  this->write(1, std::move(rows));
  const auto everything = this->all(Table::kIndex);
  ASSERT_EQ(everything.size(), count);
  EXPECT_EQ(everything.at(number_key(24'999)), "24999");
  EXPECT_EQ(this->all(Table::kIndex, number_key(12'345)).size(), count - 12'345);
  std::uint32_t visited = 0;
  ASSERT_TRUE(this->tables->scan(Table::kIndex, {}, [&](std::string_view, std::string_view) { return ++visited < 11'111; }));
  EXPECT_EQ(visited, 11'111u);
}

TYPED_TEST_P(TablesSuite, AVisitorMayLookIntoTheTablesAndChangeThem) {
  this->write(1, {{Table::kIndex, "a", "1"}, {Table::kIndex, "b", "2"}});
  std::uint64_t applied = 1;
  ASSERT_TRUE(this->tables->scan(Table::kIndex, {}, [&](std::string_view key, std::string_view value) {
    EXPECT_EQ(this->get(Table::kIndex, key), value);
    this->write(++applied, {{Table::kDead, std::string(key), "seen"}});
    return true;
  }));
  EXPECT_EQ(this->all(Table::kDead).size(), 2u);
}

TYPED_TEST_P(TablesSuite, AgreesWithMapsUnderAnyOrderOfCheckpoints) {
  std::mt19937_64 random(7);
  std::map<Table, std::map<std::string, std::string>> model;
  const std::array used = {Table::kTopics, Table::kIndex, Table::kDone, Table::kCold};
  for (std::uint64_t applied = 1; applied <= 60; ++applied) {
    Checkpoint checkpoint{.applied = Position(applied), .erased = {}, .changed = {}};
    if (random() % 3 == 0) {
      const Table table = used[random() % used.size()];
      const auto from = static_cast<std::uint32_t>(random() % 500);
      checkpoint.erased.push_back({table, number_key(from), number_key(from + static_cast<std::uint32_t>(random() % 100))});
    }
    for (auto n = random() % 80; n-- > 0;) {
      std::optional<std::string> value;
      if (random() % 4 != 0)
        value = std::string(random() % (random() % 10 == 0 ? core::row_value_bytes_max : 100), static_cast<char>('a' + random() % 26));
      checkpoint.changed.push_back(
          {used[random() % used.size()], number_key(static_cast<std::uint32_t>(random() % 500)), std::move(value)});
    }
    for (const auto& range : checkpoint.erased) {
      auto& rows = model[range.table];
      rows.erase(rows.lower_bound(range.from), rows.lower_bound(range.until));
    }
    for (const auto& change : checkpoint.changed) {
      if (change.value)
        model[change.table][change.key] = *change.value;
      else
        model[change.table].erase(change.key);
    }
    ASSERT_TRUE(this->tables->checkpoint(checkpoint).has_value());
    if (applied % 20 == 0) this->reopen();
    for (const Table table : used) ASSERT_EQ(this->all(table), model[table]) << "after checkpoint " << applied;
  }
}

REGISTER_TYPED_TEST_SUITE_P(TablesSuite, StandsAtZeroWithoutRowsWhenFresh, KeepsACheckpointWhenOpenedAnew, CountsWhatItsRowsTake,
                            ReplacesAndErasesRows, ErasesRangesBeforeItWrites, ErasesFromTheFirstRowAndNothingInAnEmptyRange,
                            ErasesALargeRange, StandsStillOnAnEmptyCheckpoint, RefusesToGoBackAndWritesNothingThen,
                            TakesAValueAtTheBoundAndRefusesOneAbove, RefusesAnEmptyKeyAndOneAboveTheBound, FindsTheRowAtOrBefore,
                            KeysSortAsUnsignedBytes, ScansManyRowsInOrderFromAnywhere, AVisitorMayLookIntoTheTablesAndChangeThem,
                            AgreesWithMapsUnderAnyOrderOfCheckpoints);

}  // namespace takt::testing
