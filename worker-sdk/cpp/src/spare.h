#pragma once

#include <utility>
#include <vector>

namespace takt::sdk {

/// A vector's memory, kept for the next that is filled; that of a burst goes back.
template <class T>
class Spare {
 public:
  std::vector<T> take() { return std::exchange(kept_, {}); }
  void give(std::vector<T>&& used) {
    if (used.capacity() > kept_max) return;
    used.clear();
    kept_ = std::move(used);
  }

 private:
  static constexpr std::size_t kept_max = 4096;
  std::vector<T> kept_;
};

}  // namespace takt::sdk
