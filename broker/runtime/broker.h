#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "broker/metrics/snapshot.h"
#include "broker/runtime/config.h"
#include "broker/runtime/shard_mail.h"
#include "proto/result.h"

namespace takt::runtime {

/// Why the broker did not start, for people: `TK4001 store_failed: ...`.
struct StartFailure {
  std::string message;
};

/// A running broker: stores, partition, gateway, HTTP and their threads. Starts whole or not at all; the destructor stops
/// everything, with whatever is not durable unanswered.
/// Thread: any.
class Broker {
 public:
  struct Options {
    std::string version;
    /// Called once, from a thread of the broker, when it has stopped by itself: drained or failed.
    std::function<void(ShardState)> stopped;
  };
  static Result<std::unique_ptr<Broker>, StartFailure> start(const Config& config, Options options);
  ~Broker();

  /// Refuses new work, makes durable what was accepted, writes a last checkpoint; then `stopped` is called.
  void drain();

  /// The addresses with their real ports; `http` is empty when it is off.
  const std::string& client_endpoint() const;
  const std::string& http_endpoint() const;

  struct Status {
    ShardState state = ShardState::kServing;
    metrics::Snapshot snapshot;
  };
  /// None: the owner or the gateway did not answer in time.
  std::optional<Status> status(Duration patience);

 private:
  class Body;
  explicit Broker(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace takt::runtime
