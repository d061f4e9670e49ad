#pragma once
// Sees what libzmq doesn't bound: a message whose frames never end isn't counted by RCVHWM, passes MAXMSGSIZE frame by
// frame, and reaches the application never (pipe_t::write counts only the last frame, libzmq 4.3.4). The kernel knows
// how many bytes a connection has brought; what is far above what was handed out must lie in libzmq's memory.

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace takt::transport {

/// Thread: the gateway's. Descriptors are those of libzmq's monitor.
class FloodWatch {
 public:
  /// A connection may have brought so many bytes since the last whole message: above what the receive queue of an
  /// honest peer and the kernel's buffers can hold.
  explicit FloodWatch(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  void accepted(int descriptor) { connections_[descriptor] = {}; }
  void closed(int descriptor) { connections_.erase(descriptor); }
  /// A whole message of this connection was handed out.
  void delivered(int descriptor);
  bool is_empty() const { return connections_.empty(); }

  /// Shuts down the connections above the bound; answers how many. Cost: one system call per connection.
  std::size_t look();

 private:
  struct Connection {
    std::uint64_t settled_bytes = 0;   ///< that had come when a message was last seen
    bool has_delivered = false;        ///< since the last look
    bool is_shut = false;
  };

  const std::uint64_t bytes_max_;
  std::unordered_map<int, Connection> connections_;
};

}  // namespace takt::transport
