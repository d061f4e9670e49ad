#include "tests/support/raw_socket.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace takt::testing {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

RawSocket::RawSocket(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_in address = loopback(port);
  const timeval send_patience{2, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &send_patience, sizeof send_patience);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket_);
    throw std::runtime_error("nobody listens at port " + std::to_string(port));
  }
}

RawSocket::~RawSocket() {
  if (socket_ >= 0) ::close(socket_);
}

bool RawSocket::send(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

void RawSocket::finish() { ::shutdown(socket_, SHUT_WR); }

std::string RawSocket::receive(std::size_t count, std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  std::string text;
  std::array<char, 4096> chunk{};
  while (text.size() < count) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd item{socket_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&item, 1, static_cast<int>(left.count())) <= 0) break;
    const auto got = ::recv(socket_, chunk.data(), std::min(chunk.size(), count - text.size()), 0);
    if (got <= 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::string RawSocket::receive_all(std::chrono::milliseconds timeout) { return receive(std::string::npos, timeout); }

Listener::Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  constexpr int backlog = 64;
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* bound = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket_, bound, size) != 0 || ::listen(socket_, backlog) != 0 || ::getsockname(socket_, bound, &size) != 0) {
    ::close(socket_);
    throw std::runtime_error("no port of loopback is free");
  }
  port_ = ntohs(address.sin_port);
}

Listener::~Listener() { ::close(socket_); }

std::optional<RawSocket> Listener::accept() {
  const int accepted = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
  if (accepted < 0) return std::nullopt;
  return RawSocket(RawSocket::Accepted{accepted});
}

void Listener::shut() { ::shutdown(socket_, SHUT_RDWR); }

std::optional<HttpAnswer> http_get(std::uint16_t port, const std::string& path) try {
  RawSocket socket(port);
  socket.send("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
  const std::string text = socket.receive_all(std::chrono::seconds(20));
  const auto head_end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.1 ") || head_end == std::string::npos) return std::nullopt;
  HttpAnswer answer{std::stoi(text.substr(9, 3)), {}, text.substr(head_end + 4)};
  const std::string field = "Content-Type: ";
  if (const auto at = text.find(field); at < head_end)
    answer.content_type = text.substr(at + field.size(), text.find("\r\n", at) - at - field.size());
  return answer;
} catch (const std::runtime_error&) {
  return std::nullopt;
}

std::uint16_t port_of(const std::string& server) { return static_cast<std::uint16_t>(std::stoi(server.substr(server.rfind(':') + 1))); }

}  // namespace takt::testing
