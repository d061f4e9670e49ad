// takt_check: judges the ledgers of an end-to-end run by hand. Exit code 0: in order, 1: violations, 2: cannot be judged.

#include <CLI/CLI.hpp>
#include <iostream>

#include "tests/support/checker.h"

namespace {

using namespace takt::testing;

int check(const std::vector<std::filesystem::path>& paths, const CheckerOptions& options) {
  History history;
  for (const auto& path : paths) {
    const bool is_folder = std::filesystem::is_directory(path);
    const auto files = is_folder ? ledgers_in(path) : std::vector{path};
    if (files.empty()) throw std::runtime_error(path.string() + " has no file that ends in .ledger");
    for (const auto& file : files) for_each_entry(file, [&](const LedgerEntry& entry) { history.enter(entry); });
  }
  history.close();
  const Verdict verdict = judge(history, options);
  std::cout << verdict << '\n';
  return verdict.violations.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> paths;
  CheckerOptions options{.groups = {"g"}};
  std::size_t session_timeout = 10'000;
  std::size_t heartbeat = 3'000;
  CLI::App app("takt_check: judges ledgers of end-to-end runs; docs/testing.md tells what it looks for");
  app.add_option("PATH", paths, "ledgers, or folders of them: give all of one run together")->required()->check(CLI::ExistingPath);
  app.add_option("--group", options.groups, "a group that must have finished all that was acknowledged")->capture_default_str();
  app.add_option("--once", options.run_once_marker, "messages with this in their payload must have begun once");
  app.add_option("--delay", options.delay_marker, "the number behind this in a payload is its message's delay in ms");
  app.add_option("--session-timeout-ms", session_timeout, "the broker's")->capture_default_str();
  app.add_option("--heartbeat-ms", heartbeat, "the broker's")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  options.session_timeout = std::chrono::milliseconds(session_timeout);
  options.heartbeat = std::chrono::milliseconds(heartbeat);
  try {
    return check(paths, options);
  } catch (const std::exception& failure) {
    std::cerr << "takt_check: " << failure.what() << '\n';
    return 2;
  }
}
