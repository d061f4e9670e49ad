#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proto/ids.h"
#include "proto/shared_bytes.h"

namespace takt::transport {

/// One network connection, counted by its gateway and never reused. Clients do not see it.
using ConnectionId = StrongId<struct ConnectionTag, std::uint64_t>;

/// One message on its way to a peer: the frames of one ZeroMQ multipart message.
struct Departure {
  ConnectionId to;
  std::vector<SharedBytes> frames;
  std::size_t bytes = 0;   ///< of all frames together
};

}  // namespace takt::transport
