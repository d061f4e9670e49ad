#pragma once
// The few ZeroMQ calls that the gateway needs, owned and without exceptions.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/shared_bytes.h"

namespace takt::transport {

struct ContextDeleter {
  void operator()(void* context) const;
};
struct SocketDeleter {
  void operator()(void* socket) const;
};
using ZmqContext = std::unique_ptr<void, ContextDeleter>;
using ZmqSocket = std::unique_ptr<void, SocketDeleter>;

/// A context with one I/O thread. Seeds libzmq's routing ids first.
ZmqContext make_context();
/// Sets an int option; false when libzmq refuses it.
bool set_option(void* socket, int option, int value);
/// The descriptor that becomes readable when ready() may have changed. Edge-triggered: ask ready() before every wait.
int descriptor(void* socket);
/// True when a message can be received. Also carries out what libzmq has pending for the socket.
bool is_readable(void* socket);

struct Received {
  std::string routing;             ///< the peer's routing id
  int descriptor = -1;             ///< of its connection
  std::vector<SharedBytes> frames; ///< windows into libzmq's messages
  std::size_t frames_thrown = 0;
  std::uint64_t wire_bytes = 0;    ///< of all frames, with their heads
};
/// The next message, if there is one now. Of a message with more than limits::frames_max frames one frame too many is kept, so
/// that it can be refused, and the rest is thrown away and counted.
std::optional<Received> receive(void* router);

enum class SendOutcome : std::uint8_t { kSent, kFull, kGone };
/// Hands one message to the peer; the frames' owners are held until libzmq has written them.
SendOutcome send(void* router, const std::string& routing, std::span<const SharedBytes> frames);

struct SocketEvent {
  enum class Kind : std::uint8_t { kListening, kAccepted, kDisconnected, kOther };
  Kind kind = Kind::kOther;
  int descriptor = -1;
};
/// A socket that tells `router`'s listening descriptor, and its accepted and ended connections; null when it cannot be made.
ZmqSocket open_monitor(void* context, void* router);
/// Before `router` is closed: with nobody listening to its events libzmq's I/O thread would block for ever.
void close_monitor(void* router, ZmqSocket& monitor);
std::optional<SocketEvent> next_event(void* monitor);

}  // namespace takt::transport
