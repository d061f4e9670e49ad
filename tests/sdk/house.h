#pragma once
// Sessions against the broker's own gateway logic and partition, in one thread, with a clock that only the test moves.

#include <map>
#include <memory>
#include <vector>

#include "broker/core/partition.h"
#include "broker/transport/desk.h"
#include "tests/sdk/memory_log.h"
#include "worker-sdk/cpp/src/session.h"

namespace takt::sdk {

class House {
 public:
  House();

  Now now() const { return now_; }
  void connect(Session& session);
  /// The connection ends on both sides; frames on their way to the broker arrive or not.
  enum class OnTheWay { kArrives, kLost };
  void cut(Session& session, OnTheWay requests);
  /// Runs until nobody has anything to say. `commit` holds back what is not durable yet when kHold.
  enum class Commit { kNow, kHold };
  void settle(Commit commit = Commit::kNow);
  void pass(Duration by);
  /// The broker dies and comes back from its log; every connection is cut. What was held back is gone.
  void restart();

 private:
  void turn_broker(Commit commit);
  void deliver(std::vector<transport::Departure> departures);

  Now now_;
  core::PartitionSettings settings_;
  std::unique_ptr<transport::Desk> desk_;
  std::unique_ptr<core::Partition> partition_;
  MemoryLog log_;
  std::vector<core::Commit> held_back_;
  std::map<Session*, transport::ConnectionId> connections_;
  std::uint64_t last_connection_ = 0;
  bool busy_ = false;
};

}  // namespace takt::sdk
