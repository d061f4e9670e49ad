#pragma once
// A real taktd on a data folder, that can be killed and started again at the same address.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "examples/photo/process.h"

namespace takt::testing {

using photo::Process;
using photo::ProcessEnd;

struct BrokerOptions {
  std::filesystem::path folder;              ///< receives the logs
  std::vector<std::string> settings{};       ///< KEY=VALUE, as taktd --set takes them
  std::filesystem::path data = folder / "data";
  std::optional<std::uint32_t> descriptors_max{};   ///< hard limit of open files, as prlimit sets it
  std::vector<std::string> environment{};    ///< NAME=VALUE
};

/// One thread owns it. The destructor ends the broker. Functions throw std::runtime_error, with the broker's log, when
/// it does not come up.
class BrokerProcess {
 public:
  /// Returns when the broker says that it is ready.
  explicit BrokerProcess(BrokerOptions options);

  /// As tcp://127.0.0.1:PORT; stays the same over restarts.
  const std::string& server() const { return server_; }
  std::uint16_t http_port() const { return http_port_; }
  std::filesystem::path data() const { return options_.data; }
  pid_t pid() const { return process_->pid(); }

  /// SIGKILL; returns when it is gone.
  void kill();
  /// SIGTERM; answers how it ended, or none when it did not within `grace`.
  std::optional<ProcessEnd> stop(std::chrono::milliseconds grace);
  void terminate() const;
  std::optional<ProcessEnd> wait_end(std::chrono::milliseconds timeout) { return process_->wait_end(timeout); }
  /// After kill() or stop(): the same folder, the same address.
  void start();
  bool is_running() { return process_ && process_->is_running(); }

  /// How often it was started.
  int starts() const { return starts_; }
  /// The log of the latest start.
  std::filesystem::path log() const;
  std::string log_text() const;

 private:
  Process launch();

  BrokerOptions options_;
  std::string server_;
  std::uint16_t http_port_ = 0;
  int starts_ = 0;
  std::optional<Process> process_;
};

/// Starts taktd with these arguments and waits for its end: for starts that are refused.
struct RefusedStart {
  ProcessEnd end;
  std::string log;
};
RefusedStart run_taktd(const std::filesystem::path& log, const std::vector<std::string>& arguments);

}  // namespace takt::testing
