#include "broker/transport/flood_watch.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <optional>
#include <utility>

namespace takt::transport {
namespace {

/// Bytes that were read from the descriptor: received, and no longer in the kernel.
std::optional<std::uint64_t> read_bytes(int descriptor) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  int unread = 0;   // asked second: what comes between the two makes the answer too low, never too high
  if (::ioctl(descriptor, FIONREAD, &unread) != 0) return std::nullopt;
  const auto waiting = static_cast<std::uint64_t>(unread);
  return info.tcpi_bytes_received > waiting ? info.tcpi_bytes_received - waiting : 0;
}

}  // namespace

void FloodWatch::delivered(int descriptor) {
  const auto entry = connections_.find(descriptor);
  if (entry == connections_.end()) return;
  if (std::exchange(entry->second.has_delivered, true)) all_had_turn_ = true;
}

std::size_t FloodWatch::look() {
  std::size_t shut = 0;
  const bool had_turn = std::exchange(all_had_turn_, false);
  for (auto& [descriptor, connection] : connections_) {
    const auto read = read_bytes(descriptor);
    if (!read || connection.is_shut) continue;
    const std::uint64_t before = std::exchange(connection.seen_bytes, *read);
    if (std::exchange(connection.has_delivered, false)) {
      connection.settled_bytes = *read;
      continue;
    }
    const bool is_endless = had_turn && before > connection.settled_bytes + bounds_.message_bytes_max;
    if (!is_endless && *read <= connection.settled_bytes + bounds_.queue_bytes_max) continue;
    ::shutdown(descriptor, SHUT_RDWR);
    connection.is_shut = true;
    ++shut;
  }
  return shut;
}

}  // namespace takt::transport
