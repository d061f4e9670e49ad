#include "broker/runtime/message_finder.h"

#include <gtest/gtest.h>

#include "broker/core/cold_rows.h"
#include "proto/record.h"
#include "proto/section.h"
#include "tests/runtime/damaged_tables.h"
#include "tests/runtime/shard_bench.h"

namespace takt::runtime {
namespace {

using core::FoundMessage;
using Kind = FoundMessage::Kind;

/// A real partition on simulated disks, which are then looked at.
class MessageFinder : public ShardBench {
 protected:
  std::vector<FoundMessage> find(std::vector<std::uint64_t> positions) { return find(*tables, std::move(positions)); }
  std::vector<FoundMessage> find(const store::Tables& from, std::vector<std::uint64_t> positions) {
    core::FindMessages request{7, {}};
    for (const std::uint64_t position : positions) request.positions.push_back(Position(position));
    auto found = find_messages(*log, from, test_uuid, request);
    EXPECT_TRUE(found) << found.error().message;
    if (!found) return {};
    EXPECT_EQ(found->answer.number, 7u);
    damage = std::move(found->damage);
    return std::move(found->answer.messages);
  }
  FoundMessage find(std::uint64_t position) {
    auto found = find(std::vector{position});
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? FoundMessage{} : found.front();
  }
  /// As the background would have written it.
  void carry(Lane under, std::uint64_t offset, std::uint64_t position, const core::Staged& staged) {
    core::Checkpoint checkpoint;
    checkpoint.applied = tables->applied();
    std::vector<std::byte> record;
    proto::append_record(record, {.kind = "carried"});
    checkpoint.changed = core::encode_cold(TopicId(1), under, Offset(offset), Position(position), staged, record, {});
    ASSERT_TRUE(tables->checkpoint(checkpoint));
  }
  void index(std::uint64_t offset, std::uint64_t position) {
    core::Checkpoint checkpoint;
    checkpoint.applied = tables->applied();
    const core::IndexSegment segment{Offset(offset), Position(position), 1};
    checkpoint.changed = core::encode_index_rows(TopicId(1), Lane(0), {&segment, 1});
    ASSERT_TRUE(tables->checkpoint(checkpoint));
  }
  /// Position 0 is the term's beginning, 1 the topic's; messages from 2 on.
  void fill() {
    start();
    settle();
    up(1);
    tell(core::Command(publish(1, 1, 2)));
    settle();
    tell(core::Command(publish(1, 2, 2, 10, "t", std::chrono::minutes(5))));
    settle();
  }
  std::vector<store::StoreFailure> damage;
};

TEST_F(MessageFinder, ReadsMessagesInTheLog) {
  fill();
  const Position end = log->bounds().end;
  const FoundMessage immediate = find(3);
  EXPECT_EQ(immediate.what, Kind::kMessage);
  EXPECT_EQ(immediate.topic, TopicId(1));
  EXPECT_EQ(immediate.offset, Offset(1));
  EXPECT_EQ(immediate.kind, "k");
  EXPECT_FALSE(immediate.is_scheduled);
  const FoundMessage later = find(end.value - 1);
  EXPECT_EQ(later.what, Kind::kMessage);
  EXPECT_TRUE(later.is_scheduled);
  EXPECT_EQ(later.offset, std::nullopt);
  EXPECT_GE(later.due.time_since_epoch(), std::chrono::minutes(5));
  EXPECT_EQ(find(0).what, Kind::kNone) << "an event";
}

TEST_F(MessageFinder, KnowsFromTheIndexWhereAFiredOneWent) {
  fill();
  const std::uint64_t fired = log->bounds().end.value - 1;
  index(77, fired);
  const FoundMessage found = find(fired);
  EXPECT_EQ(found.what, Kind::kMessage);
  EXPECT_TRUE(found.is_scheduled);
  EXPECT_EQ(found.offset, Offset(77));
}

TEST_F(MessageFinder, FindsWhatWasCarriedAndSaysWhatIsGone) {
  fill();
  const Position end = log->bounds().end;
  carry(core::staged_lane, end.value - 1, end.value - 1, {Lane(3), WallTime(std::chrono::milliseconds(1234))});
  carry(Lane(0), 1, 3, {});
  index(1, 3);
  ASSERT_TRUE(log->free_before(end));
  ASSERT_EQ(log->bounds().first, end);
  const auto found = find({2, 3, end.value - 2, end.value - 1});
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].what, Kind::kGone);
  EXPECT_EQ(found[1].what, Kind::kMessage);
  EXPECT_EQ(found[1].offset, Offset(1));
  EXPECT_EQ(found[1].kind, "carried");
  EXPECT_FALSE(found[1].is_scheduled);
  EXPECT_EQ(found[2].what, Kind::kGone);
  EXPECT_EQ(found[3].what, Kind::kMessage);
  EXPECT_TRUE(found[3].is_scheduled);
  EXPECT_EQ(found[3].lane, Lane(3));
  EXPECT_EQ(found[3].due, WallTime(std::chrono::milliseconds(1234)));
  EXPECT_TRUE(damage.empty());
}

TEST_F(MessageFinder, SaysWhatIsDamaged) {
  fill();
  const Position end = log->bounds().end;
  carry(core::staged_lane, end.value - 1, end.value - 1, {Lane(3), WallTime(std::chrono::milliseconds(1234))});
  ASSERT_TRUE(log->free_before(end));
  DamagedTables damaged(*tables);
  damaged.damage(core::Table::kCold, core::cold_key(TopicId(1), core::staged_lane, Offset(end.value - 1)));
  const auto found = find(damaged, {end.value - 1});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].what, Kind::kUnreadable);
  EXPECT_FALSE(damage.empty());
}

}  // namespace
}  // namespace takt::runtime
