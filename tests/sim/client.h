#pragma once

#include <deque>
#include <optional>
#include <string>

#include "tests/sim/checker.h"
#include "tests/sim/network.h"
#include "worker-sdk/cpp/src/session.h"

namespace takt::sim {

/// One client process: the SDK's session and the loop around it, which connects, reconnects and moves frames.
class Client : public ClientEnd {
 public:
  /// `producer` when it takes over from another; else one of its own.
  Client(World& world, const Options& options, Checker& checker, Network& network, proto::ClientKind kind, std::string name,
         std::optional<ProducerId> producer = std::nullopt);
  ~Client() override;

  /// Stands still, connection and all, as a stopped process does.
  void freeze(Duration length);

  Timeline& timeline() final { return timeline_; }
  void connected(ConnectionId connection) final;
  void received(ConnectionId connection, Frames frames) final;
  void lost(ConnectionId connection) final;

 protected:
  /// Call after anything was done to the session.
  void pump();
  virtual void handle(sdk::Event&& event) = 0;
  /// The last chance to change what is sent.
  virtual void stamp(Frames&) {}
  void connect();
  void disconnect();

  World& world_;
  const Options& options_;
  Checker& checker_;
  const std::string name_;
  const ProducerId producer_;
  sdk::Session session_;

 private:
  sdk::SessionOptions session_options(proto::ClientKind kind) const;
  void reconnect_later(const std::string& why);
  void double_something(const Frames& sent, const proto::Request& request);
  void repeat_something(const Frames& sent, const proto::Request& request);

  Network& network_;
  std::optional<ConnectionId> connection_;
  bool is_up_ = false;
  bool is_leaving_ = false;
  Duration backoff_;
  std::deque<Frames> repeatable_;   ///< what was sent and may come again, on this connection and earlier ones

 protected:
  Timeline timeline_;

 private:
  Alarm alarm_;
};

}  // namespace takt::sim
