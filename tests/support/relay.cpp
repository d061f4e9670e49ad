#include "tests/support/relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace takt::testing {
namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr std::array sides{Relay::From::kClient, Relay::From::kBroker};

Relay::From other(Relay::From side) { return side == Relay::From::kClient ? Relay::From::kBroker : Relay::From::kClient; }

/// Small frames shall not wait for the kernel to fill a packet.
void hand_on_at_once(const RawSocket& socket) {
  const int on = 1;
  ::setsockopt(socket.handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

Relay::Relay(std::uint16_t port) : broker_port_(port), thread_([this](const std::stop_token& stop) { run(stop); }) {}

Relay::~Relay() {
  thread_.request_stop();
  listener_.shut();
}

std::string Relay::server() const { return "tcp://127.0.0.1:" + std::to_string(listener_.port()); }

void Relay::swallow(From side, std::size_t pass) {
  const std::lock_guard lock(mutex_);
  swallowed_[static_cast<std::size_t>(side)] = 0;
  for (Connection& connection : connections_) connection.stream(side).pass = pass;
}

std::size_t Relay::swallowed(From side) const {
  const std::lock_guard lock(mutex_);
  return swallowed_[static_cast<std::size_t>(side)];
}

/// The thread may be polling these sockets, so they are not closed here: their end wakes it.
void Relay::cut() {
  const std::lock_guard lock(mutex_);
  for (Connection& connection : connections_) {
    connection.is_over = true;
    for (const From side : sides) ::shutdown(connection.socket(side).handle(), SHUT_RDWR);
  }
}

void Relay::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<pollfd> items = awaited();
    ::poll(items.data(), items.size(), -1);
    const std::lock_guard lock(mutex_);
    auto item = items.begin();
    const bool is_called = (item++)->revents != 0;
    for (Connection& connection : connections_) {
      for (const From side : sides) serve(connection, side, (item++)->revents);
    }
    connections_.remove_if([](const Connection& connection) { return connection.is_over; });
    if (is_called) connect();
  }
}

/// The listener, then the two sockets of each connection.
std::vector<pollfd> Relay::awaited() {
  const std::lock_guard lock(mutex_);
  std::vector<pollfd> items{{listener_.handle(), POLLIN, 0}};
  for (Connection& connection : connections_) {
    for (const From side : sides) {
      const int wants_more = connection.stream(side).waiting.empty() ? POLLIN : 0;
      const int is_owed = connection.stream(other(side)).waiting.empty() ? 0 : POLLOUT;
      items.push_back({connection.socket(side).handle(), static_cast<short>(wants_more | is_owed), 0});
    }
  }
  return items;
}

void Relay::connect() {
  auto client = listener_.accept();
  if (!client) return;
  try {
    Connection& added = connections_.emplace_back(Connection{*std::move(client), RawSocket(broker_port_)});
    for (const From side : sides) hand_on_at_once(added.socket(side));
  } catch (const std::runtime_error&) {
    return;   // with the broker away a client is told the same way
  }
}

void Relay::serve(Connection& connection, From side, short events) {
  if ((events & (POLLERR | POLLHUP)) != 0) connection.is_over = true;   // reset, or cut: an end in order is read as one
  if (connection.is_over) return;
  if ((events & POLLOUT) != 0) hand_on(connection, other(side));
  if ((events & POLLIN) != 0) take(connection, side);
}

void Relay::take(Connection& connection, From side) {
  Stream& stream = connection.stream(side);
  stream.waiting.resize(chunk_bytes);
  const auto got = ::recv(connection.socket(side).handle(), stream.waiting.data(), chunk_bytes, MSG_DONTWAIT);
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  if (got == 0 || (got < 0 && !would_block())) connection.is_over = true;
  const std::size_t passed = std::min(taken, stream.pass.value_or(taken));
  if (stream.pass) *stream.pass -= passed;
  swallowed_[static_cast<std::size_t>(side)] += taken - passed;
  stream.waiting.resize(passed);
  hand_on(connection, side);
}

void Relay::hand_on(Connection& connection, From side) {
  std::vector<std::byte>& waiting = connection.stream(side).waiting;
  if (waiting.empty()) return;
  const auto sent = ::send(connection.socket(other(side)).handle(), waiting.data(), waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && !would_block()) connection.is_over = true;
  if (sent > 0) waiting.erase(waiting.begin(), waiting.begin() + sent);
}

}  // namespace takt::testing
