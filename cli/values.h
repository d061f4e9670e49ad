#pragma once
// Text to values and back, as users write and read them. Every parser names the option and the rule that was broken.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cli/failure.h"
#include "proto/result.h"

namespace takt::cli {

using Milliseconds = std::chrono::milliseconds;

/// A whole number from `min` to `max`.
Result<std::uint64_t, Failure> parse_whole(std::string_view option, std::string_view text, std::uint64_t min, std::uint64_t max);
/// `250ms`, `10s`, `5m`, `2h`, `7d`; more than zero, at most `36500d`. A bare number is refused: its unit would be a guess.
Result<Milliseconds, Failure> parse_duration(std::string_view option, std::string_view text);
/// `2027-01-01T08:00:00Z`, `2027-01-01 08:00:00.5+01:00`: date, time and zone, not before 1970. Which zone is meant would be a guess.
Result<std::chrono::sys_time<Milliseconds>, Failure> parse_instant(std::string_view option, std::string_view text);
/// In UTC: `2027-01-01T08:00:00Z`.
std::string instant_text(std::chrono::sys_seconds instant);
/// As parse_duration, and `0`.
Result<Milliseconds, Failure> parse_duration_or_none(std::string_view option, std::string_view text);
/// `500`, `64KiB`, `10MB`, `1GiB`; KB, MB, GB are powers of 1000, KiB, MiB, GiB of 1024.
Result<std::uint64_t, Failure> parse_bytes(std::string_view option, std::string_view text);
/// `name=value`; the name is not empty, the value may be.
Result<std::pair<std::string, std::string>, Failure> parse_attribute(std::string_view text);

/// Which messages to look at: from an offset on, from the earliest retained one on, or the last ones.
struct StartPoint {
  enum class Kind { kStart, kEnd, kOffset };
  Kind kind = Kind::kStart;
  std::uint64_t offset = 0;
  friend bool operator==(const StartPoint&, const StartPoint&) = default;
};
Result<StartPoint, Failure> parse_start_point(std::string_view option, std::string_view text);

/// 1234567 as `1,234,567`.
std::string grouped(std::uint64_t number);
/// 1536 as `1.5 KiB`.
std::string byte_text(std::uint64_t bytes);
/// 1500 ms as `1.5s`, 60 s as `1m`, 5 s as `5s`: the shortest form that parse_duration reads back, decimals aside.
std::string duration_text(Milliseconds duration);

}  // namespace takt::cli
