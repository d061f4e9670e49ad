#include "cli/latencies.h"

#include <algorithm>
#include <cmath>

namespace takt::cli {

Latencies::Summary Latencies::summary() {
  if (values_.empty()) return {};
  std::sort(values_.begin(), values_.end());
  const auto at = [this](double share) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values_.size())));
    return std::chrono::duration<double, std::milli>(values_[std::max<std::size_t>(rank, 1) - 1]).count();
  };
  return {.p50_ms = at(0.5), .p90_ms = at(0.9), .p99_ms = at(0.99), .p999_ms = at(0.999), .max_ms = at(1)};
}

}  // namespace takt::cli
