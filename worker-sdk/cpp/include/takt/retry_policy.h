#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace takt {

/// When a message that failed is tried again, where its worker does not say.
struct RetryPolicy {
  enum class Kind : std::uint8_t {
    kExponential,                                ///< base, 2 base, 4 base, ... up to cap
    kLinear,                                     ///< base, 2 base, 3 base, ... up to cap
    kList,                                       ///< delays in turn; the last one again and again
  };
  Kind kind = Kind::kExponential;
  std::chrono::milliseconds base{1'000};
  std::chrono::milliseconds cap{300'000};
  std::vector<std::chrono::milliseconds> delays{};   ///< of a list: 1 to 32
  std::uint32_t jitter_percent = 20;             ///< a delay is shortened by a random share of up to so much; 100 is full jitter
  std::chrono::milliseconds give_up{0};          ///< dead when the next attempt would begin so long after the first failure; 0: never
  std::uint32_t deaths_max = 3;                  ///< so many workers in a row died with a message: it is dead; 0: no matter
};

}  // namespace takt
