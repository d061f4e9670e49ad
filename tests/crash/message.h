#pragma once
// What the workload sends: a value that no other message has, and bytes that follow from it.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tests/sim/random.h"

namespace takt::crash {

/// `VALUE:` and noise; how much follows from the value too, up to `bytes_max`.
inline std::string payload_of(std::uint64_t value, std::size_t bytes_max) {
  sim::Random random(value);
  std::string payload = std::to_string(value) + "/" + std::to_string(bytes_max) + ":";
  const std::size_t size = payload.size() + random.below(bytes_max);
  while (payload.size() < size) payload += static_cast<char>(random.below(256));
  return payload;
}

/// None: nobody sent this.
inline std::optional<std::uint64_t> value_of(std::string_view payload) {
  std::uint64_t value = 0;
  std::size_t bytes_max = 0;
  const char* const end = payload.data() + payload.size();
  auto read = std::from_chars(payload.data(), end, value);
  if (read.ec != std::errc() || read.ptr == end || *read.ptr != '/') return std::nullopt;
  read = std::from_chars(read.ptr + 1, end, bytes_max);
  if (read.ec != std::errc() || payload != payload_of(value, bytes_max)) return std::nullopt;
  return value;
}

}  // namespace takt::crash
