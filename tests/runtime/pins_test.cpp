#include "broker/runtime/pins.h"

#include <gtest/gtest.h>

#include "broker/core/bytes.h"
#include "broker/core/cold_rows.h"
#include "broker/core/index_rows.h"
#include "broker/runtime/background.h"
#include "broker/store/memory_log.h"
#include "broker/store/memory_tables.h"
#include "scheduler/id_set.h"
#include "tests/runtime/damaged_tables.h"

namespace takt::runtime {
namespace {

using core::Table;

constexpr core::PartitionUuid uuid{std::byte{7}};
constexpr TopicId topic{1};
constexpr Lane lane{0};
constexpr std::uint64_t container = scheduler::IdSet::container_ids;

std::string pinned_key(std::uint64_t index) { return core::ByteWriter().key(index).take(); }

class Pins : public testing::Test {
 protected:
  using List = std::vector<std::uint64_t>;

  /// Offsets from 0 on stand there, each a row of the index of its own.
  static std::vector<core::RowChange> index(Lane where, const List& positions) {
    std::vector<core::RowChange> rows;
    for (std::uint64_t i = 0; i < positions.size(); ++i) {
      const core::IndexSegment one[] = {{Offset(i), Position(positions[i]), 1}};
      for (auto& row : core::encode_index_rows(topic, where, one)) rows.push_back(std::move(row));
    }
    return rows;
  }
  /// What was written.
  core::Checkpoint write(core::Checkpoint checkpoint, Position front = {}) {
    auto pins = with_pins(std::move(checkpoint), front, tables);
    if (!pins) return ADD_FAILURE() << pins.error().message, core::Checkpoint();
    damage = std::move(pins->damage);
    EXPECT_TRUE(tables.checkpoint(pins->rows));
    return std::move(pins->rows);
  }
  core::Checkpoint schedule(std::uint64_t first, std::uint64_t count) {
    core::Checkpoint checkpoint;
    checkpoint.scheduled = {{Position(first), count}};
    return write(std::move(checkpoint));
  }
  core::Checkpoint release(std::uint64_t first, std::uint64_t count, Lane where = lane) {
    core::Checkpoint checkpoint;
    checkpoint.released = {{topic, where, Offset(first), count}};
    return write(std::move(checkpoint));
  }
  List pinned_among(std::uint64_t first, std::uint32_t count) {
    List list;
    const auto live = pinned({topic, core::staged_lane, Offset(first), Position(first), count}, tables);
    if (!live) return ADD_FAILURE() << live.error().message, list;
    for (const auto& stretch : *live)
      for (std::uint64_t i = 0; i < stretch.count; ++i) list.push_back(stretch.first_position.value + i);
    return list;
  }
  void carry(std::uint64_t position) {
    core::Checkpoint checkpoint;
    checkpoint.changed = core::encode_cold(topic, core::staged_lane, Offset(position), Position(position), {}, {}, {});
    ASSERT_TRUE(tables.checkpoint(checkpoint));
  }
  List carried() {
    List list;
    EXPECT_TRUE(tables.scan(Table::kCold, "", [&](std::string_view key, std::string_view) {
      list.push_back(core::cold_offset(key)->value);
      return true;
    }));
    return list;
  }
  void index_as(Lane where, const List& positions) {
    core::Checkpoint checkpoint;
    checkpoint.changed = index(where, positions);
    ASSERT_TRUE(tables.checkpoint(checkpoint));
  }

