#pragma once
// Keys of the timer wheel's rows.

#include <optional>
#include <string>
#include <string_view>

#include "broker/core/bytes.h"
#include "scheduler/wheel_chunk.h"

namespace takt::core {

inline std::string bucket_key(scheduler::BucketId bucket) { return ByteWriter().key(bucket.level).key(bucket.number).take(); }
inline std::string timers_key(scheduler::BucketId bucket, std::uint64_t chunk) {
  return ByteWriter().key(bucket.level).key(bucket.number).key(chunk).take();
}
inline std::optional<scheduler::BucketId> bucket_of(std::string_view key) {
  ByteReader in(key);
  scheduler::BucketId bucket;
  bucket.level = in.key<std::uint8_t>();
  bucket.number = in.key<std::uint64_t>();
  return in.finished() && bucket.level < scheduler::BucketId::levels ? std::optional(bucket) : std::nullopt;
}

}  // namespace takt::core
