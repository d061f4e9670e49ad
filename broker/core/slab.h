#pragma once
// Who holds what, as bits: slabs of 1,024 aligned offsets per group and lane, and the lease ranges of sessions.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>

#include "proto/ids.h"
#include "proto/limits.h"
#include "proto/time.h"

namespace takt::core {

/// A set of small numbers below `Words * 64`.
template <std::size_t Words>
class BitSet {
 public:
  bool test(std::uint32_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void set(std::uint32_t first, std::uint32_t n) {
    each(first, n, [](std::uint64_t& word, std::uint64_t mask) { word |= mask; });
  }
  void clear(std::uint32_t first, std::uint32_t n) {
    each(first, n, [](std::uint64_t& word, std::uint64_t mask) { word &= ~mask; });
  }
  bool any() const {
    for (const std::uint64_t word : words_)
      if (word != 0) return true;
    return false;
  }
  std::uint32_t count() const {
    std::uint32_t n = 0;
    for (const std::uint64_t word : words_) n += static_cast<std::uint32_t>(std::popcount(word));
    return n;
  }
  /// The first member at or after `from`, or `end()`.
  std::uint32_t next(std::uint32_t from) const {
    return scan(from, [](std::uint64_t word) { return word; });
  }
  /// The first non-member at or after `from`, or `end()`.
  std::uint32_t next_clear(std::uint32_t from) const {
    return scan(from, [](std::uint64_t word) { return ~word; });
  }
  static constexpr std::uint32_t end() { return Words * 64; }
  bool meets(const BitSet& other) const {
    for (std::size_t i = 0; i < Words; ++i)
      if ((words_[i] & other.words_[i]) != 0) return true;
    return false;
  }
  friend bool operator==(const BitSet&, const BitSet&) = default;

 private:
  template <class Act>
  void each(std::uint32_t first, std::uint32_t n, Act&& act) {
    while (n > 0) {
      const std::uint32_t low = first % 64;
      const std::uint32_t bits = std::min<std::uint32_t>(n, 64 - low);
      const std::uint64_t mask = (bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1) << low;
      act(words_[first / 64], mask);
      first += bits;
      n -= bits;
    }
  }
  template <class View>
  std::uint32_t scan(std::uint32_t from, View&& view) const {
    for (std::uint32_t w = from / 64; w < Words; ++w) {
      std::uint64_t word = view(words_[w]);
      if (w == from / 64) word &= ~std::uint64_t{0} << (from % 64);
      if (word != 0) return w * 64 + static_cast<std::uint32_t>(std::countr_zero(word));
    }
    return end();
  }

  std::array<std::uint64_t, Words> words_{};
};

inline constexpr std::uint32_t slab_offsets = limits::lease_range_max;
using SlabBits = BitSet<slab_offsets / 64>;

/// The offsets [index x 1,024, +1,024) of a group and lane that are in some leader-only state. Made at the first lease,
/// dropped when nobody holds or waits for any of them.
struct Slab {
  SlabBits leased;   ///< a session holds it
  SlabBits free;     ///< came back: to be leased again before anything fresh
  SlabBits staged;   ///< acked; its Done event is not in the open commit yet
};

}  // namespace takt::core
