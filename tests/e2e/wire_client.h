#pragma once
// A client that speaks the protocol frame by frame and so can do what the SDK never would: fall silent, ack late, send
// garbage in a valid envelope. Not thread-safe.

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/codec.h"

namespace takt::e2e {

class WireClient {
 public:
  explicit WireClient(const std::string& server);
  ~WireClient();
  WireClient(const WireClient&) = delete;
  WireClient& operator=(const WireClient&) = delete;

  /// Requests of one frame; answers the correlation id.
  CorrelationId send(const proto::Request& request);
  /// Any frames.
  void send_frames(std::span<const std::vector<std::byte>> frames);
  /// The next message of type T; others are passed over. None: it did not come in time.
  template <class T>
  std::optional<T> receive(std::chrono::milliseconds timeout) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    while (auto reply = receive_any(until)) {
      if (auto* body = std::get_if<T>(&*reply)) return std::move(*body);
    }
    return std::nullopt;
  }
  /// The next message, whatever it is.
  std::optional<proto::Reply> receive_one(std::chrono::milliseconds timeout) {
    return receive_any(std::chrono::steady_clock::now() + timeout);
  }

 private:
  std::optional<proto::Reply> receive_any(std::chrono::steady_clock::time_point until);

  void* context_;
  void* socket_;
  proto::Decoder decoder_;
  std::uint64_t last_correlation_ = 0;
};

}  // namespace takt::e2e
