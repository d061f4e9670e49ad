#include "broker/core/retry_policy.h"

#include <algorithm>

namespace takt::core {
namespace {

std::uint64_t whole_delay(const proto::RetryPolicy& policy, std::uint32_t failures) {
  const std::uint32_t before = failures - 1;
  switch (policy.backoff) {
    case proto::Backoff::kExponential: {
      const bool is_capped = before >= 64 || policy.base_ms > (policy.cap_ms >> before);
      return is_capped ? (policy.base_ms == 0 ? 0 : policy.cap_ms) : policy.base_ms << before;
    }
    case proto::Backoff::kLinear: return std::min(policy.cap_ms, policy.base_ms * failures);   // at most 100 years x 1,000
    case proto::Backoff::kList: return policy.delays_ms[std::min<std::size_t>(before, policy.delays_ms.size() - 1)];
  }
  return policy.cap_ms;
}

/// A number that looks random, of [0, 1).
double fraction(std::uint64_t chance) {   // the finalizer of SplitMix64
  chance += 0x9e37'79b9'7f4a'7c15;
  chance = (chance ^ (chance >> 30)) * 0xbf58'476d'1ce4'e5b9;
  chance = (chance ^ (chance >> 27)) * 0x94d0'49bb'1331'11eb;
  return static_cast<double>((chance ^ (chance >> 31)) >> 11) * 0x1p-53;
}

}  // namespace

std::chrono::milliseconds retry_delay(const proto::RetryPolicy& policy, std::uint32_t failures, std::uint64_t chance) {
  const std::uint64_t whole = whole_delay(policy, failures);
  const double cut = static_cast<double>(whole) * policy.jitter_percent / 100 * fraction(chance);
  return std::chrono::milliseconds(whole - std::min(whole, static_cast<std::uint64_t>(cut)));
}

}  // namespace takt::core
