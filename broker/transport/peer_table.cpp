#include "broker/transport/peer_table.h"

#include <utility>

namespace takt::transport {
namespace {

constexpr std::size_t automatic_bytes = 5;

/// libzmq's own ids are a zero and a number that counts up.
bool is_automatic(const std::string& routing) { return routing.size() == automatic_bytes && routing.front() == '\0'; }

std::uint32_t number_of(const std::string& routing) {
  std::uint32_t number = 0;
  for (std::size_t i = 1; i < automatic_bytes; ++i) number = number << 8 | static_cast<unsigned char>(routing[i]);
  return number;
}

/// Of two that spoke on one descriptor, the one that spoke last unless their ids say otherwise.
bool is_newer(const std::string& last, const std::string& before) {
  if (!is_automatic(last) || !is_automatic(before)) return true;
  return static_cast<std::int32_t>(number_of(last) - number_of(before)) > 0;
}

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

PeerTable::Speaker PeerTable::speaker(const std::string& routing, int descriptor, Time now) {
  const auto open = open_.find(descriptor);
  std::optional<ConnectionId> replaced;
  if (const auto known = by_routing_.find(routing); known != by_routing_.end()) {
    const ConnectionId id = known->second;
    const Peer& peer = peers_.at(id);
    // Only a client that names itself can come back under the same routing id.
    const bool is_back = peer.ended && open != open_.end() && !open->second.peer && !is_automatic(routing);
    // libzmq has given the id to whoever asked for it last, and has closed the connection of the one before.
    const bool is_taken_over = peer.descriptor != descriptor;
    if (!is_back && !is_taken_over) return {id, std::nullopt};
    if (const auto left = open_.find(peer.descriptor); left != open_.end() && left->second.peer == id) left->second.peer.reset();
    forget(id);
    replaced = id;
  }
  const ConnectionId id(next_++);
  peers_.emplace(id, Peer{routing, descriptor, {}, false, std::nullopt});
  by_routing_[routing] = id;
  if (open == open_.end()) {   // came, spoke and left
    end(id, now);
  } else if (open->second.peer && !is_newer(routing, peers_.at(*open->second.peer).routing)) {
    end(id, now);
  } else {
    if (open->second.peer) end(*open->second.peer, now);
    open->second.peer = id;
    peers_.at(id).has_left = open->second.has_left;
  }
  return {id, replaced};
}

Peer* PeerTable::find(ConnectionId id) {
  const auto entry = peers_.find(id);
  return entry == peers_.end() ? nullptr : &entry->second;
}

void PeerTable::forget(ConnectionId id) {
  const auto entry = peers_.find(id);
  if (entry == peers_.end()) return;
  if (const auto named = by_routing_.find(entry->second.routing); named != by_routing_.end() && named->second == id)
    by_routing_.erase(named);
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
