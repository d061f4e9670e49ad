#include "tests/cli/live_broker.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <vector>

extern char** environ;

namespace takt::mistakes {
namespace {

/// The value of `"name":"..."` in a line of JSON.
std::string text_field(const std::string& line, const std::string& name) {
  const std::string opening = "\"" + name + "\":\"";
  const auto begin = line.find(opening);
  if (begin == std::string::npos) return {};
  const auto from = begin + opening.size();
  return line.substr(from, line.find('"', from) - from);
}

pid_t start(std::vector<std::string> words, int error_pipe) {
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, error_pipe, STDERR_FILENO);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, words.front().c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + words.front());
  return pid;
}

}  // namespace

LiveBroker::LiveBroker(const std::string& taktd) {
  std::string pattern = (std::filesystem::temp_directory_path() / "takt-broker-XXXXXX").string();
  folder_ = mkdtemp(pattern.data());
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  log_ = ends[0];
  pid_ = start({taktd, "--data", (folder_ / "data").string(), "--listen", "tcp://127.0.0.1:0", "--http", "off", "--log-format", "json",
                "--set", "store.map_bytes=1GiB", "--set", "store.bytes_max=512MiB"},
               ends[1]);
  close(ends[1]);

  std::string log;
  std::array<char, 4096> chunk{};
  while (address_.empty()) {
    const auto n = read(log_, chunk.data(), chunk.size());
    if (n <= 0) break;  // it ended
    log.append(chunk.data(), static_cast<std::size_t>(n));
    const auto ready = log.find("\"ready\"");
    if (ready == std::string::npos) continue;
    const auto end = log.find('\n', ready);
    if (end == std::string::npos) continue;
    const auto begin = log.rfind('\n', ready);
    address_ = text_field(log.substr(begin == std::string::npos ? 0 : begin + 1, end), "listen");
  }
  if (address_.empty()) {
    waitpid(pid_, nullptr, 0);
    std::filesystem::remove_all(folder_);
    throw std::runtime_error("the broker did not start:\n" + log);
  }
  drain_ = std::thread([log = log_] {
    std::array<char, 4096> rest{};
    while (read(log, rest.data(), rest.size()) > 0) {}
  });
}

LiveBroker::~LiveBroker() {
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  drain_.join();
  close(log_);
  std::filesystem::remove_all(folder_);
}

}  // namespace takt::mistakes
