#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "broker/transport/connection.h"

namespace takt::transport {

inline constexpr std::size_t run_messages_max = 64;

/// The order in which to handle messages of these senders, as indexes: in rounds, in which each sender has up to
/// run_messages_max of its messages together and in their order, and whoever came first is first. So the publishes of a
/// connection are stored one behind the other and have one answer, and nobody who sends much goes ahead of all others.
std::vector<std::size_t> in_runs(std::span<const ConnectionId> senders);

}  // namespace takt::transport
