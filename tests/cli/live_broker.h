#pragma once
// A real taktd on a port of its own, for as long as this lives.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <thread>

namespace takt::mistakes {

class LiveBroker {
 public:
  /// Returns when the broker says that it is ready. Throws std::runtime_error with its log when it ends instead.
  explicit LiveBroker(const std::string& taktd);
  /// Ends it with SIGTERM and removes its data.
  ~LiveBroker();
  LiveBroker(const LiveBroker&) = delete;
  LiveBroker& operator=(const LiveBroker&) = delete;

  const std::string& address() const { return address_; }

 private:
  std::filesystem::path folder_;
  std::string address_;
  int log_ = -1;  ///< the reading end of its stderr
  pid_t pid_ = -1;
  std::thread drain_;  ///< keeps the pipe empty, ends with the broker
};

}  // namespace takt::mistakes
