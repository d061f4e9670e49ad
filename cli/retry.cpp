#include "cli/retry.h"

#include <vector>

#include "cli/values.h"
#include "proto/limits.h"

namespace takt::cli {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string span_text(Milliseconds span) { return span.count() == 0 ? "0" : duration_text(span); }

}  // namespace

Result<void, Failure> parse_backoff(std::string_view option, std::string_view text, RetryPolicy& policy) {
  const auto parts = split(text, ':');
  const auto wrong = [&] {
    return failed(usage_failure(std::string(option) + " cannot be '" + std::string(text) + "'",
                                "give one of: exponential:1s:5m, linear:10s:5m (first delay, longest), or a list: 10s,1m,10m"));
  };
  if (parts.size() == 3 && (parts[0] == "exponential" || parts[0] == "linear")) {
    const auto base = parse_duration_or_none(option, parts[1]);
    if (!base) return failed(base.error());
    const auto cap = parse_duration_or_none(option, parts[2]);
    if (!cap) return failed(cap.error());
    if (*base > *cap) return wrong();
    policy.kind = parts[0] == "linear" ? RetryPolicy::Kind::kLinear : RetryPolicy::Kind::kExponential;
    policy.base = *base;
    policy.cap = *cap;
    policy.delays.clear();
    return {};
  }
  if (parts.size() != 1) return wrong();
  std::vector<Milliseconds> delays;
  for (const std::string_view part : split(text, ',')) {
    const auto delay = parse_duration_or_none(option, part);
    if (!delay) return wrong();
    delays.push_back(*delay);
  }
  if (delays.size() > limits::retry_delays_max) return wrong();
  policy.kind = RetryPolicy::Kind::kList;
  policy.base = policy.cap = Milliseconds(0);
  policy.delays = std::move(delays);
  return {};
}

std::string backoff_text(const RetryPolicy& policy) {
  if (policy.kind == RetryPolicy::Kind::kList) {
    std::string text;
    for (const Milliseconds delay : policy.delays) text += (text.empty() ? "" : ",") + span_text(delay);
    return text;
  }
  const std::string kind = policy.kind == RetryPolicy::Kind::kLinear ? "linear:" : "exponential:";
  return kind + span_text(policy.base) + ":" + span_text(policy.cap);
}

}  // namespace takt::cli
