#include "examples/photo/broker.h"

#include <poll.h>
#include <takt/admin.h>

#include <fstream>

namespace photo {
namespace {

using namespace std::chrono_literals;

constexpr auto start_timeout = 30s;
constexpr int look_again_ms = 20;

/// taktd chose the port.
Result<std::string> wait_for_address(Process& process, const std::filesystem::path& data) {
  const auto until = std::chrono::steady_clock::now() + start_timeout;
  while (std::chrono::steady_clock::now() < until) {
    if (auto endpoints = read_endpoints(data)) return std::move(endpoints->clients);
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
  auto server = wait_for_address(*process, run.data());
  if (!server) return takt::failed(server.error());
  auto admin = takt::Admin::open({.server = *server, .name = "photo-demo"});
  if (!admin) return problem(admin.error().text());
  if (const auto answer = admin->broker(); !answer) return problem("taktd does not answer at " + *server + ": " + answer.error().text());
  return Broker(*std::move(process), *std::move(server));
}

std::optional<Endpoints> read_endpoints(const std::filesystem::path& data) {
  std::ifstream in(data / "endpoints");
  Endpoints endpoints;
  for (std::string name, address; in >> name >> address;) {
    if (name == "clients") endpoints.clients = address;
    if (name == "http") endpoints.http = address;
  }
  return endpoints.clients.empty() ? std::nullopt : std::optional(std::move(endpoints));
}

}  // namespace photo
