#pragma once
// What a peer's program does: the same loads as `takt bench send`, `work` and `latency`.

#include <cstdint>
#include <nlohmann/json.hpp>

#include "bench/peers/peer.h"

namespace takt::bench {

using Json = nlohmann::ordered_json;

/// Sends `count` messages of `size` bytes with at most `outstanding` unconfirmed; ends when all are confirmed.
Json send(Peer& peer, std::uint64_t count, std::size_t size, std::size_t outstanding);
/// Takes and acks `count` messages; ends when every ack is carried out.
Json work(Peer& peer, std::uint64_t count);
/// Sends at a rate, each message at its own moment, and takes them in the same process: times from that moment to the handler.
Json latency(Peer& peer, std::uint64_t rate, std::uint64_t seconds, std::size_t size, std::size_t outstanding);

}  // namespace takt::bench
