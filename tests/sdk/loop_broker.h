#pragma once
// A broker inside the test: the real gateway over a real socket and a real partition, with a log in memory.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "broker/transport/zmq_gateway.h"
#include "tests/sdk/memory_log.h"

namespace takt::sdk {

class LoopBroker final : public transport::CommandSink {
 public:
  explicit LoopBroker(const std::string& listen = "tcp://127.0.0.1:0", transport::IntakeLimits limits = {});
  ~LoopBroker() override;

  const std::string& server() const { return server_; }
  /// Everybody has to connect anew; the leases of those who do not come back at once are lost.
  void end_sessions();
  /// Nothing more is read from anybody, until go_on().
  void stall();
  void go_on();
  /// Dies and comes back from its log at the same address. What was not committed is gone.
  void restart();

  bool post(transport::CommandBatch& batch) override;

 private:
  void start(const std::string& listen);
  void stop();
  void run();

  const transport::IntakeLimits limits_;
  core::PartitionSettings settings_;
  std::string server_;
  MemoryLog log_;                                       ///< partition thread only, or none running
  std::unique_ptr<core::Partition> partition_;          ///< the same
  std::unique_ptr<transport::ZmqGateway> gateway_;

  std::mutex mutex_;
  std::condition_variable work_there_;
  std::vector<core::Command> commands_;
  bool stopping_ = false;
  bool is_stalled_ = false;

  std::thread thread_;
};

}  // namespace takt::sdk
