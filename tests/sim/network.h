#pragma once
// Connections between clients and the broker. Within one connection and direction messages keep their order, as TCP does;
// a connection that is cut loses what is on its way in both directions.

#include <map>
#include <vector>

#include "broker/transport/connection.h"
#include "tests/sim/options.h"
#include "tests/sim/world.h"

namespace takt::sim {

using Frames = std::vector<SharedBytes>;
using transport::ConnectionId;

class ClientEnd {
 public:
  virtual ~ClientEnd() = default;
  virtual Timeline& timeline() = 0;
  virtual void connected(ConnectionId connection) = 0;
  virtual void received(ConnectionId connection, Frames frames) = 0;
  /// Refused, cut, or closed by the broker.
  virtual void lost(ConnectionId connection) = 0;
};

class ServerEnd {
 public:
  virtual ~ServerEnd() = default;
  virtual bool is_up() const = 0;
  virtual Timeline& timeline() = 0;
  virtual void received(ConnectionId connection, Frames frames) = 0;
  virtual void lost(ConnectionId connection) = 0;
};

class Network {
 public:
  Network(World& world, const Options& options) : world_(world), options_(options) {}
  void serve(ServerEnd& server) { server_ = &server; }

  ConnectionId connect(ClientEnd& client);
  void to_server(ConnectionId connection, Frames frames);
  void to_client(ConnectionId connection, Frames frames);
  /// The client closes it: what it sent still arrives.
  void close(ConnectionId connection);
  /// The client's process is gone.
  void client_died(ConnectionId connection);
  /// The broker's process is gone.
  void server_died();
  /// The broker cuts one peer off.
  void cut_by_server(ConnectionId connection) { cut(connection, Knowledge::kBoth); }

  enum class Knowledge : std::uint8_t { kBoth, kClientOnly, kClientFirst };
  /// kClientFirst: what the client had sent still arrives, later, and only then does the broker hear of the end.
  void cut(ConnectionId connection, Knowledge knowledge);
  enum class Direction : std::uint8_t { kToServer, kToClient };
  /// Nothing moves in this direction for a while.
  void delay(ConnectionId connection, Direction direction, Duration length);
  /// Frames that arrived after their client had given the connection up.
  std::uint64_t late_frames() const { return late_frames_; }
  /// One of those that are up; none when there is none.
  std::optional<ConnectionId> any();

 private:
  struct Path {
    Time free;                     ///< when the last frame arrives
    Time held;                     ///< nothing arrives earlier
  };
  struct Wire {
    ClientEnd* client = nullptr;   ///< null: that end is closed
    bool is_up = false;
    bool is_late = false;          ///< the client has given it up, and does not know what arrives
    Path to_server{}, to_client{};
  };
  Duration latency() { return world_.random().duration(std::chrono::microseconds(20), options_.latency_max); }
  Time next(Path& path);
  void hold(Path& path, Duration length);
  void arrive_at_server(ConnectionId connection, Frames frames);
  void arrive_at_client(ConnectionId connection, Frames frames);
  void tell_client(const Wire& wire, ConnectionId connection);
  void tell_server(ConnectionId connection, Time when);

  World& world_;
  const Options& options_;
  ServerEnd* server_ = nullptr;
  std::map<ConnectionId, Wire> wires_;
  std::uint64_t last_ = 0;
  std::uint64_t late_frames_ = 0;
};

}  // namespace takt::sim
