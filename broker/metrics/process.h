#pragma once

#include <cstdint>

namespace takt::metrics {

/// What the system says about this process.
struct ProcessStats {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_descriptors = 0;
};
ProcessStats read_process_stats();

}  // namespace takt::metrics
