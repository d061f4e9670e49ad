#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace takt::transport {

/// Shuts when too many connections have ended unread: newcomers then wait in the kernel's queue, and nobody is refused.
///
/// What a connection sent before it ended stays in libzmq, with 32 KB for its queues (4.3.4), until the socket has read it; and
/// ended connections are in no limit of open ones. So clients that come, ask and leave faster than their requests are read would
/// take memory without end, and all of it stands in the round of whom is read next.
///
/// How many have ended unread is an upper bound. The socket reads its connections in turn, a message from each that has one
/// (fq_t of libzmq 4.3.4), so a connection is read out after as many messages as all of them have in full queues.
///
/// Thread: the gateway's.
class Door {
 public:
  /// `queue_messages`: what one connection's queue holds at most.
  Door(std::size_t queue_messages, std::size_t unread_max)
      : queue_messages_(static_cast<std::int64_t>(queue_messages)),
        unread_max_(unread_max) {}

  void listening(int descriptor) { listener_ = descriptor; }
  void accepted();
  void ended();
  /// So many messages were read from the socket.
  void read(std::size_t messages);
  /// The socket had no more message.
  void read_empty() { unread_.clear(); }
  /// Opens or shuts. To be called after all of that.
  void mind();
  /// The same; so many connections are at their end and not read to it.
  void mind(std::size_t ending);

  std::size_t unread() const { return unread_.size(); }
  std::uint64_t times_shut() const { return times_shut_; }

 private:
  const std::int64_t queue_messages_;
  const std::size_t unread_max_;
  int listener_ = -1;
  std::int64_t open_ = 0;
  std::int64_t progress_ = 0;          ///< messages read, less a full queue for each connection that came
  std::deque<std::int64_t> unread_;    ///< where progress must be for the oldest to be read out
  std::size_t ending_ = 0;             ///< when somebody looked last
  bool is_shut_ = false;
  std::uint64_t times_shut_ = 0;
};

}  // namespace takt::transport
