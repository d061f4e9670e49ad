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

/// The addresses that a taktd has bound, as its data folder's file `endpoints` has them.
struct Endpoints {
  std::string clients;               ///< `tcp://127.0.0.1:40123`
  std::string http;                  ///< `http://127.0.0.1:40124`; empty: off
};
/// None until the taktd on `data` is ready. The file of an earlier taktd stays there until the next one has the folder.
std::optional<Endpoints> read_endpoints(const std::filesystem::path& data);

}  // namespace photo
