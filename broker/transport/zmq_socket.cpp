#include "broker/transport/zmq_socket.h"

#include <sys/random.h>
#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "proto/check.h"
#include "proto/limits.h"

namespace takt::transport {
namespace {

constexpr std::size_t frames_kept_max = limits::frames_max + 1;
constexpr std::size_t copied_frame_bytes_max = 64;   // below this a copy is cheaper than a counted owner

class Message {
 public:
  Message() { zmq_msg_init(&message_); }
  ~Message() { zmq_msg_close(&message_); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  zmq_msg_t* get() { return &message_; }
  ByteView bytes() { return {static_cast<const std::byte*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)}; }
  bool more() { return zmq_msg_more(&message_) != 0; }

 private:
  zmq_msg_t message_;
};

/// Of a frame with its head: a byte of flags and a length of one byte or eight.
std::uint64_t wire_bytes(std::size_t frame_bytes) { return frame_bytes + (frame_bytes <= 255 ? 2 : 9); }

bool receive_frame(void* socket, Message& into) {
  int rc;
  do {
    rc = zmq_msg_recv(into.get(), socket, ZMQ_DONTWAIT);
  } while (rc < 0 && errno == EINTR);
  return rc >= 0;
}

void release_owner(void*, void* hint) { delete static_cast<SharedBytes*>(hint); }

// Frames behind the first are never refused by ROUTER: the message is already admitted to its pipe.
int send_frame(void* socket, const SharedBytes& frame, int flags) {
  zmq_msg_t message;
  if (frame.size() <= copied_frame_bytes_max) {
    check(zmq_msg_init_size(&message, frame.size()) == 0, "memory for a small frame");
    if (frame.size() > 0) std::memcpy(zmq_msg_data(&message), frame.bytes.data(), frame.size());
  } else {
    void* const owner = std::make_unique<SharedBytes>(frame).release();   // release_owner has it
    void* const data = const_cast<std::byte*>(frame.bytes.data());         // libzmq only reads what it sends
    check(zmq_msg_init_data(&message, data, frame.size(), release_owner, owner) == 0, "memory for a frame's header");
  }
  int rc;
  do {
    rc = zmq_msg_send(&message, socket, flags | ZMQ_DONTWAIT);
  } while (rc < 0 && errno == EINTR);
  const int error = errno;
  if (rc < 0) zmq_msg_close(&message);
  errno = error;
  return rc;
}

}  // namespace

void ContextDeleter::operator()(void* context) const {
  while (zmq_ctx_term(context) != 0 && errno == EINTR) {}
}
void SocketDeleter::operator()(void* socket) const { zmq_close(socket); }

ZmqContext make_context() {
  unsigned seed = 0;
  while (getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) {}
  // libzmq takes its routing ids from rand() and never seeds it itself.
  std::srand(seed);
  ZmqContext context(zmq_ctx_new());
  if (context) zmq_ctx_set(context.get(), ZMQ_IO_THREADS, 1);
  return context;
}

bool set_option(void* socket, int option, int value) { return zmq_setsockopt(socket, option, &value, sizeof value) == 0; }

int descriptor(void* socket) {
  int fd = -1;
  std::size_t length = sizeof fd;
  check(zmq_getsockopt(socket, ZMQ_FD, &fd, &length) == 0, "a socket has a descriptor");
  return fd;
}

bool is_readable(void* socket) {
  int events = 0;
  std::size_t length = sizeof events;
  int rc;
  do {
    rc = zmq_getsockopt(socket, ZMQ_EVENTS, &events, &length);
  } while (rc != 0 && errno == EINTR);
  check(rc == 0, "a socket tells its events");
  return (events & ZMQ_POLLIN) != 0;
}

std::optional<Received> receive(void* router) {
  Message routing;
  if (!receive_frame(router, routing)) return std::nullopt;
  Received received;
  received.routing = std::string(as_text(routing.bytes()));
  bool more = routing.more();
  const auto keep = [&](const auto& owner, Message& frame) {
    check(receive_frame(router, frame), "a multipart message arrives as a whole");
    more = frame.more();
    if (received.descriptor < 0) received.descriptor = zmq_msg_get(frame.get(), ZMQ_SRCFD);
    received.wire_bytes += wire_bytes(frame.bytes().size());
    received.frames.push_back({owner, frame.bytes()});
  };
  if (more) {
    const auto first = std::make_shared<Message>();
    keep(first, *first);
  }
  if (more) {
    const auto others = std::make_shared<std::array<Message, frames_kept_max - 1>>();   // one allocation for them all
    for (std::size_t i = 0; more && i < others->size(); ++i) keep(others, (*others)[i]);
  }
  for (Message frame; more; more = frame.more(), ++received.frames_thrown) {
    check(receive_frame(router, frame), "a multipart message arrives as a whole");
    received.wire_bytes += wire_bytes(frame.bytes().size());
  }
  return received;
}

SendOutcome send(void* router, const std::string& routing, std::span<const SharedBytes> frames) {
  int rc;
  do {
    rc = zmq_send(router, routing.data(), routing.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT);
  } while (rc < 0 && errno == EINTR);
  if (rc < 0) return errno == EAGAIN ? SendOutcome::kFull : SendOutcome::kGone;
  for (std::size_t i = 0; i < frames.size(); ++i)
    if (send_frame(router, frames[i], i + 1 < frames.size() ? ZMQ_SNDMORE : 0) < 0) return SendOutcome::kGone;
  return SendOutcome::kSent;
}

ZmqSocket open_monitor(void* context, void* router) {
  constexpr const char* address = "inproc://takt-gateway-monitor";
  if (zmq_socket_monitor(router, address, ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) != 0) return nullptr;
  ZmqSocket monitor(zmq_socket(context, ZMQ_PAIR));
  if (!monitor) return nullptr;
  // Unbounded: libzmq's I/O thread blocks on a full monitor. Two events per connection, and connections are capped.
  if (!set_option(monitor.get(), ZMQ_RCVHWM, 0) || !set_option(monitor.get(), ZMQ_LINGER, 0)) return nullptr;
  if (zmq_connect(monitor.get(), address) != 0) return nullptr;
  return monitor;
}

void close_monitor(void* router, ZmqSocket& monitor) {
  zmq_socket_monitor(router, nullptr, 0);
  monitor.reset();
}

std::optional<SocketEvent> next_event(void* monitor) {
  Message head;
  if (!receive_frame(monitor, head)) return std::nullopt;
  SocketEvent event;
  if (const ByteView bytes = head.bytes(); bytes.size() >= 6) {
    std::uint16_t number;
    std::int32_t value;
    std::memcpy(&number, bytes.data(), sizeof number);
    std::memcpy(&value, bytes.data() + sizeof number, sizeof value);
    event.descriptor = value;
    if (number == ZMQ_EVENT_LISTENING) event.kind = SocketEvent::Kind::kListening;
    if (number == ZMQ_EVENT_ACCEPTED) event.kind = SocketEvent::Kind::kAccepted;
    if (number == ZMQ_EVENT_DISCONNECTED) event.kind = SocketEvent::Kind::kDisconnected;
  }
  for (bool more = head.more(); more;) {
    Message rest;
    if (!receive_frame(monitor, rest)) break;
    more = rest.more();
  }
  return event;
}

}  // namespace takt::transport
