#pragma once
// Time is told, not asked: pure code receives a `Now` and never reads a clock.

#include <chrono>

namespace takt {

/// Tag of the process's monotonic time line (CLOCK_BOOTTIME in production, a counter in simulation). Never compared across processes.
struct MonotonicTimeline {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicTimeline>;
  static constexpr bool is_steady = true;
};

using Time = MonotonicTimeline::time_point;
using Duration = std::chrono::nanoseconds;
/// Wall time in milliseconds since 1970, UTC: what is written into the log.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Both clocks at one instant, read once per batch of work at the edge.
struct Now {
  Time mono;
  WallTime wall;
  bool is_synchronised = false;   ///< the wall clock is, as the system says
};

}  // namespace takt
