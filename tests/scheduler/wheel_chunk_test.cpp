#include "scheduler/wheel_chunk.h"

#include <gtest/gtest.h>

#include <random>

namespace takt::scheduler {
namespace {

TEST(BucketId, BucketsOfALevelMeet) {
  const Instant now(Millis(1'700'000'000'123));
  for (std::uint8_t level = 0; level < BucketId::levels; ++level) {
    const BucketId bucket = BucketId::of(level, now);
    EXPECT_LE(bucket.start(), now);
    EXPECT_GT(bucket.end(), now);
    EXPECT_EQ(BucketId::of(level, bucket.end()), (BucketId{level, bucket.number + 1}));
    EXPECT_EQ(BucketId::of(level, bucket.end() - Millis(1)), bucket);
  }
  EXPECT_EQ(BucketId::span(0), Millis(16));
  EXPECT_EQ(BucketId::span(1), Millis(1024));
}

std::vector<Timer> random_timers(BucketId bucket, std::mt19937_64& random, std::size_t count) {
  std::vector<Timer> timers;
  std::uint64_t id = random() % 1'000'000;
  for (std::size_t i = 0; i < count; ++i) {
    const auto within = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(BucketId::span(bucket.level).count()));
    timers.push_back({{bucket.start() + Millis(within), TimerId(id)}, random() % 4 == 0 ? random() : 5});
    id += 1 + random() % (std::uint64_t{1} << (random() % 40));
  }
  return timers;
}

TEST(WheelChunk, GivesBackWhatWasWrittenOnEveryLevel) {
  std::mt19937_64 random(1);
  for (std::uint8_t level = 0; level < BucketId::levels; ++level) {
    const BucketId bucket = BucketId::of(level, Instant(Millis(1'700'000'000'000)));
    const std::vector<Timer> timers = random_timers(bucket, random, 200);
    ChunkWriter writer(bucket, 10'000);
    for (const Timer& timer : timers) ASSERT_TRUE(writer.add(timer));
    std::vector<Timer> read;
    ASSERT_TRUE(read_chunk(bucket, writer.take(), read));
    EXPECT_EQ(read, timers);
  }
}

TEST(WheelChunk, IsNeverLargerThanItMayBe) {
  std::mt19937_64 random(2);
  const BucketId bucket = BucketId::of(3, Instant(Millis(1'700'000'000'000)));
  ChunkWriter writer(bucket, 500);
  std::size_t written = 0;
  for (const Timer& timer : random_timers(bucket, random, 1000)) {
    if (!writer.add(timer)) break;
    ++written;
  }
  const std::string chunk = writer.take();
  EXPECT_LE(chunk.size(), 500u);
  std::vector<Timer> read;
  ASSERT_TRUE(read_chunk(bucket, chunk, read));
  EXPECT_EQ(read.size(), written);
}

TEST(WheelChunk, ReadsDamagedBytesWithoutHarm) {
  std::mt19937_64 random(3);
  const BucketId bucket = BucketId::of(4, Instant(Millis(1'700'000'000'000)));
  ChunkWriter writer(bucket, 4000);
  for (const Timer& timer : random_timers(bucket, random, 100)) writer.add(timer);
  const std::string chunk = writer.take();
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    std::string damaged = chunk;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (random() % 8)));
    std::vector<Timer> read;
    if (!read_chunk(bucket, damaged, read)) continue;
    for (const Timer& timer : read) ASSERT_EQ(BucketId::of(bucket.level, timer.key.due), bucket);
  }
  std::vector<Timer> read;
  EXPECT_FALSE(read_chunk(bucket, "", read));
  EXPECT_FALSE(read_chunk(bucket, chunk.substr(0, chunk.size() - 1), read));
}

}  // namespace
}  // namespace takt::scheduler
