#pragma once

#include <atomic>
#include <cstdint>

namespace takt::store {

/// A mutex that serves in the order of asking: std::mutex lets a thread that comes back at once overtake one that has to be
/// woken, so that of two busy threads either may wait for ever. For std::lock_guard.
class FairMutex {
 public:
  void lock() {
    const std::uint32_t mine = next_++;
    for (std::uint32_t now = served_; now != mine; now = served_) served_.wait(now);
  }
  void unlock() {
    ++served_;
    served_.notify_all();
  }

 private:
  std::atomic<std::uint32_t> next_ = 0;
  std::atomic<std::uint32_t> served_ = 0;
};

}  // namespace takt::store
