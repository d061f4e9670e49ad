#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace takt::transport {

/// Shuts while too many connections that have ended are not read out: newcomers then wait in the kernel.
///
/// What a connection sent before it ended lies in libzmq (4.3.4), with 32 KB for its queues and up to 64 whole messages, until
/// the socket has read it. One that ended while libzmq did not read from it is even open till then. No limit of open connections
/// holds the first kind, and all of them stand in the round of whom is read next.
///
/// No event tells that one is read out. But the socket reads its connections in turn, a message from each that has one (fq_t of
/// libzmq 4.3.4), so whoever is not heard while a message is read for each connection that there is has nothing left.
///
/// Thread: the gateway's.
class Door {
 public:
  explicit Door(std::size_t unread_max) : unread_max_(unread_max) {}

  void listening(int descriptor) { listener_ = descriptor; }
  void accepted();
  void ended();
  /// Messages came of a connection that had ended, and there may be more. Once for all that came in one read().
  void heard_of_ended();
  /// So many open connections are at their end, when somebody looked last.
  void ending(std::size_t count) { ending_ = count; }
  /// So many messages were read from the socket.
  void read(std::size_t messages);
  /// The socket had no more message.
  void read_empty() { unread_.clear(); }
  /// Opens or shuts, by all that was told.
  void mind();

  /// Of those that have ended: an upper bound.
  std::size_t unread() const { return unread_.size(); }
  bool is_shut() const { return is_shut_; }
  std::uint64_t times_shut() const { return times_shut_; }

 private:
  std::size_t unread_max_;
  int listener_ = -1;
  std::int64_t open_ = 0;
  std::int64_t progress_ = 0;          ///< messages read, less one for each connection that came
  std::deque<std::int64_t> unread_;    ///< the progress at which each has been passed over
  std::size_t ending_ = 0;
  bool is_shut_ = false;
  std::uint64_t times_shut_ = 0;
};

}  // namespace takt::transport
