#include "broker/runtime/block_reader.h"

#include "broker/core/cold_rows.h"
#include "broker/core/index_rows.h"
#include "tests/runtime/damaged_tables.h"
#include "tests/runtime/shard_bench.h"

namespace takt::runtime {
namespace {

using core::BlocksLoaded;

constexpr TopicId topic{1};
constexpr TopicId other{2};
constexpr Lane lane{0};

class BlockReader : public testing::Test {
 protected:
  BlockReader() : log(disk), tables(disk) {}

  struct Batch {
    TopicId topic;
    std::uint32_t count;
  };
  /// One commit of the given batches; every payload is one byte, its offset.
  void append(std::initializer_list<Batch> batches) {
    std::vector<core::PendingRun> runs;
    Position position = end;
    for (const Batch& batch : batches) {
      proto::SectionBuilder builder;
      std::vector<std::byte> record;
      proto::append_record(record, {.kind = "k", .tags = {}, .attributes = {}, .traceparent = {}, .parent_id = {}, .content_type = {}});
      auto& offset = next[batch.topic.value];
      core::PendingRun run;
      run.topic = batch.topic;
      run.run_class = proto::RunClass::kImmediate;
      run.first_offset = offset;
      run.count = batch.count;
      run.stamp.count = batch.count;
      for (std::uint32_t i = 0; i < batch.count; ++i) {
        const std::byte payload[] = {static_cast<std::byte>(offset.value + i)};
        builder.add(record, payload);
      }
      proto::Sections sections = builder.take();
      run.metadata_checksum = proto::section_checksum(sections.metadata);
      run.payload_checksum = proto::section_checksum(sections.payload);
      run.metadata = SharedBytes::own(std::move(sections.metadata));
      run.payload = SharedBytes::own(std::move(sections.payload));
      segments[batch.topic.value].push_back({offset, position, batch.count});
      offset = offset.plus(batch.count);
      position = position.plus(batch.count);
      runs.push_back(std::move(run));
    }
    core::CommitHeader header;
    header.partition = test_uuid;
    header.first = end;
    const core::Commit commit = core::seal_commit(header, runs);
    ASSERT_TRUE(log.append({&commit, 1}));
    end = commit.end;
  }
  void index_all() {
    core::Checkpoint checkpoint;
    checkpoint.applied = end;
    for (const auto& [id, list] : segments)
      for (auto& row : core::encode_index_rows(TopicId(id), lane, list)) checkpoint.changed.push_back(std::move(row));
    ASSERT_TRUE(tables.checkpoint(checkpoint));
  }
  void carry(std::uint64_t offset, std::uint64_t position) { carry(lane, offset, position); }
  void carry(Lane under, std::uint64_t offset, std::uint64_t position) {
    core::Checkpoint checkpoint;
    checkpoint.applied = tables.applied();
    std::vector<std::byte> record;
    proto::append_record(record, {.kind = "k", .tags = {}, .attributes = {}, .traceparent = {}, .parent_id = {}, .content_type = {}});
    const std::byte payload[] = {static_cast<std::byte>(offset)};
    checkpoint.changed = core::encode_cold(topic, under, Offset(offset), Position(position), {}, record, payload);
    ASSERT_TRUE(tables.checkpoint(checkpoint));
  }
  BlocksLoaded read(std::uint64_t from, std::vector<core::IndexSegment> located, std::size_t bytes_max = 1u << 20) {
    auto loaded = read_blocks(log, tables, test_uuid, {topic, lane, Offset(from), bytes_max, std::move(located)});
    EXPECT_TRUE(loaded) << loaded.error().message;
    if (loaded) damage = std::move(loaded->damage);
    return loaded ? std::move(loaded->answer) : BlocksLoaded{};
  }
  static std::vector<std::uint64_t> payloads(const BlocksLoaded& loaded) {
    std::vector<std::uint64_t> out;
    for (const auto& block : loaded.blocks) {
      const proto::Sections sections = core::gather(std::vector{core::BlockSlice{block, 0, block->count}});
      const proto::SectionView view(sections.metadata, sections.payload, block->count);
      for (std::uint32_t i = 0; i < block->count; ++i) out.push_back(static_cast<std::uint64_t>(view.payload(i)[0]));
    }
    return out;
  }
  static std::vector<std::uint64_t> offsets(const BlocksLoaded& loaded) {
    std::vector<std::uint64_t> out;
    for (const auto& block : loaded.blocks) {
      const proto::Sections sections = core::gather(std::vector{core::BlockSlice{block, 0, block->count}});
      const proto::SectionView view(sections.metadata, sections.payload, block->count);
      for (std::uint32_t i = 0; i < block->count; ++i) {
        EXPECT_EQ(static_cast<std::uint64_t>(view.payload(i)[0]), block->first_offset.value + i);
        out.push_back(block->first_offset.value + i);
      }
    }
    return out;
  }
  using List = std::vector<std::uint64_t>;

