#include "broker/runtime/clock.h"

#include <sys/timex.h>
#include <time.h>

namespace takt::runtime {

Now read_clock() {
  timespec boot{};
  timespec wall{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  clock_gettime(CLOCK_REALTIME, &wall);
  timex ntp{};
  const int state = ::ntp_adjtime(&ntp);   // -1: not allowed to ask
  const bool is_synchronised = state >= 0 && state != TIME_ERROR && (ntp.status & STA_UNSYNC) == 0;
  const auto nanoseconds = [](const timespec& t) { return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec); };
  return {Time(nanoseconds(boot)), WallTime(std::chrono::floor<std::chrono::milliseconds>(nanoseconds(wall))), is_synchronised};
}

}  // namespace takt::runtime
