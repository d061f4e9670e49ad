#include "broker/transport/flood_watch.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <utility>

namespace takt::transport {
namespace {

std::optional<std::uint64_t> received_bytes(int descriptor) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  return info.tcpi_bytes_received;
}

}  // namespace

void FloodWatch::delivered(int descriptor) {
  if (const auto entry = connections_.find(descriptor); entry != connections_.end()) entry->second.has_delivered = true;
}

std::size_t FloodWatch::look() {
  std::size_t shut = 0;
  for (auto& [descriptor, connection] : connections_) {
    const auto received = received_bytes(descriptor);
    if (!received || connection.is_shut) continue;
    if (std::exchange(connection.has_delivered, false)) connection.settled_bytes = *received;
    if (*received <= connection.settled_bytes + bytes_max_) continue;
    ::shutdown(descriptor, SHUT_RDWR);
    connection.is_shut = true;
    ++shut;
  }
  return shut;
}

}  // namespace takt::transport