  store::MemoryDisk disk{test_uuid};
  store::MemoryLog log;
  store::MemoryTables tables;
  Position end;
  std::vector<store::StoreFailure> damage;   // of the last read()
  std::map<std::uint32_t, Offset> next;
  std::map<std::uint32_t, std::vector<core::IndexSegment>> segments;
};

TEST_F(BlockReader, ReadsFromAPositionThatMemoryKnows) {
  append({{other, 2}, {topic, 3}});
  const auto loaded = read(1, {{Offset(1), Position(3), 2}});
  EXPECT_EQ(offsets(loaded), (List{1, 2}));
  EXPECT_EQ(loaded.until, Offset(3));
}

/// A log whose front is freed between the look at its bounds and the read.
class FreedMeanwhile final : public store::Log {
 public:
  FreedMeanwhile(store::Log& log, Position front) : log_(log), front_(front) {}
  store::LogBounds bounds() const override { return log_.bounds(); }
  Result<void, store::StoreFailure> append(std::span<const core::Commit> commits) override { return log_.append(commits); }
  Result<std::vector<core::Commit>, store::StoreFailure> read(Position from, std::size_t bytes_max) const override {
    if (auto freed = log_.free_before(front_); !freed) return failed(freed.error());
    return log_.read(from, bytes_max);
  }
  Result<void, store::StoreFailure> scan(Position from, std::size_t bytes_max, const Visit& visit) const override {
    return log_.scan(from, bytes_max, visit);
  }
  Result<void, store::StoreFailure> truncate_after(Position last) override { return log_.truncate_after(last); }
  Result<void, store::StoreFailure> free_before(Position position) override { return log_.free_before(position); }

