#pragma once
// A taktd of our own for one run: a fresh data folder, a free port of the loopback interface.

#include "examples/photo/process.h"
#include "examples/photo/run_folder.h"

namespace photo {

class Broker {
 public:
  /// Returns when it answers.
  static Result<Broker> start(const std::filesystem::path& program, const RunFolder& run);

  const std::string& server() const { return server_; }  ///< `tcp://127.0.0.1:40123`
  Process& process() { return process_; }

 private:
  Broker(Process process, std::string server) : process_(std::move(process)), server_(std::move(server)) {}

  Process process_;
  std::string server_;
};

/// The client address in the line that taktd logs when it is ready, or none while `log` has no such line.
std::optional<std::string> ready_address(const std::filesystem::path& log);

}  // namespace photo
