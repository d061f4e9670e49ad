#pragma once
// A group's retry policy, as users write and read it.

#include <string>
#include <string_view>

#include "cli/failure.h"
#include "proto/result.h"
#include "takt/retry_policy.h"

namespace takt::cli {

/// `exponential:1s:5m` and `linear:10s:5m` (first delay, longest), or a list such as `10s,1m,10m`. Sets kind, base, cap and delays.
Result<void, Failure> parse_backoff(std::string_view option, std::string_view text, RetryPolicy& policy);
/// What parse_backoff reads.
std::string backoff_text(const RetryPolicy& policy);

}  // namespace takt::cli
