#include "broker/transport/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace takt::transport {
namespace {

constexpr rlim_t other_descriptors = 128;   // store, HTTP, logs, libzmq's own

}  // namespace

std::size_t reserve_descriptors(std::size_t connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections;
  const rlim_t wanted = static_cast<rlim_t>(connections) + other_descriptors;
  if (limit.rlim_cur < wanted) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : std::min(wanted, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur >= wanted) return connections;
  return limit.rlim_cur > 2 * other_descriptors ? static_cast<std::size_t>(limit.rlim_cur - other_descriptors)
                                                : static_cast<std::size_t>(limit.rlim_cur / 2);
}

}  // namespace takt::transport