 private:
  store::Log& log_;
  const Position front_;
};

TEST_F(BlockReader, FindsWhatIsFreedWhileItReadsAmongTheCarried) {
  append({{topic, 2}});
  append({{topic, 2}});
  index_all();
  carry(1, 1);
  const FreedMeanwhile freed(log, Position(2));
  const auto loaded = read_blocks(freed, tables, test_uuid, {topic, lane, Offset(1), 1u << 20});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(offsets(loaded->answer), (List{1, 2, 3}));
}

TEST_F(BlockReader, FollowsTheIndexOverManyCommits) {
  for (int i = 0; i < 5; ++i) append({{topic, 2}, {other, 1}});
  index_all();
  const auto loaded = read(1, {});
  EXPECT_EQ(offsets(loaded), (List{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(loaded.until, Offset(10));
}

TEST_F(BlockReader, JoinsNeighbouringBatchesIntoOneBlock) {
  append({{topic, 2}, {topic, 2}, {other, 1}, {topic, 1}});
  const auto loaded = read(0, {{Offset(0), Position(0), 4}, {Offset(4), Position(5), 1}});
  ASSERT_EQ(loaded.blocks.size(), 2u);
  EXPECT_EQ(loaded.blocks[0]->count, 4u);
  EXPECT_EQ(offsets(loaded), (List{0, 1, 2, 3, 4}));
}

TEST_F(BlockReader, FindsWhatWasScheduledWhereItWasAppended) {
  append({{topic, 2}, {other, 1}, {topic, 2}});
  const auto loaded = read(0, {{Offset(0), Position(4), 1}, {Offset(1), Position(0), 2}, {Offset(3), Position(3), 1}});
  EXPECT_EQ(payloads(loaded), (List{3, 0, 1, 2}));
  EXPECT_EQ(loaded.until, Offset(4));
}

TEST_F(BlockReader, ReadsWhatLiesHereAndThereInTheOrderOfItsOffsets) {
  for (int i = 0; i < 6; ++i) append({{topic, 4}, {other, 1}});
  std::vector<core::IndexSegment> fired;   // every commit in turn
  std::vector<std::uint64_t> wanted;
  for (std::uint64_t i = 0; i < 4; ++i)
    for (std::uint64_t commit = 0; commit < 6; ++commit) {
      fired.push_back({Offset(fired.size()), Position(commit * 5 + i), 1});
      wanted.push_back(commit * 4 + i);
    }
  const auto loaded = read(0, fired);
  EXPECT_EQ(payloads(loaded), wanted);
  EXPECT_EQ(loaded.until, Offset(24));
  EXPECT_EQ(read(0, fired, 1).until, Offset(1)) << "about the bytes asked for";
}

TEST_F(BlockReader, WhatIsDamagedOrGoneAmongWhatLiesHereAndThereIsSaid) {
  for (int i = 0; i < 4; ++i) append({{topic, 3}});
  ASSERT_TRUE(disk.flip_log_bit(Position(6), 8 * (log.read(Position(6), 1)->front().value.size() - 1)));
  ASSERT_TRUE(log.free_before(Position(3)));
  carry(core::staged_lane, 1, 1);
  std::vector<core::IndexSegment> fired;
  for (const std::uint64_t position : {9, 6, 3, 1, 10, 7, 4, 2, 11}) fired.push_back({Offset(fired.size()), Position(position), 1});
  const auto loaded = read(0, fired);
  EXPECT_EQ(payloads(loaded), (List{9, 3, 1, 10, 4, 11}));
  EXPECT_EQ(loaded.unreadable, (std::vector<core::OffsetRun>{{Offset(1), 1}, {Offset(5), 1}}));
  EXPECT_EQ(loaded.until, Offset(9)) << "what stood at position 2 is gone";
}

TEST_F(BlockReader, FindsWhatWasCarriedWhileItWaitedForItsDue) {
  append({{topic, 2}, {other, 4}});
  append({{topic, 1}});
  carry(core::staged_lane, 1, 1);
  ASSERT_TRUE(log.free_before(Position(6)));
  const std::vector<core::IndexSegment> fired = {{Offset(0), Position(6), 1}, {Offset(1), Position(1), 1}, {Offset(2), Position(0), 1}};
  const auto loaded = read(0, fired);
  EXPECT_EQ(payloads(loaded), (List{2, 1}));
  EXPECT_EQ(loaded.blocks.back()->first_offset, Offset(1));
  EXPECT_EQ(loaded.blocks.back()->first_position, Position(1));
  EXPECT_EQ(loaded.until, Offset(3)) << "what stood at position 0 is gone";
}

TEST_F(BlockReader, ADamagedOneThatWasCarriedWhileItWaitedDoesNotStandForThoseBeforeIt) {
  append({{topic, 5}, {other, 1}});
  carry(core::staged_lane, 2, 2);
  carry(core::staged_lane, 3, 3);
  ASSERT_TRUE(log.free_before(Position(6)));
  DamagedTables damaged(tables);
  damaged.damage(core::Table::kCold, core::cold_key(topic, core::staged_lane, Offset(2)));
  const auto loaded = read_blocks(log, damaged, test_uuid, {topic, lane, Offset(0), 1u << 20, {{Offset(0), Position(0), 5}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(payloads(loaded->answer), List{3});
  EXPECT_EQ(loaded->answer.unreadable, (std::vector<core::OffsetRun>{{Offset(2), 1}})) << "those before it are gone";
  EXPECT_EQ(loaded->answer.until, Offset(5));
}

TEST_F(BlockReader, ADamagedRowBehindWhatWasCarriedDoesNotStandForWhatFollowsInTheLog) {
  append({{topic, 3}});
  append({{topic, 3}});
  for (std::uint64_t offset = 0; offset < 3; ++offset) carry(offset, offset);
  carry(core::staged_lane, 9, 9);
  ASSERT_TRUE(log.free_before(Position(3)));
  DamagedTables damaged(tables);
  damaged.damage(core::Table::kCold, core::cold_key(topic, core::staged_lane, Offset(9)));
  const auto loaded = read_blocks(log, damaged, test_uuid, {topic, lane, Offset(0), 1u << 20, {{Offset(0), Position(0), 6}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(offsets(loaded->answer), (List{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(loaded->answer.unreadable.empty());
}

TEST_F(BlockReader, PassesOverADamagedOneThatWasCarriedWhileItWaitedAndReadsItsNeighbours) {
  append({{topic, 3}, {other, 1}});
  for (std::uint64_t position = 0; position < 3; ++position) carry(core::staged_lane, position, position);
  ASSERT_TRUE(log.free_before(Position(4)));
  DamagedTables damaged(tables);
  damaged.damage(core::Table::kCold, core::cold_key(topic, core::staged_lane, Offset(1)));
  const auto loaded = read_blocks(log, damaged, test_uuid, {topic, lane, Offset(0), 1u << 20, {{Offset(0), Position(0), 3}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(payloads(loaded->answer), (List{0, 2}));
  EXPECT_EQ(loaded->answer.unreadable, (std::vector<core::OffsetRun>{{Offset(1), 1}}));
  ASSERT_EQ(loaded->damage.size(), 1u);
  EXPECT_NE(loaded->damage[0].message.find("offsets 1 to 1"), std::string::npos) << loaded->damage[0].message;
}

TEST_F(BlockReader, StopsAtAboutTheBytesAskedFor) {
  for (int i = 0; i < 5; ++i) append({{topic, 2}});
  index_all();
  const auto loaded = read(0, {}, 1);
  EXPECT_EQ(offsets(loaded), (List{0, 1}));
  EXPECT_EQ(loaded.until, Offset(2));
}

TEST_F(BlockReader, FindsCarriedMessagesAndTellsWhatIsGone) {
  for (int i = 0; i < 4; ++i) append({{topic, 3}});
  index_all();
  carry(1, 1);
  carry(4, 4);
  ASSERT_TRUE(log.free_before(Position(6)));
  const auto loaded = read(0, {});
  EXPECT_EQ(offsets(loaded), (List{1, 4, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(loaded.until, Offset(12));
}

TEST_F(BlockReader, AFrontThatWasFreedMeanwhileIsFoundInTheColdTable) {
  for (int i = 0; i < 4; ++i) append({{topic, 3}});
  index_all();
  carry(1, 1);
  ASSERT_TRUE(log.free_before(Position(6)));
  const auto loaded = read(1, {{Offset(1), Position(1), 2}});   // the position was right when it was asked for
  ASSERT_FALSE(loaded.blocks.empty());
  EXPECT_EQ(offsets(loaded)[0], 1u);
}

TEST_F(BlockReader, FindsCarriedMessagesWhoseIndexIsGone) {
  for (int i = 0; i < 2; ++i) append({{topic, 3}});
  core::Checkpoint empty;
  empty.applied = end;
  ASSERT_TRUE(tables.checkpoint(empty));
  carry(1, 1);
  ASSERT_TRUE(log.free_before(Position(6)));
  const auto loaded = read(1, {});
  EXPECT_EQ(offsets(loaded), (List{1}));
  EXPECT_EQ(loaded.until, Offset(2));
}

TEST_F(BlockReader, WhatIsNowhereIsGoneAndTheAnswerMovesOn) {
  append({{topic, 3}});
  const auto loaded = read(7, {});
  EXPECT_TRUE(loaded.blocks.empty());
  EXPECT_EQ(loaded.until, Offset(8));
}

constexpr std::uint64_t stamp_byte = 150;   // of a commit with one run: 96 bytes of header and 48 of directory stand before

TEST_F(BlockReader, PassesOverADamagedCommitAndGoesOnBehindIt) {
  for (int i = 0; i < 5; ++i) append({{topic, 3}});
  index_all();
  ASSERT_TRUE(disk.flip_log_bit(Position(3), 8 * stamp_byte));
  ASSERT_TRUE(disk.flip_log_bit(Position(6), 8 * stamp_byte));
  const auto loaded = read(1, {});
  EXPECT_EQ(offsets(loaded), (List{1, 2, 9, 10, 11, 12, 13, 14}));
  EXPECT_EQ(loaded.unreadable, (std::vector<core::OffsetRun>{{Offset(3), 3}, {Offset(6), 3}}));
  EXPECT_EQ(loaded.until, Offset(15));
  ASSERT_EQ(damage.size(), 2u);
  EXPECT_NE(damage[0].message.find("position 3"), std::string::npos) << damage[0].message;
  EXPECT_NE(damage[0].message.find("(id 1), lane 0, offsets 3 to 5"), std::string::npos) << damage[0].message;
}

TEST_F(BlockReader, FindsTheEndOfDamageInAStretchThatMemoryHasLocated) {
  for (int i = 0; i < 5; ++i) append({{topic, 3}});
  ASSERT_TRUE(disk.flip_log_bit(Position(3), 8 * stamp_byte));
  ASSERT_TRUE(disk.flip_log_bit(Position(6), 8 * stamp_byte));
  const auto loaded = read_blocks(log, tables, test_uuid, {topic, lane, Offset(3), 1u << 20, {{Offset(3), Position(3), 12}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->answer.unreadable, (std::vector<core::OffsetRun>{{Offset(3), 6}}));
}

TEST_F(BlockReader, PassesOverNoMoreOfADamagedCommitThanMemoryHasLocated) {
  append({{topic, 3}, {other, 5}});
  append({{topic, 2}});
  ASSERT_TRUE(disk.flip_log_bit(Position(0), 8 * stamp_byte));
  auto loaded = read_blocks(log, tables, test_uuid, {topic, lane, Offset(1), 1u << 20, {{Offset(1), Position(1), 2}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->answer.unreadable, (std::vector<core::OffsetRun>{{Offset(1), 2}}));
  EXPECT_EQ(loaded->answer.until, Offset(3));
}

TEST_F(BlockReader, PassesOverADamagedRunAndKeepsItsNeighbours) {
  append({{other, 1}, {topic, 2}, {other, 2}, {topic, 1}});
  append({{topic, 2}});
  index_all();
  ASSERT_TRUE(disk.flip_log_bit(Position(0), 8 * (log.read(Position(0), 1)->front().value.size() - 1)));   // the payload of offset 2
  const auto loaded = read(0, {});
  EXPECT_EQ(offsets(loaded), (List{0, 1, 3, 4}));
  EXPECT_EQ(loaded.unreadable, (std::vector<core::OffsetRun>{{Offset(2), 1}}));
}

}  // namespace
}  // namespace takt::runtime
