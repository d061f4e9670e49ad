#pragma once
// Sees what libzmq doesn't bound: a message whose frames never end isn't counted by RCVHWM, passes MAXMSGSIZE frame by
// frame, and reaches the application never (pipe_t::write counts only the last frame, libzmq 4.3.4). The kernel knows
// how many bytes libzmq has read from a connection; what is far above what was handed out must lie in libzmq's memory.
// There an empty frame of two bytes takes 64, so the bound is as low as honest clients allow.
// And it sees connections that were reset while libzmq doesn't read from them.

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace takt::transport {

struct FloodBounds {
  std::uint64_t message_bytes_max = 0;   ///< one whole message and what libzmq may hold of the next read
  std::uint64_t queue_bytes_max = 0;     ///< all that an honest peer's receive queue can hold
  std::uint64_t all_bytes_max = 0;       ///< of all connections together
  std::uint64_t scarce_bytes_max = 0;    ///< the same while the process has allocated more than memory_bytes_max
  std::uint64_t memory_bytes_max = 0;
};

/// Thread: the gateway's. Descriptors are those of libzmq's monitor.
///
/// A connection had its turn when the socket was read empty, or gave two messages of one connection: it takes from its
/// peers in turn. After its turn no whole message is left of what libzmq had read at the look before, so a connection
/// that brought none has brought part of one, and may have brought message_bytes_max. Without a turn (the gateway doesn't
/// read while the partition is full) whole messages may wait: queue_bytes_max.
///
/// Many connections may each hold a little: what one brought beyond its messages, at a look before which none was handed out,
/// is a part of one. Above all_bytes_max those go that hold the most for the longest. What the bytes take in memory nobody
/// knows before they are whole messages, so that bound is much lower while memory is scarce.
class FloodWatch {
 public:
  explicit FloodWatch(const FloodBounds& bounds) : bounds_(bounds) {}

  void accepted(int descriptor) { connections_[descriptor] = {}; }
  void closed(int descriptor) { connections_.erase(descriptor); }
  /// A whole message of this connection was handed out; so many bytes of frames with their heads.
  void delivered(int descriptor, std::uint64_t bytes);
  /// The socket had no more whole message.
  void read_empty() { all_had_turn_ = true; }
  bool is_empty() const { return connections_.empty(); }

  struct Look {
    std::size_t shut = 0;    ///< connections above their bound, which were shut down
    std::size_t ending = 0;  ///< open here, and ended or reset by their clients or shut by us: libzmq has not read their end
    std::vector<int> left;   ///< these, and those that were reset: while libzmq doesn't read from one, it doesn't know
  };
  /// Cost: two system calls per connection.
  Look look();

 private:
  struct Connection {
    std::uint64_t settled_bytes = 0;   ///< that libzmq had read at the look after the last message
    std::uint64_t seen_bytes = 0;      ///< that libzmq had read at the last look
    std::uint64_t delivered_bytes = 0; ///< in messages that were handed out
    std::uint64_t looks = 0;           ///< ever
    std::uint64_t looks_held = 0;      ///< of them, the last ones without a message and with a part of one
    std::uint64_t held_bytes = 0;      ///< of that part
    bool has_delivered = false;        ///< since the last look
    bool has_left = false;
  };

  void relieve(Look& seen);
  static void shut_down(int descriptor, Connection& connection, Look& seen);
  static void weigh(Connection& connection, bool has_delivered);

  const FloodBounds bounds_;
  std::unordered_map<int, Connection> connections_;
  bool all_had_turn_ = false;          ///< since the last look
};

}  // namespace takt::transport
