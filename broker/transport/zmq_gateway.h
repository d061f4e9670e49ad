#pragma once

#include <functional>
#include <memory>
#include <string>

#include "broker/transport/desk.h"
#include "broker/transport/gateway.h"
#include "proto/result.h"

namespace takt::transport {

struct ZmqGatewaySettings {
  std::string listen = "tcp://127.0.0.1:7400";   ///< port 0: the system chooses
  std::size_t connections_max = 4096;
  Duration handshake_timeout = std::chrono::seconds(5);
  Duration hello_timeout = std::chrono::seconds(10);   ///< a connection without a session for so long is closed
  std::uint64_t memory_bytes_expected = 320u << 20;    ///< allocated by the process when nothing is wrong
  DeskSettings desk;
  std::function<Time()> clock;                   ///< the process's monotonic time
};

/// Why the gateway cannot start, for people.
struct GatewayFailure {
  std::string message;
};

/// The gateway over a ZeroMQ ROUTER socket. One thread of its own owns the socket, the socket's monitor and the desk.
///
/// What libzmq does not do is done here: a full peer answers EAGAIN and its messages wait in a bounded queue (never
/// blocked, never dropped silently); an ended connection is learnt from the monitor at once; the number of connections is
/// capped, and one that says no Hello is closed; a message whose frames never end costs its connection (FloodWatch).
///
/// Nobody has a routing id of its own: zmq_recv.h says why.
class ZmqGateway final : public Gateway {
 public:
  /// Opens and binds the socket; nothing is read before start().
  static Result<std::unique_ptr<ZmqGateway>, GatewayFailure> open(const ZmqGatewaySettings& settings, CommandSink& sink);
  /// Stops the thread; what the socket already holds for its peers is given 200 ms to leave.
  ~ZmqGateway() override;

  void start();
  void stop();
  /// The address with the port that was bound.
  const std::string& endpoint() const;

  void post(std::vector<core::Outgoing> batch) override;
  void end_sessions(Refusal reason) override;
  void drain() override;
  void room() override;
  std::future<DeskStats> stats() override;

 private:
  class Loop;
  explicit ZmqGateway(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace takt::transport
