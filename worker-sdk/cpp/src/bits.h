#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "proto/limits.h"
#include "proto/messages.h"

namespace takt::sdk {

/// One bit per message of a lease range.
class Bits {
 public:
  static constexpr std::uint32_t size = limits::lease_range_max;
  static constexpr std::size_t words = size / 64;

  static Bits first(std::uint32_t count) {
    Bits bits;
    bits.set({0, count});
    return bits;
  }
  static Bits one(std::uint32_t index) {
    Bits bits;
    bits.set({index, 1});
    return bits;
  }

  std::uint64_t& word(std::size_t index) { return words_[index]; }
  std::uint64_t word(std::size_t index) const { return words_[index]; }
  bool test(std::uint32_t index) const { return (words_[index / 64] >> (index % 64)) & 1; }
  /// `run` must lie within size.
  void set(proto::IndexRun run) {
    for (std::uint32_t i = run.first; i < run.first + run.count;) {
      const std::uint32_t in_word = i % 64;
      const std::uint32_t n = std::min(64 - in_word, run.first + run.count - i);
      words_[i / 64] |= (n == 64 ? ~std::uint64_t{0} : ((std::uint64_t{1} << n) - 1)) << in_word;
      i += n;
    }
  }
  bool any() const {
    for (const std::uint64_t word : words_) {
      if (word != 0) return true;
    }
    return false;
  }
  std::uint32_t count() const {
    int sum = 0;
    for (const std::uint64_t word : words_) sum += std::popcount(word);
    return static_cast<std::uint32_t>(sum);
  }
  Bits& operator&=(const Bits& other) {
    return combine(other, [](std::uint64_t a, std::uint64_t b) { return a & b; });
  }
  Bits& operator|=(const Bits& other) {
    return combine(other, [](std::uint64_t a, std::uint64_t b) { return a | b; });
  }
  /// Takes away what is in `other`.
  Bits& operator-=(const Bits& other) {
    return combine(other, [](std::uint64_t a, std::uint64_t b) { return a & ~b; });
  }
  friend Bits operator&(Bits a, const Bits& b) { return a &= b; }
  friend Bits operator-(Bits a, const Bits& b) { return a -= b; }
  friend bool operator==(const Bits&, const Bits&) = default;

  /// Calls fn(IndexRun) for every maximal run of set bits, ascending.
  template <class Fn>
  void for_each_run(Fn fn) const {
    std::uint32_t at = 0;
    while (at < size) {
      const std::uint32_t first = next(at, true);
      if (first == size) return;
      const std::uint32_t end = next(first, false);
      fn(proto::IndexRun{first, end - first});
      at = end;
    }
  }

 private:
  /// The first index from `at` on whose bit is `wanted`, else size.
  std::uint32_t next(std::uint32_t at, bool wanted) const {
    while (at < size) {
      const std::uint64_t word = (wanted ? words_[at / 64] : ~words_[at / 64]) >> (at % 64);
      if (word != 0) return at + static_cast<std::uint32_t>(std::countr_zero(word));
      at = (at / 64 + 1) * 64;
    }
    return size;
  }
  template <class Op>
  Bits& combine(const Bits& other, Op op) {
    for (std::size_t i = 0; i < words; ++i) words_[i] = op(words_[i], other.words_[i]);
    return *this;
  }

  std::array<std::uint64_t, words> words_{};
};

}  // namespace takt::sdk
