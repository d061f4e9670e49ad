#pragma once
// Plain sockets on loopback: a GET without a library, and bytes that no client would send.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace takt::testing {

/// A TCP connection to 127.0.0.1. Nothing throws after the construction: the peer may close at any time.
class RawSocket {
 public:
  /// Throws std::runtime_error when nobody listens.
  explicit RawSocket(std::uint16_t port);
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

 private:
  int socket_ = -1;
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
