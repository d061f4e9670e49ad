#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "broker/transport/connection.h"

namespace takt::transport {

/// What waited for peers that are gone. Tens of thousands may have waited for one: to let go of them at once would hold up
/// everybody else. Thread: one.
class Discarded {
 public:
  /// Leaves `waiting` empty.
  void take(std::deque<Departure>& waiting) {
    if (!waiting.empty()) queues_.push_back(std::exchange(waiting, {}));
  }
  bool empty() const { return queues_.empty(); }
  /// A millisecond or so of letting go.
  void let_go() {
    for (std::size_t n = at_once; n > 0 && !queues_.empty(); --n) {
      queues_.front().pop_front();
      if (queues_.front().empty()) queues_.pop_front();
    }
  }

 private:
  static constexpr std::size_t at_once = 1024;

  std::deque<std::deque<Departure>> queues_;   ///< none is empty
};

}  // namespace takt::transport
