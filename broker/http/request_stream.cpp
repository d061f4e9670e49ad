#include "broker/http/request_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace takt::http {
namespace {

constexpr std::size_t request_bytes_max = 16 * 1024;
constexpr std::chrono::seconds patience{5};
constexpr std::chrono::milliseconds courtesy{5};   // of it, for an honest peer that is a moment late: nobody is cut off sooner

bool is_to_wait() { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace

RequestStream::RequestStream(int socket, Connections& connections)
    : socket_(socket),
      connections_(connections),
      read_until_(Clock::now() + patience),
      left_(request_bytes_max) {}

ssize_t RequestStream::read(char* to, std::size_t size) {
  while (at_ == end_) {
    const ssize_t got = ::recv(socket_, buffer_.data(), std::min(buffer_.size(), left_), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && is_to_wait() && wait(POLLIN, read_until_)) continue;
    if (got <= 0) {   // closed, failed, too late, or nothing is left
      if (left_ == 0 || Clock::now() >= read_until_) connections_.count_refused();
      return -1;
    }
    at_ = 0;
    end_ = static_cast<std::size_t>(got);
    left_ -= end_;
  }
  const std::size_t given = std::min(size, end_ - at_);
  std::copy_n(buffer_.data() + at_, given, to);
  at_ += given;
  return static_cast<ssize_t>(given);
}

ssize_t RequestStream::write(const char* from, std::size_t size) {
  if (!write_until_) write_until_ = Clock::now() + patience;
  for (;;) {
    const ssize_t sent = ::send(socket_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno != EINTR && !(is_to_wait() && wait(POLLOUT, *write_until_))) return -1;
  }
}

bool RequestStream::wait(short events, Clock::time_point until) {
  const auto ready_by = [&](Clock::time_point end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    pollfd item{socket_, events, 0};
    return left.count() > 0 ? ::poll(&item, 1, static_cast<int>(left.count())) : 0;
  };
  int ready = ready_by(until - patience + courtesy);
  if (ready == 0) {
    const std::uint64_t wait = connections_.waits_for_peer(socket_);
    ready = ready_by(until);
    connections_.ended_waiting(wait);
  }
  return ready > 0 || (ready < 0 && errno == EINTR);
}

void RequestStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

void RequestStream::get_local_ip_and_port(std::string& ip, int& port) const { get_remote_ip_and_port(ip, port); }

}  // namespace takt::http
