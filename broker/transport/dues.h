#pragma once

#include <cstddef>

namespace takt::transport {

/// Replies that are owed: of one request, a session, or all.
struct Dues {
  std::size_t count = 0;
  std::size_t waiting = 0;       ///< of them, those of requests that may wait on purpose: pulls, peeks at what is to come
  std::size_t bytes = 0;         ///< estimated from the requests
  std::size_t large_bytes = 0;   ///< that peeks and listings may come to

  /// Of one of them; of the last one, all that is left.
  Dues one() const { return {1, waiting / count, bytes / count, large_bytes / count}; }

  Dues& operator+=(const Dues& more) {
    count += more.count;
    waiting += more.waiting;
    bytes += more.bytes;
    large_bytes += more.large_bytes;
    return *this;
  }
  Dues& operator-=(const Dues& less) {
    count -= less.count;
    waiting -= less.waiting;
    bytes -= less.bytes;
    large_bytes -= less.large_bytes;
    return *this;
  }
};

}  // namespace takt::transport
