#include "broker/core/producer_table.h"

#include <gtest/gtest.h>

namespace takt::core {
namespace {

constexpr ProducerId producer(42);
const WallTime time(std::chrono::milliseconds(1000));

ProducerTable filled(std::uint64_t batches) {
  ProducerTable table;
  for (std::uint64_t i = 1; i <= batches; ++i) table.record({producer, 1, Sequence(2 * i), 3}, Position(10 * i), Offset(3 * i), time);
  return table;
}

using Rows = std::map<std::string, std::string>;

/// What is on disk after a checkpoint of `from`, read back; `rows` is what was there before.
ProducerTable reload(ProducerTable& from, Rows& rows) {
  for (auto& row : from.take_changes()) {
    EXPECT_LE(row.value.value_or("").size(), row_value_bytes_max);
    if (row.value)
      rows[row.key] = *row.value;
    else
      rows.erase(row.key);
  }
  ProducerTable table;
  for (const auto& [key, value] : rows) EXPECT_TRUE(table.load(key, value).has_value());
  return table;
}
ProducerTable reload(ProducerTable& from) {
  Rows rows;
  return reload(from, rows);
}

TEST(ProducerTable, AnswersARememberedBatchAsTheFirstTime) {
  for (const std::uint64_t batches : {1u, 127u, 128u, 1024u, 1025u, 5000u}) {
    ProducerTable table = filled(batches);
    ProducerTable back = reload(table);
    for (const ProducerTable* t : {&table, &back}) {
      const auto answer = t->find(producer, 1, Sequence(2 * batches));
      ASSERT_TRUE(std::holds_alternative<RememberedBatch>(answer));
      EXPECT_EQ(std::get<RememberedBatch>(answer),
                (RememberedBatch{Sequence(2 * batches), Position(10 * batches), Offset(3 * batches), 3}));
      EXPECT_TRUE(std::holds_alternative<ProducerTable::New>(t->find(producer, 1, Sequence(2 * batches + 1))));
    }
  }
}

TEST(ProducerTable, TellsAGapFromWhatItHasForgotten) {
  const ProducerTable table = filled(2000);
  EXPECT_TRUE(std::holds_alternative<ProducerTable::OutOfSequence>(table.find(producer, 1, Sequence(2001))));
  EXPECT_TRUE(std::holds_alternative<RememberedBatch>(table.find(producer, 1, Sequence(2 * 977))));
  EXPECT_TRUE(std::holds_alternative<ProducerTable::TooOld>(table.find(producer, 1, Sequence(2 * 976))));
  EXPECT_TRUE(std::holds_alternative<ProducerTable::TooOld>(table.find(producer, 1, Sequence(1))));
  EXPECT_TRUE(std::holds_alternative<ProducerTable::OutOfSequence>(filled(10).find(producer, 1, Sequence(1))))
      << "nothing was forgotten yet";
}

TEST(ProducerTable, FencesAnEarlierEpoch) {
  ProducerTable table = filled(3);
  table.put(producer, 2, time);
  EXPECT_TRUE(std::holds_alternative<ProducerTable::Fenced>(table.find(producer, 1, Sequence(99))));
  EXPECT_TRUE(std::holds_alternative<ProducerTable::New>(table.find(producer, 2, Sequence(1))));
}

TEST(ProducerTable, CanBeReadBackAfterAnEpochThatStoredMore) {
  Rows rows;
  ProducerTable table = filled(300);
  ProducerTable back = reload(table, rows);
  EXPECT_EQ(rows.size(), 4u);
  back.record({producer, 2, Sequence(1), 1}, Position(9000), Offset(900), time);
  const ProducerTable again = reload(back, rows);
  EXPECT_EQ(rows.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<RememberedBatch>(again.find(producer, 2, Sequence(1))));
  EXPECT_TRUE(std::holds_alternative<ProducerTable::Fenced>(again.find(producer, 1, Sequence(600))));
}

TEST(ProducerTable, CanBeReadBackAfterItForgotAProducerThatCameAgain) {
  Rows rows;
  ProducerTable table = filled(300);
  ProducerTable back = reload(table, rows);
  back.put(producer, 0, time);
  back.record({producer, 1, Sequence(1), 1}, Position(9000), Offset(900), time);
  const ProducerTable again = reload(back, rows);
  EXPECT_EQ(rows.size(), 2u);
  EXPECT_EQ(again.size(), 1u);
}

TEST(ProducerTable, RemembersTheRunsOfOneCommandAsOneBatch) {
  ProducerTable table;
  table.record({producer, 1, Sequence(1), 2}, Position(5), Offset(0), time);
  table.record({producer, 1, Sequence(1), 3}, Position(7), Offset(9), time);
  EXPECT_EQ(std::get<RememberedBatch>(table.find(producer, 1, Sequence(1))), (RememberedBatch{Sequence(1), Position(5), Offset(0), 5}));
}

TEST(ProducerTable, ForgetsIdleProducersWithTheirRows) {
  ProducerTable table = filled(300);
  table.record({ProducerId(7), 1, Sequence(1), 1}, Position(1), Offset(1), time + std::chrono::hours(1));
  EXPECT_EQ(table.idle_since(time + std::chrono::minutes(1), 10), std::vector<ProducerId>{producer});
  table.take_changes();
  table.put(producer, 0, time);
  for (const RowChange& row : table.take_changes()) EXPECT_FALSE(row.value.has_value());
  EXPECT_EQ(table.size(), 1u);
}

}  // namespace
}  // namespace takt::core
