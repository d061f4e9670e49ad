#pragma once
// The network between clients and a broker, with troubles that a test calls for: answers that never arrive, requests that
// break off, connections that end. It counts bytes and knows nothing of what they mean.

#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/raw_socket.h"

namespace takt::testing {

/// Thread-safe, with a thread of its own that carries the bytes. Nothing happens by time: only on a call, or on bytes.
class Relay {
 public:
  enum class From : std::uint8_t { kClient, kBroker };

  /// Whoever connects to server() is connected with 127.0.0.1:`port`; is nobody there, the client's connection ends.
  explicit Relay(std::uint16_t port);
  /// Ends all connections.
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// tcp://127.0.0.1:PORT
  std::string server() const;

  /// On the connections that there are: of what `side` sends from now on, `pass` bytes of each connection still arrive, and
  /// all that comes after them is swallowed, until cut(). Later connections are whole. swallowed() begins anew.
  void swallow(From side, std::size_t pass = 0);
  /// Bytes that were taken from `side` and not handed on.
  std::size_t swallowed(From side) const;
  /// Ends the connections that there are at both ends.
  void cut();

 private:
  /// One direction of a connection.
  struct Stream {
    std::vector<std::byte> waiting{};     ///< taken, and not yet handed on; more is taken only when it is empty
    std::optional<std::size_t> pass{};    ///< bytes that may still be taken before the rest is swallowed; none: all
  };
  struct Connection {
    RawSocket client;
    RawSocket broker;
    std::array<Stream, 2> streams{};      ///< by From
    bool is_over = false;

    RawSocket& socket(From side) { return side == From::kClient ? client : broker; }
    Stream& stream(From side) { return streams[static_cast<std::size_t>(side)]; }
  };

  void run(const std::stop_token& stop);
  std::vector<pollfd> awaited();
  void connect();
  void serve(Connection& connection, From side, short events);
  void take(Connection& connection, From side);
  static void hand_on(Connection& connection, From side);

  const std::uint16_t broker_port_;
  Listener listener_;

  mutable std::mutex mutex_;              ///< guards what follows; the thread adds and removes connections
  std::list<Connection> connections_;
  std::array<std::size_t, 2> swallowed_{};

  std::jthread thread_;
};

}  // namespace takt::testing
