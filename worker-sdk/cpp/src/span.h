#pragma once

#include <algorithm>
#include <chrono>

#include "proto/limits.h"
#include "proto/time.h"

namespace takt::sdk {

/// At most 100 years, as on the wire: in nanoseconds more would wrap around, and milliseconds::max() mean "at once".
constexpr std::chrono::milliseconds bounded(std::chrono::milliseconds span) {
  return std::clamp(span, std::chrono::milliseconds(0), std::chrono::milliseconds(static_cast<std::int64_t>(limits::span_ms_max)));
}

}  // namespace takt::sdk
