#include "tests/sim/network.h"

#include <algorithm>

#include "proto/codec.h"

namespace takt::sim {
namespace {

constexpr Duration late_max = std::chrono::seconds(4);   // of frames whose client has given the connection up

std::uint64_t fingerprint_of(const Frames& frames) {
  std::uint64_t sum = 0;
  for (const SharedBytes& frame : frames) sum = sum * 31 + fingerprint(frame.bytes);
  return sum;
}

std::string request_name(const Frames& frames) {
  proto::Decoder decoder;
  const auto decoded = decoder.request(frames.front().bytes);
  return decoded ? std::string(proto::name_of(proto::type_of(decoded->body))) : "unreadable";
}

std::string reply_name(const Frames& frames) {
  proto::Decoder decoder;
  const auto decoded = decoder.reply(frames.front().bytes);
  if (!decoded) return "unreadable";
  if (const auto* error = std::get_if<proto::Error>(&decoded->body)) return "error: " + error->message;
  if (const auto* ended = std::get_if<proto::SessionEnded>(&decoded->body)) return "session_ended: " + ended->message;
  return std::string(proto::name_of(proto::type_of(decoded->body)));
}

}  // namespace

ConnectionId Network::connect(ClientEnd& client) {
  const ConnectionId id(++last_);
  wires_[id] = Wire{.client = &client};
  client.timeline().after(latency(), [this, id] {
    const auto wire = wires_.find(id);
    if (wire == wires_.end() || wire->second.client == nullptr) return;
    ClientEnd& end = *wire->second.client;
    wire->second.is_up = server_->is_up();
    world_.trace(wire->second.is_up ? "connected" : "refused", id.value);
    if (wire->second.is_up) return end.connected(id);
    wires_.erase(wire);
    end.lost(id);
  });
  return id;
}

Time Network::next(Path& path) { return path.free = std::max(path.free + std::chrono::nanoseconds(1), world_.mono() + latency()); }

/// Behind all that is on its way, so that nothing overtakes what must wait.
void Network::hold(Path& path, Duration length) {
  path.held = path.free = std::max(path.free + std::chrono::nanoseconds(1), world_.mono() + length);
}

void Network::to_server(ConnectionId connection, Frames frames) {
  const auto wire = wires_.find(connection);
  if (wire == wires_.end() || !wire->second.is_up || !server_->is_up()) return;
  server_->timeline().at(next(wire->second.to_server),
                         [this, connection, frames = std::move(frames)]() mutable { arrive_at_server(connection, std::move(frames)); });
}

void Network::arrive_at_server(ConnectionId connection, Frames frames) {
  const auto wire = wires_.find(connection);
  if (wire == wires_.end() || !wire->second.is_up) return;
  if (world_.mono() < wire->second.to_server.held) {
    return server_->timeline().at(wire->second.to_server.held, [this, connection, frames = std::move(frames)]() mutable {
      arrive_at_server(connection, std::move(frames));
    });
  }
  if (wire->second.is_late) ++late_frames_;
  world_.trace("to_broker", connection.value, frames.size(), fingerprint_of(frames));
  if (world_.is_watched()) world_.note(request_name(frames));
  server_->received(connection, std::move(frames));
}

void Network::to_client(ConnectionId connection, Frames frames) {
  const auto wire = wires_.find(connection);
  if (wire == wires_.end() || !wire->second.is_up || wire->second.client == nullptr) return;
  wire->second.client->timeline().at(next(wire->second.to_client), [this, connection, frames = std::move(frames)]() mutable {
    arrive_at_client(connection, std::move(frames));
  });
}

void Network::arrive_at_client(ConnectionId connection, Frames frames) {
  const auto wire = wires_.find(connection);
  if (wire == wires_.end() || !wire->second.is_up || wire->second.client == nullptr) return;
  if (world_.mono() < wire->second.to_client.held) {
    return wire->second.client->timeline().at(wire->second.to_client.held, [this, connection, frames = std::move(frames)]() mutable {
      arrive_at_client(connection, std::move(frames));
    });
  }
  world_.trace("to_client", connection.value, frames.size(), fingerprint_of(frames));
  if (world_.is_watched()) world_.note(reply_name(frames));
  wire->second.client->received(connection, std::move(frames));
}

void Network::delay(ConnectionId connection, Direction direction, Duration length) {
  const auto wire = wires_.find(connection);
  if (wire == wires_.end()) return;
  world_.trace("delay", connection.value, static_cast<std::uint64_t>(direction));
  hold(direction == Direction::kToServer ? wire->second.to_server : wire->second.to_client, length);
}

void Network::tell_client(const Wire& wire, ConnectionId connection) {
  if (wire.client == nullptr) return;
  wire.client->timeline().after(latency(), [client = wire.client, connection] { client->lost(connection); });
}

void Network::tell_server(ConnectionId connection, Time when) {
  if (!server_->is_up()) return;
  server_->timeline().at(when, [this, connection] {
    wires_.erase(connection);
    server_->lost(connection);
  });
}

void Network::close(ConnectionId connection) {
  const auto wire = wires_.find(connection);
  if (wire == wires_.end()) return;
  wire->second.client = nullptr;
  if (!wire->second.is_up) {
    wires_.erase(wire);
  } else {
    tell_server(connection, next(wire->second.to_server));
  }
}

void Network::client_died(ConnectionId connection) { close(connection); }

void Network::server_died() {
  for (const auto& [id, wire] : wires_)
    if (wire.is_up) tell_client(wire, id);
  std::erase_if(wires_, [](const auto& entry) { return entry.second.is_up; });
}

void Network::cut(ConnectionId connection, Knowledge knowledge) {
  const auto wire = wires_.find(connection);
  if (wire == wires_.end() || !wire->second.is_up) return;
  world_.trace("cut", connection.value, static_cast<std::uint64_t>(knowledge));
  tell_client(wire->second, connection);
  wire->second.client = nullptr;
  if (knowledge == Knowledge::kClientFirst) {
    wire->second.is_late = true;
    hold(wire->second.to_server, world_.random().duration(std::chrono::milliseconds(1), late_max));
    return tell_server(connection, next(wire->second.to_server));
  }
  wire->second.is_up = false;
  // Nobody tells the broker: it finds out by the session's silence, and the socket goes with a keep-alive much later.
  const Duration later = knowledge == Knowledge::kBoth ? latency() : std::chrono::seconds(60);
  tell_server(connection, world_.mono() + later);
}

std::optional<ConnectionId> Network::any() {
  std::vector<ConnectionId> up;
  for (const auto& [id, wire] : wires_)
    if (wire.is_up && wire.client != nullptr) up.push_back(id);
  if (up.empty()) return std::nullopt;
  return up[world_.random().below(up.size())];
}

}  // namespace takt::sim
