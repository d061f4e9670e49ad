#pragma once

#include <vector>

#include "broker/core/command.h"

namespace takt::transport {

/// What one wake-up of a gateway has for a partition. `prior` goes ahead of every `later` that still waits: acks, credits
/// and the ends of sessions free what publishes fill.
struct CommandBatch {
  std::vector<core::Command> prior;
  std::vector<core::Command> later;

  bool empty() const { return prior.empty() && later.empty(); }
};

/// Where a gateway puts the commands of a partition: the owner's inbox, or a simulation.
class CommandSink {
 public:
  virtual ~CommandSink() = default;
  /// Takes all of `batch` and leaves it empty, or takes nothing and returns false: full. After a false the gateway stops
  /// reading its socket until it is woken (Gateway::room). Thread: the gateway's.
  virtual bool post(CommandBatch& batch) = 0;
};

}  // namespace takt::transport
