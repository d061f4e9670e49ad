#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace takt::scheduler {

/// Of the calendar, in milliseconds since 1970; never before it.
using Instant = std::chrono::sys_time<std::chrono::milliseconds>;
using Millis = std::chrono::milliseconds;

/// The last instant of a timer: some 146 million years from now.
inline constexpr Instant instant_max{Millis{std::int64_t{1} << 62}};

/// Which timer. Unique for ever, and rising in the order in which timers are armed: Takt's is the log position that armed it.
enum class TimerId : std::uint64_t {};

/// When, and which: what a timer is compared by. No two have the same.
struct TimerKey {
  Instant due{};
  TimerId id{};
  friend auto operator<=>(const TimerKey&, const TimerKey&) = default;
};

struct Timer {
  TimerKey key;
  std::uint64_t tag = 0;   ///< the owner's, given back as it was: whose timer this is, and of which kind
  friend bool operator==(const Timer&, const Timer&) = default;
};

}  // namespace takt::scheduler
