#pragma once
// Another message broker as the comparison sees it: sends, takes and acks over one connection each, pipelined as well as
// its client library can. Everything here throws std::runtime_error when the server refuses or the connection ends.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace takt::bench {

/// Where a server is, and how it shall be used.
struct PeerOptions {
  std::string host = "127.0.0.1";
  int port = 0;
  std::string kind;              ///< what the peer has several of: `quorum` or `classic` queues
  std::size_t batch = 1;         ///< messages per request or transaction, where the protocol has such
  std::size_t outstanding = 1;   ///< unconfirmed messages at most
  std::size_t take = 1;          ///< messages asked for at a time
  int connections = 1;           ///< of a producer, where the server commits per connection
};

/// Thread: one at a time.
class Producer {
 public:
  virtual ~Producer() = default;
  /// Takes one message; it may wait for others of its batch.
  virtual void send(std::string_view payload) = 0;
  /// Everything sent is on its way; nothing waits for company.
  virtual void flush() = 0;
  /// Returns when at most `unconfirmed` messages are not confirmed; 0 flushes.
  virtual void settle(std::size_t unconfirmed) = 0;
};

using Handle = std::function<void(std::string_view payload)>;

/// Thread: one at a time.
class Consumer {
 public:
  virtual ~Consumer() = default;
  /// Waits a moment for messages, calls `handle` for each, acks them no later than at the next call. Returns how many came.
  virtual std::size_t take(const Handle& handle) = 0;
  /// Returns when the server has carried out every ack.
  virtual void finish() = 0;
};

class Peer {
 public:
  virtual ~Peer() = default;
  /// Makes the queue. Once per server.
  virtual void prepare() = 0;
  /// Throws away what an earlier load left, where a peer leaves something.
  virtual void empty() {}
  virtual std::unique_ptr<Producer> producer() = 0;
  virtual std::unique_ptr<Consumer> consumer() = 0;
};

/// Defined by the one peer that a program is made of.
std::unique_ptr<Peer> make_peer(const PeerOptions& options);

}  // namespace takt::bench
