#pragma once

#include <cstdint>

#include "proto/messages.h"
#include "proto/time.h"

namespace takt::core {

/// How long a message waits that has failed `failures` times, 1 at least. `chance`, any number, decides the jitter.
std::chrono::milliseconds retry_delay(const proto::RetryPolicy& policy, std::uint32_t failures, std::uint64_t chance);

}  // namespace takt::core
