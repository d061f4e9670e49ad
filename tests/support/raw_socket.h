#pragma once
// Plain sockets on loopback: a GET without a library, and bytes that no client would send.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace takt::testing {

/// A TCP connection to 127.0.0.1. Nothing throws after the construction: the peer may close at any time.
class RawSocket {
 public:
  /// Throws std::runtime_error when nobody listens.
  explicit RawSocket(std::uint16_t port);
  RawSocket(RawSocket&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  ~RawSocket();
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  /// False: the peer has closed, or takes nothing for two seconds.
  bool send(std::span<const std::byte> bytes);
  bool send(std::string_view text) { return send(std::as_bytes(std::span(text))); }
  /// No more will be sent.
  void finish();
  /// Exactly `count` bytes, fewer when the peer closes or falls silent before.
  std::string receive(std::size_t count, std::chrono::milliseconds timeout);
  /// Everything until the peer closes.
  std::string receive_all(std::chrono::milliseconds timeout);
  /// To poll it; it stays owned.
  int handle() const { return socket_; }

 private:
  friend class Listener;
  struct Accepted {
    int socket;
  };
  explicit RawSocket(Accepted accepted) : socket_(accepted.socket) {}

  int socket_ = -1;
};

/// A port of 127.0.0.1 that was free, and who connects to it.
class Listener {
 public:
  /// Throws std::runtime_error when the machine has no port left.
  Listener();
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const { return port_; }
  int handle() const { return socket_; }
  /// Waits for the next one. None: shut() was called, or the peer has gone already.
  std::optional<RawSocket> accept();
  /// Nobody is accepted any more, and the handle shows an event. Thread: any.
  void shut();

 private:
  int socket_ = -1;
  std::uint16_t port_ = 0;
};

struct HttpAnswer {
  int status = 0;
  std::string content_type;
  std::string body;
};
/// None: nobody listens, or no answer came in time.
std::optional<HttpAnswer> http_get(std::uint16_t port, const std::string& path);

/// The port in `tcp://127.0.0.1:PORT`.
std::uint16_t port_of(const std::string& server);

}  // namespace takt::testing
