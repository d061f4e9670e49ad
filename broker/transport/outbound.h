#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "broker/transport/connection.h"
#include "proto/shared_bytes.h"

namespace takt::transport {

/// Bytes on their way out: what waits for a socket and what the socket's library has taken and not yet written. Its thread
/// lets go of the latter. Thread: any.
struct OutboundCount {
  std::atomic<std::size_t> held{0};
  std::atomic<std::uint64_t> released{0};   ///< ever: who takes something shows it here
};

/// The frames of one message, counted for its peer and in all until the last holder of one of them lets go.
Departure make_departure(ConnectionId to, std::vector<std::vector<std::byte>> frames, std::shared_ptr<OutboundCount> peer,
                         std::shared_ptr<OutboundCount> all);

}  // namespace takt::transport
