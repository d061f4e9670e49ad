#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace takt::http {

/// Who waits for whom: connections for one of a few threads, and threads for a connection's peer. While the first kind
/// waits, threads do not wait for slow peers: the one that has been waited for the longest is cut off.
/// Thread: any.
class Connections {
 public:
  explicit Connections(std::size_t threads) : threads_(threads) {}

  /// A connection waits for a thread. False: `waiting_max` do already.
  bool queued(std::size_t waiting_max);
  void begun();
  void ended();
  /// Nobody's peer is waited for any more.
  void close();

  /// The calling thread is about to wait for the peer of `socket`, until ended_waiting(). The socket stays open meanwhile.
  std::uint64_t waits_for_peer(int socket);
  void ended_waiting(std::uint64_t wait);

  /// A connection was closed without an answer for the sake of the bounds.
  void count_refused() { ++refused_; }
  std::uint64_t refused() const { return refused_; }

 private:
  void cut_off();   // with mutex_ held

  const std::size_t threads_;
  std::atomic<std::uint64_t> refused_{0};
  std::mutex mutex_;                       // guards what follows
  bool is_closed_ = false;
  std::size_t queued_ = 0, running_ = 0;
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, int> waited_for_;   ///< in the order in which the waits began
};

}  // namespace takt::http
