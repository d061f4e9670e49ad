#pragma once

#include "proto/time.h"

namespace takt::runtime {

/// Both clocks now: CLOCK_BOOTTIME, so that leases and sessions also age while the machine sleeps, and the wall clock.
/// The only place of the broker that reads a clock. Thread: any.
Now read_clock();
inline Time monotonic_now() { return read_clock().mono; }

}  // namespace takt::runtime
