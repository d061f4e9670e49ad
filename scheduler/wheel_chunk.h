#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/timer.h"

namespace takt::scheduler {

/// A stretch of time in which timers are due. On level L it lasts 16 ms * 64^L: 16 ms, 1.02 s, 65.5 s, 69.9 min, 3.1 days,
/// 199 days, 34.8 years. `number` counts them since 1970.
struct BucketId {
  std::uint8_t level = 0;
  std::uint64_t number = 0;
  friend auto operator<=>(const BucketId&, const BucketId&) = default;

  static constexpr std::uint8_t levels = 7;
  static BucketId of(std::uint8_t level, Instant due);
  Instant start() const;
  Instant end() const;                   ///< the first instant behind it
  static Millis span(std::uint8_t level);
};

/// Timers of one bucket as bytes: id of the first as a varint, then for each, in the order of ids, the distance of its due
/// time from the bucket's start (1 to 5 bytes, by level), the distance of its id from the one before, and its tag where that
/// is another than before. 4 to 6 bytes for a timer among many.
class ChunkWriter {
 public:
  ChunkWriter(BucketId bucket, std::size_t bytes_max) : bucket_(bucket), bytes_max_(bytes_max) {}

  /// Ids rise from call to call. False: it has no room any more, and a new writer must take it.
  bool add(const Timer& timer);
  bool is_empty() const { return count_ == 0; }
  std::string take() { return std::move(bytes_); }

 private:
  BucketId bucket_;
  std::size_t bytes_max_;
  std::string bytes_;
  std::uint64_t count_ = 0;
  std::uint64_t prior_id_ = 0;
  std::uint64_t prior_tag_ = 0;
};

/// Appends the timers of `chunk` to `timers`. False: these are not bytes of a ChunkWriter for this bucket.
[[nodiscard]] bool read_chunk(BucketId bucket, std::string_view chunk, std::vector<Timer>& timers);

}  // namespace takt::scheduler
