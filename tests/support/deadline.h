#pragma once
// Waiting for what another process does: a condition is looked at until it holds, a deadline ends the wait.

#include <poll.h>

#include <chrono>

namespace takt::testing {

/// For conditions that fail only when something is broken: long enough for a sanitizer build on a busy machine.
inline constexpr std::chrono::seconds patience{60};

/// Looks every few milliseconds. False: `timeout` passed and the condition still did not hold.
template <class Condition>
bool wait_until(Condition holds, std::chrono::milliseconds timeout = patience) {
  constexpr int look_again_ms = 5;
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= until) return holds();
    ::poll(nullptr, 0, look_again_ms);
  }
  return true;
}

}  // namespace takt::testing
