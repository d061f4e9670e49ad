#pragma once
// Parts of requests and replies about messages that failed: when they are tried again, and those that are dead.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/ids.h"

namespace takt::proto {

/// Why a message is dead. Stored.
enum class DeadReason : std::uint8_t {
  kAttempts = 1,   ///< it failed as often as its group allows
  kRejected = 2,   ///< its worker said that it will never work
  kPoison = 3,     ///< several workers in a row died with it
  kGivenUp = 4,    ///< its next attempt would have come too late
};
inline constexpr std::size_t dead_reason_count = 4;
/// In listings and metrics: `attempts`, `given_up`.
std::string_view name_of(DeadReason reason);
/// A message's place in a topic's partition.
struct Place {
  Lane lane{};
  Offset offset{};
  friend auto operator<=>(const Place&, const Place&) = default;
};
/// Dead messages that meet all that is given.
struct DeadSelection {
  std::vector<Place> places{};            ///< these; none: whichever
  std::optional<DeadReason> reason{};
  std::optional<std::uint32_t> code{};    ///< of the failure that was the last one, as listed
  std::optional<std::uint64_t> from_ms{}; ///< died then or later, ms since 1970
  std::optional<std::uint64_t> until_ms{};///< died before
  std::optional<Position> before{};       ///< died before this place of the log: what came later is left out
  friend bool operator==(const DeadSelection&, const DeadSelection&) = default;
};
enum class Backoff : std::uint8_t {
  kExponential = 1,                       ///< base, 2 base, 4 base, ...
  kLinear = 2,                            ///< base, 2 base, 3 base, ...
  kList = 3,                              ///< delays_ms in turn; the last one again and again
};
/// When a message that failed is tried again, where its worker does not say.
struct RetryPolicy {
  Backoff backoff = Backoff::kExponential;
  std::uint64_t base_ms = 1'000;
  std::uint64_t cap_ms = 300'000;         ///< no delay is longer, unless it is of a list
  std::vector<std::uint64_t> delays_ms{}; ///< of a list: 1 to 32
  std::uint32_t jitter_percent = 20;      ///< a delay is shortened by a random share of up to so much; 100 is full jitter
  std::uint64_t give_up_ms = 0;           ///< dead when the next attempt would begin so long after the first failure; 0: never
  std::uint32_t deaths_max = 3;           ///< so many workers in a row died with it: dead; 0: no matter
  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};
/// What a message says of its own retries; where it says nothing its group's settings count.
struct MessagePolicy {
  std::optional<std::uint32_t> attempts_max{};   ///< failures until it is dead: 1 to 1,000
  std::optional<RetryPolicy> retry{};            ///< but for deaths_max, which is its group's
  friend bool operator==(const MessagePolicy&, const MessagePolicy&) = default;
};
/// How an attempt ended.
struct FailureEntry {
  std::uint64_t time_ms = 0;              ///< since 1970
  std::string worker{};                   ///< its name, cut at 64 bytes
  std::uint32_t code = 0;                 ///< 1 its worker died; 1,000 and more: the application's own + 1,000
  std::string text{};
  friend bool operator==(const FailureEntry&, const FailureEntry&) = default;
};
struct DeadEntry {
  Place place{};
  std::uint32_t attempts = 0;
  DeadReason reason = DeadReason::kAttempts;
  std::uint64_t time_ms = 0;              ///< when it died, since 1970
  std::vector<FailureEntry> failures{};   ///< the last ones, oldest first
  friend bool operator==(const DeadEntry&, const DeadEntry&) = default;
};

}  // namespace takt::proto
