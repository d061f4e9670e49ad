#include "examples/photo/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fstream>

namespace photo {
namespace {

using namespace std::chrono_literals;

double seconds_of(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; }

ProcessEnd end_of(int status, const rusage& used) {
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
          .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
          .cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime)};
}

std::vector<char*> environment_of(std::vector<std::string>& added) {
  std::vector<char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("TAKT_")) variables.push_back(*variable);
  }
  for (auto& variable : added) variables.push_back(variable.data());
  variables.push_back(nullptr);
  return variables;
}

/// Runs in the child, between fork and exec: only calls that are safe there.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment, int log, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before prctl
  // A Ctrl-C is the parent's to pass on.
  ::setpgid(0, 0);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execve(program, arguments, environment);
  ::_exit(127);
}

}  // namespace

std::string ProcessEnd::text() const {
  if (signal != 0) return "signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
  return "exit code " + std::to_string(exit_code);
}

Result<Process> Process::start(const ProcessOptions& options) {
  if (::access(options.program.c_str(), X_OK) != 0) {
    return problem("program " + options.program.string() + " cannot be run: " + std::strerror(errno) +
                   "; build it first (scripts/demo does)");
  }
  const int log = ::open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return problem("log " + options.log.string() + " cannot be opened: " + std::strerror(errno));
  std::string program = options.program.string();
  std::vector<std::string> texts = options.arguments;
  std::vector<char*> arguments{program.data()};
  for (auto& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  std::vector<std::string> added = options.environment;
  const std::vector<char*> environment = environment_of(added);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(program.c_str(), arguments.data(), environment.data(), log, parent);
  const int reason = errno;
  ::close(log);
  if (pid < 0) return problem(options.name + " cannot be started: " + std::strerror(reason));
  return Process(options.name, options.log, pid);
}

Process::~Process() {
  if (pid_ > 0) stop(5s);
}

Process::Process(Process&& other) noexcept
    : name_(std::move(other.name_)),
      log_(std::move(other.log_)),
      pid_(std::exchange(other.pid_, -1)),
      end_(std::move(other.end_)) {}

std::optional<ProcessEnd> Process::poll_end() {
  if (end_) return end_;
  int status = 0;
  rusage used{};
  if (::wait4(pid_, &status, WNOHANG, &used) == pid_) end_ = end_of(status, used);
  return end_;
}

std::optional<ProcessEnd> Process::wait_end(std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (!poll_end() && std::chrono::steady_clock::now() < until) ::poll(nullptr, 0, 10);
  return end_;
}

ProcessEnd Process::stop(std::chrono::milliseconds grace) {
  if (poll_end()) return *end_;
  ::kill(pid_, SIGTERM);
  ::kill(pid_, SIGCONT);
  if (wait_end(grace)) return *end_;
  return kill();
}

ProcessEnd Process::kill() {
  if (poll_end()) return *end_;
  ::kill(pid_, SIGKILL);
  int status = 0;
  rusage used{};
  while (::wait4(pid_, &status, 0, &used) < 0 && errno == EINTR) {}
  end_ = end_of(status, used);
  return *end_;
}

bool Process::freeze() {
  if (poll_end()) return false;
  ::kill(pid_, SIGSTOP);
  int status = 0;
  rusage used{};
  while (::wait4(pid_, &status, WUNTRACED, &used) < 0 && errno == EINTR) {}
  if (WIFSTOPPED(status)) return true;
  end_ = end_of(status, used);
  return false;
}

void Process::thaw() {
  if (!end_) ::kill(pid_, SIGCONT);
}

std::string log_tail(const std::filesystem::path& log, std::size_t lines) {
  std::ifstream in(log);
  std::deque<std::string> last;
  for (std::string line; std::getline(in, line);) {
    last.push_back(line);
    if (last.size() > lines) last.pop_front();
  }
  std::string text;
  for (const auto& line : last) text += "  | " + line + "\n";
  return text;
}

}  // namespace photo
