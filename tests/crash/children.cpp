#include "tests/crash/children.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace takt::crash {
namespace {

struct Child {
  int number = 0;
  std::vector<std::uint64_t> left{};   ///< not told as ended
  pid_t pid = -1;
  int pipe = -1;
  std::string heard{};               ///< an unfinished line
  std::optional<std::uint64_t> current{};
};

void tell(int pipe, std::string line) {
  std::ranges::replace(line, '\n', ' ');
  line += '\n';
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t n = ::write(pipe, rest.data(), rest.size());
    if (n <= 0) ::_exit(1);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

void start(Child& child, const Work& work) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe for a child");
  std::fflush(nullptr);
  child.pid = ::fork();
  if (child.pid < 0) throw std::runtime_error("a child cannot be started");
  if (child.pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ends[0]);
    const int pipe = ends[1];
    try {
      work(child.number, child.left,
           {[pipe](std::uint64_t piece) { tell(pipe, "begins " + std::to_string(piece)); },
            [pipe](std::uint8_t verdict, const std::string& text) { tell(pipe, "ended " + std::to_string(verdict) + " " + text); }});
    } catch (const std::exception& error) {
      std::fprintf(stderr, "a child gave up: %s\n", error.what());
      ::_exit(2);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  child.pipe = ends[0];
}

void finish(Child& child, Outcome outcome, const std::function<void(const Outcome&)>& done) {
  outcome.piece = *child.current;
  outcome.child = child.number;
  std::erase(child.left, *child.current);
  child.current.reset();
  done(outcome);
}

void hear(Child& child, std::string_view line, const std::function<void(const Outcome&)>& done) {
  std::istringstream words{std::string(line)};
  std::string what;
  words >> what;
  if (what == "begins") {
    words >> child.current.emplace();
    return;
  }
  int verdict = 0;
  words >> verdict;
  Outcome outcome{.verdict = static_cast<std::uint8_t>(verdict)};
  std::getline(words >> std::ws, outcome.text);
  finish(child, std::move(outcome), done);
}

/// False: the child is gone, and has no work left.
bool listen(Child& child, const Work& work, const std::function<void(const Outcome&)>& done) {
  std::array<char, 65536> bytes;
  const ssize_t n = ::read(child.pipe, bytes.data(), bytes.size());
  if (n > 0) {
    child.heard.append(bytes.data(), static_cast<std::size_t>(n));
    for (auto end = child.heard.find('\n'); end != std::string::npos; end = child.heard.find('\n')) {
      hear(child, std::string_view(child.heard).substr(0, end), done);
      child.heard.erase(0, end + 1);
    }
    return true;
  }
  ::close(child.pipe);
  child.heard.clear();
  int status = 0;
  ::waitpid(child.pid, &status, 0);
  if (child.current)
    finish(child, {.signal = WIFSIGNALED(status) ? WTERMSIG(status) : SIGABRT, .text = "the process died"}, done);
  else if (!child.left.empty() && status != 0)
    throw std::runtime_error("a child ended before its work");
  if (child.left.empty()) return false;
  start(child, work);
  return true;
}

}  // namespace

void work_in_children(int children, const std::vector<std::uint64_t>& pieces, const Work& work,
                      const std::function<void(const Outcome&)>& done) {
  std::vector<Child> all;
  const std::size_t share = (pieces.size() + static_cast<std::size_t>(children) - 1) / static_cast<std::size_t>(children);
  for (std::size_t from = 0; from < pieces.size(); from += share) {
    Child child{.number = static_cast<int>(all.size())};
    child.left.assign(pieces.begin() + static_cast<std::ptrdiff_t>(from),
                      pieces.begin() + static_cast<std::ptrdiff_t>(std::min(pieces.size(), from + share)));
    all.push_back(std::move(child));
  }
  for (Child& child : all) start(child, work);
  while (!all.empty()) {
    std::vector<pollfd> pipes;
    for (const Child& child : all) pipes.push_back({child.pipe, POLLIN, 0});
    if (::poll(pipes.data(), pipes.size(), -1) < 0) continue;
    for (std::size_t i = all.size(); i-- > 0;)
      if (pipes[i].revents != 0 && !listen(all[i], work, done)) all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace takt::crash