  store::MemoryDisk disk{uuid};
  store::MemoryTables rows{disk, store::MemoryTables::Order::kAlone};
  DamagedTables tables{rows};
  std::optional<store::StoreFailure> damage;   ///< of the last write
};

TEST_F(Pins, WhatIsScheduledIsPinned) {
  schedule(10, 3);
  schedule(container - 1, 2);
  EXPECT_EQ(pinned_among(0, 2 * container), (List{10, 11, 12, container - 1, container}));
}

TEST_F(Pins, WhatIsReleasedIsPinnedNoMoreAndWhatWasCarriedOfItGoesAsOneRange) {
  schedule(10, 5);
  index_as(lane, {12, 13, 10, 11});
  for (std::uint64_t position = 10; position < 15; ++position) carry(position);
  const core::Checkpoint written = release(0, 4);
  EXPECT_EQ(pinned_among(0, 100), List{14});
  EXPECT_EQ(carried(), List{14});
  EXPECT_EQ(std::ranges::count(written.erased, Table::kCold, &core::RowRange::table), 1);
}

TEST_F(Pins, WhatStandsApartIsErasedApart) {
  schedule(10, 3);
  index_as(lane, {10, 12});
  for (const std::uint64_t position : {10, 11, 12}) carry(position);
  release(0, 2);
  EXPECT_EQ(pinned_among(0, 100), List{11});
  EXPECT_EQ(carried(), List{11});
}

TEST_F(Pins, TheIndexThatComesWithTheCheckpointIsKnown) {
  schedule(10, 3);
  core::Checkpoint checkpoint;
  checkpoint.changed = index(lane, {11, 12});
  checkpoint.released = {{topic, lane, Offset(0), 1}};
  write(std::move(checkpoint));
  EXPECT_EQ(pinned_among(0, 100), (List{10, 12}));
}

TEST_F(Pins, WhatANewGroupBeginsWithIsPinnedAgain) {
  schedule(10, 3);
  index_as(lane, {10, 11, 12});
  release(0, 3);
  core::Checkpoint checkpoint;
  checkpoint.owed_again = {{topic, lane, Offset(1), 2}};
  write(std::move(checkpoint));
  EXPECT_EQ(pinned_among(0, 100), (List{11, 12}));
}

TEST_F(Pins, WhatANewGroupHasDoneAlreadyIsNot) {
  schedule(10, 3);
  index_as(lane, {10, 11, 12});
  release(0, 3);
  core::Checkpoint checkpoint;
  checkpoint.owed_again = {{topic, lane, Offset(0), 3}};
  checkpoint.released = {{topic, lane, Offset(1), 1}};
  write(std::move(checkpoint));
  EXPECT_EQ(pinned_among(0, 100), (List{10, 12}));
}

TEST_F(Pins, ADamagedRowCountsAsFullAndIsWrittenAnew) {
  schedule(10, 1);
  schedule(container + 10, 1);
  tables.damage(Table::kPinned, pinned_key(0));
  EXPECT_EQ(pinned_among(0, container).size(), container);
  schedule(20, 1);
  ASSERT_TRUE(damage);
  EXPECT_EQ(damage->kind, store::StoreFailure::Kind::kCorrupt);
  EXPECT_EQ(pinned_among(0, container).size(), container);
  EXPECT_EQ(pinned_among(container, container), List{container + 10});
  index_as(lane, {10});
  release(0, 1);
  EXPECT_FALSE(damage);
  EXPECT_EQ(pinned_among(0, container).size(), container - 1);
}

TEST_F(Pins, AMalformedRowCountsAsFull) {
  core::Checkpoint checkpoint;
  checkpoint.changed.push_back({Table::kPinned, pinned_key(0), "odd"});
  ASSERT_TRUE(tables.checkpoint(checkpoint));
  EXPECT_EQ(pinned_among(0, container).size(), container);
  schedule(20, 1);
  EXPECT_TRUE(damage);
}

TEST_F(Pins, AnUnreadableRowOfTheIndexLeavesItsMessagesPinned) {
  schedule(10, 6);
  index_as(lane, {10, 11, 12});
  index_as(Lane(1), {13, 14});
  tables.damage(Table::kIndex, core::index_key(topic, lane, Offset(1)));
  core::Checkpoint checkpoint;
  checkpoint.released = {{topic, lane, Offset(0), 3}, {topic, Lane(1), Offset(0), 2}};
  write(std::move(checkpoint));
  ASSERT_TRUE(damage);
  EXPECT_EQ(damage->kind, store::StoreFailure::Kind::kCorrupt);
  EXPECT_EQ(pinned_among(0, 100), (List{11, 12, 15}));
}

TEST_F(Pins, RowsBelowTheFrontGo) {
  for (std::uint64_t i = 0; i < 4; ++i) schedule(i * container + 7, 1);
  write({}, Position(2 * container + 100));
  EXPECT_EQ(pinned_among(0, 4 * container), (List{2 * container + 7, 3 * container + 7}));
}

TEST_F(Pins, DamageStopsNoCheckpoint) {
  schedule(10, 1);
  tables.damage(Table::kPinned, pinned_key(0));
  const store::MemoryLog log(disk);
  FrontKeeper keeper(uuid, {});
  auto checkpoint = std::make_shared<core::Checkpoint>();
  checkpoint->applied = Position(21);
  checkpoint->scheduled = {{Position(20), 1}};
  const auto outcome = keeper.write({checkpoint, {}}, log, tables);
  EXPECT_FALSE(outcome.written.failure);
  EXPECT_TRUE(outcome.written.front_failure);
  EXPECT_EQ(tables.applied(), Position(21));
}

}  // namespace
}  // namespace takt::runtime
