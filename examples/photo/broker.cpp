#include "examples/photo/broker.h"

#include <poll.h>
#include <takt/admin.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace photo {
namespace {

using namespace std::chrono_literals;

constexpr auto start_timeout = 30s;
constexpr int look_again_ms = 20;

/// taktd chose the port; its log is where it says which.
Result<std::string> wait_for_address(Process& process) {
  const auto until = std::chrono::steady_clock::now() + start_timeout;
  while (std::chrono::steady_clock::now() < until) {
    if (auto address = ready_address(process.log())) return *std::move(address);
    if (const auto end = process.poll_end()) return problem("taktd ended at once with " + end->text() + ":\n" + log_tail(process.log(), 5));
    ::poll(nullptr, 0, look_again_ms);
  }
  return problem("taktd was not ready within 30 s:\n" + log_tail(process.log(), 5));
}

}  // namespace

Result<Broker> Broker::start(const std::filesystem::path& program, const RunFolder& run) {
  auto process = Process::start(
      {.name = "taktd",
       .program = program,
       .arguments = {"--data", run.data().string(), "--listen", "tcp://127.0.0.1:0", "--http", "off", "--log-format", "json"},
       .log = run.logs() / "taktd.log"});
  if (!process) return takt::failed(process.error());
  auto server = wait_for_address(*process);
  if (!server) return takt::failed(server.error());
  auto admin = takt::Admin::open({.server = *server, .name = "photo-demo"});
  if (!admin) return problem(admin.error().text());
  if (const auto answer = admin->broker(); !answer) return problem("taktd does not answer at " + *server + ": " + answer.error().text());
  return Broker(*std::move(process), *std::move(server));
}

std::optional<std::string> ready_address(const std::filesystem::path& log) {
  std::ifstream in(log);
  for (std::string line; std::getline(in, line) && !in.eof();) {
    const auto entry = nlohmann::json::parse(line, nullptr, false);
    if (entry.is_object() && entry.value("event", "") == "ready") return entry.value("listen", "");
  }
  return std::nullopt;
}

}  // namespace photo
