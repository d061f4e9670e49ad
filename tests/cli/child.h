#pragma once
// Runs a program to its end and keeps what it said.

#include <string>
#include <vector>

namespace takt::mistakes {

struct Ended {
  int exit = -1;  ///< -1 when a signal ended it
  std::string out;
  std::string err;
};

/// `words[0]` is a path. `environment` ("NAME=value") is added to ours, TAKT_* of ours is left out.
/// Throws std::runtime_error when the program cannot be started.
Ended run_program(const std::vector<std::string>& words, const std::vector<std::string>& environment, const std::string& input);

/// An address on loopback at which nobody listens for as long as this lives.
class ClosedAddress {
 public:
  ClosedAddress();
  ~ClosedAddress();
  ClosedAddress(const ClosedAddress&) = delete;
  ClosedAddress& operator=(const ClosedAddress&) = delete;

  std::string text() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_ = -1;
  int port_ = 0;
};

}  // namespace takt::mistakes
