#pragma once

#include <cstdint>

#include "proto/time.h"

namespace takt::sim {

/// Everything that a run leaves to chance. Our own arithmetic (splitmix64), so that a seed means the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  /// 0 to n - 1.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  bool permille(std::uint32_t chance) { return below(1000) < chance; }
  Duration duration(Duration low, Duration high) {
    const auto span = static_cast<std::uint64_t>((high - low) / std::chrono::microseconds(1));
    return low + std::chrono::microseconds(below(span + 1));
  }
  /// Around `mean`: from a fifth of it to almost twice.
  Duration around(Duration mean) { return duration(mean / 5, mean * 9 / 5); }
  template <class T, std::size_t N>
  const T& pick(const T (&choices)[N]) {
    return choices[below(N)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace takt::sim
