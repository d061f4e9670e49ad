#include "broker/transport/flood_watch.h"

#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace takt::transport {
namespace {

// What comes beside messages: greeting and READY, then at most a PING and a PONG a second, at ten looks a second.
constexpr std::uint64_t handshake_bytes_max = 2048;
constexpr std::uint64_t heartbeat_bytes_per_look = 8;
// TCP_ESTABLISHED and TCP_CLOSE of <netinet/tcp.h>, which cannot stand beside <linux/tcp.h>.
constexpr std::uint8_t tcp_established = 1;
constexpr std::uint8_t tcp_close = 7;

struct Reading {
  std::uint64_t bytes = 0;   ///< that were read from the descriptor: received, and no longer in the kernel
  bool is_reset = false;
  bool is_ending = false;    ///< also in order, by either side
};

std::optional<Reading> read_from(int descriptor) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  int unread = 0;   // asked second: what comes between the two makes the answer too low, never too high
  if (::ioctl(descriptor, FIONREAD, &unread) != 0) return std::nullopt;
  const auto waiting = static_cast<std::uint64_t>(unread);
  return Reading{info.tcpi_bytes_received > waiting ? info.tcpi_bytes_received - waiting : 0, info.tcpi_state == tcp_close,
                 info.tcpi_state != tcp_established};
}

/// Of the whole process. Cost: some microseconds.
std::uint64_t allocated_bytes() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace

void FloodWatch::delivered(int descriptor, std::uint64_t bytes) {
  const auto entry = connections_.find(descriptor);
  if (entry == connections_.end()) return;
  entry->second.delivered_bytes += bytes;
  if (std::exchange(entry->second.has_delivered, true)) all_had_turn_ = true;
}

FloodWatch::Look FloodWatch::look() {
  Look seen;
  const bool had_turn = std::exchange(all_had_turn_, false);
  for (auto& [descriptor, connection] : connections_) {
    const auto reading = read_from(descriptor);
    if (!reading) continue;
    if (reading->is_ending) ++seen.ending;
    if (connection.has_left) continue;
    if (reading->is_reset) {
      connection.has_left = true;
      seen.left.push_back(descriptor);
      continue;
    }
    const std::uint64_t read = reading->bytes;
    const std::uint64_t before = std::exchange(connection.seen_bytes, read);
    const bool has_delivered = std::exchange(connection.has_delivered, false);
    weigh(connection, has_delivered);
    if (has_delivered) {
      connection.settled_bytes = read;
      continue;
    }
    const bool is_endless = had_turn && before > connection.settled_bytes + bounds_.message_bytes_max;
    if (!is_endless && read <= connection.settled_bytes + bounds_.queue_bytes_max) continue;
    shut_down(descriptor, connection, seen);
  }
  if (had_turn) relieve(seen);
  return seen;
}

void FloodWatch::weigh(Connection& connection, bool has_delivered) {
  const std::uint64_t known = connection.delivered_bytes + handshake_bytes_max + ++connection.looks * heartbeat_bytes_per_look;
  const bool holds = !has_delivered && connection.seen_bytes > known;
  connection.held_bytes = holds ? connection.seen_bytes - known : 0;
  connection.looks_held = holds ? connection.looks_held + 1 : 0;
}

void FloodWatch::relieve(Look& seen) {
  std::uint64_t sum = 0;
  std::vector<std::pair<const int, Connection>*> holders;
  for (auto& entry : connections_) {
    if (entry.second.has_left || entry.second.held_bytes == 0) continue;
    sum += entry.second.held_bytes;
    holders.push_back(&entry);
  }
  const bool is_scarce = sum > bounds_.scarce_bytes_max && allocated_bytes() > bounds_.memory_bytes_max;
  const std::uint64_t bound = is_scarce ? bounds_.scarce_bytes_max : bounds_.all_bytes_max;
  if (sum <= bound) return;
  std::ranges::sort(holders, std::ranges::greater(), [](const auto* entry) { return entry->second.looks_held * entry->second.held_bytes; });
  for (auto holder = holders.begin(); sum > bound; ++holder) {
    auto& [descriptor, connection] = **holder;
    sum -= connection.held_bytes;
    shut_down(descriptor, connection, seen);
  }
}

void FloodWatch::shut_down(int descriptor, Connection& connection, Look& seen) {
  ::shutdown(descriptor, SHUT_RDWR);
  connection.has_left = true;
  seen.left.push_back(descriptor);
  ++seen.shut;
}

}  // namespace takt::transport
