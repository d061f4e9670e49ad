#pragma once
// A child process that cannot outlive its parent, with its output in a log file. It inherits the environment without our
// TAKT_ variables: what is set for a broker of the user's is not meant for those that are started here.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "examples/photo/problem.h"

namespace photo {

struct ProcessOptions {
  std::string name;                    ///< for messages
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::filesystem::path log;           ///< receives standard output and error; appended to
  std::vector<std::string> environment{};   ///< NAME=VALUE, beside what is inherited
};

/// How a process ended.
struct ProcessEnd {
  int exit_code = 0;
  int signal = 0;                      ///< that killed it, or 0
  double cpu_seconds = 0.0;            ///< that it used

  bool is_success() const { return exit_code == 0 && signal == 0; }
  std::string text() const;            ///< `exit code 3`, `signal 9 (Killed)`
};

/// One thread owns it. The destructor asks the process to stop and kills it when it does not.
class Process {
 public:
  static Result<Process> start(const ProcessOptions& options);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  const std::string& name() const { return name_; }
  const std::filesystem::path& log() const { return log_; }
  pid_t pid() const { return pid_; }
  bool is_running() { return !poll_end(); }

  /// How it ended, or none while it runs; does not wait.
  std::optional<ProcessEnd> poll_end();
  std::optional<ProcessEnd> wait_end(std::chrono::milliseconds timeout);
  /// SIGTERM, and SIGKILL when that does not help within `grace`.
  ProcessEnd stop(std::chrono::milliseconds grace);
  /// SIGKILL.
  ProcessEnd kill();
  /// SIGSTOP; returns when none of its threads runs any more. False: it had ended.
  bool freeze();
  void thaw();

 private:
  Process(std::string name, std::filesystem::path log, pid_t pid) : name_(std::move(name)), log_(std::move(log)), pid_(pid) {}

  std::string name_;
  std::filesystem::path log_;
  pid_t pid_ = -1;
  std::optional<ProcessEnd> end_;
};

/// The last `lines` lines of a log, for a message about why its process ended.
std::string log_tail(const std::filesystem::path& log, std::size_t lines);

}  // namespace photo
