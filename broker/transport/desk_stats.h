#pragma once

#include <cstdint>
#include <map>

#include "proto/error_code.h"

namespace takt::transport {

/// Counters (ever) and gauges (now) of one gateway's desk.
struct DeskStats {
  std::uint64_t connections = 0;               ///< now
  std::uint64_t sessions = 0;                  ///< now
  std::uint64_t replies_reserved = 0;          ///< now
  std::uint64_t publish_bytes_in_flight = 0;   ///< now
  std::uint64_t outbound_bytes = 0;            ///< now: for clients, and not yet written to their connections
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_refused = 0;       ///< above the limit
  std::uint64_t connections_unheard = 0;       ///< ended before a message: handshakes that failed or were not finished
  std::uint64_t routing_ids_ignored = 0;       ///< that clients announced
  std::uint64_t newcomers_held = 0;            ///< how often they had to wait for what ended connections had sent to be read
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_timed_out = 0;
  std::uint64_t sessions_taken_over = 0;       ///< their client came back on a new connection
  std::uint64_t slow_peers_dropped = 0;
  std::uint64_t endless_messages = 0;          ///< connections closed because a message on them did not end
  std::uint64_t strangers_dropped = 0;         ///< connections closed because they said no Hello
  std::uint64_t replies_dropped = 0;           ///< their session or connection had ended
  std::uint64_t received_bytes = 0;
  std::uint64_t received_messages = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t sent_messages = 0;
  std::map<ErrorCode, std::uint64_t> refusals; ///< by the gateway itself
};

}  // namespace takt::transport
