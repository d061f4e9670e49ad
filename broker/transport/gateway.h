#pragma once
// How the owner of a partition reaches the clients. Seam: ZmqGateway over real sockets, a simulated one in tests.

#include <future>
#include <vector>

#include "broker/core/command.h"
#include "broker/transport/desk_stats.h"
#include "proto/error_code.h"

namespace takt::transport {

/// Thread: any, all of it. Every call is one wake-up of the gateway, so callers batch.
class Gateway {
 public:
  virtual ~Gateway() = default;

  /// Replies and pushes, in order. What is meant for a session that has ended meanwhile is dropped.
  virtual void post(std::vector<core::Outgoing> batch) = 0;
  /// Gives up every session, telling its client why: it says Hello again and resumes what it holds.
  virtual void end_sessions(Refusal reason) = 0;
  /// From now on new work is refused with kDraining; acks go on.
  virtual void drain() = 0;
  /// The command sink has room again.
  virtual void room() = 0;
  /// A snapshot of the counters, as soon as the gateway gets to it.
  virtual std::future<DeskStats> stats() = 0;
};

}  // namespace takt::transport
