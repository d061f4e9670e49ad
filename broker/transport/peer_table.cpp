#include "broker/transport/peer_table.h"

#include <utility>

namespace takt::transport {
namespace {

/// libzmq's ids are a zero and a number that counts up; others come to nobody (zmq_recv.h).
std::uint32_t number_of(const std::string& routing) {
  std::uint32_t number = 0;
  for (std::size_t i = 1; i < routing.size(); ++i) number = number << 8 | static_cast<unsigned char>(routing[i]);
  return number;
}

/// Of two that spoke on one descriptor.
bool is_newer(const std::string& one, const std::string& other) { return static_cast<std::int32_t>(number_of(one) - number_of(other)) > 0; }

}  // namespace

void PeerTable::accepted(int descriptor, Time now) { open_[descriptor] = Open{std::nullopt, now}; }

bool PeerTable::disconnected(int descriptor, Time now) {
  const auto entry = open_.find(descriptor);
  if (entry == open_.end()) return false;
  const std::optional<ConnectionId> peer = entry->second.peer;
  if (peer) end(*peer, now);
  open_.erase(entry);
  return !peer;
}

void PeerTable::left(int descriptor) {
  const auto entry = open_.find(descriptor);
  if (entry == open_.end()) return;
  entry->second.has_left = true;
  if (entry->second.peer) peers_.at(*entry->second.peer).has_left = true;
}

ConnectionId PeerTable::speaker(const std::string& routing, int descriptor, Time now) {
  if (const auto known = by_routing_.find(routing); known != by_routing_.end()) return known->second;
  const auto open = open_.find(descriptor);
  const ConnectionId id(next_++);
  peers_.emplace(id, Peer{routing, descriptor, {}, false, std::nullopt});
  by_routing_.emplace(routing, id);
  if (open == open_.end()) {   // came, spoke and left
    end(id, now);
  } else if (open->second.peer && !is_newer(routing, peers_.at(*open->second.peer).routing)) {
    end(id, now);
  } else {
    if (open->second.peer) end(*open->second.peer, now);
    open->second.peer = id;
    peers_.at(id).has_left = open->second.has_left;
  }
  return id;
}

Peer* PeerTable::find(ConnectionId id) {
  const auto entry = peers_.find(id);
  return entry == peers_.end() ? nullptr : &entry->second;
}

void PeerTable::forget(ConnectionId id) {
  const auto entry = peers_.find(id);
  if (entry == peers_.end()) return;
  by_routing_.erase(entry->second.routing);
  peers_.erase(entry);
}

std::vector<ConnectionId> PeerTable::take_ended(Time until) {
  std::vector<ConnectionId> taken;
  std::erase_if(ended_, [&](ConnectionId id) {
    const auto peer = peers_.find(id);
    if (peer == peers_.end()) return true;
    if (*peer->second.ended > until) return false;
    taken.push_back(id);
    return true;
  });
  return taken;
}

void PeerTable::end(ConnectionId id, Time now) {
  Peer& peer = peers_.at(id);
  peer.has_left = true;
  peer.ended = now;
  ended_.push_back(id);
}

}  // namespace takt::transport
