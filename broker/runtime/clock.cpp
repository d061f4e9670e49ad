#include "broker/runtime/clock.h"

#include <time.h>

namespace takt::runtime {

Now read_clock() {
  timespec boot{};
  timespec wall{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  clock_gettime(CLOCK_REALTIME, &wall);
  const auto nanoseconds = [](const timespec& t) { return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec); };
  return {Time(nanoseconds(boot)), WallTime(std::chrono::floor<std::chrono::milliseconds>(nanoseconds(wall)))};
}

}  // namespace takt::runtime
