#include "tests/support/broker_process.h"

#include <signal.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "examples/photo/broker.h"
#include "tests/support/deadline.h"
#include "tests/support/raw_socket.h"

namespace takt::testing {
namespace {

using namespace std::chrono_literals;

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Process start_taktd(const std::filesystem::path& log, std::vector<std::string> arguments,
                    std::optional<std::uint32_t> descriptors_max = std::nullopt, std::vector<std::string> environment = {}) {
  std::filesystem::path program = TAKTD_PATH;
  if (descriptors_max) {
    arguments.insert(arguments.begin(), {"--nofile=" + std::to_string(*descriptors_max), program.string()});
    program = "/usr/bin/prlimit";
  }
  auto process = Process::start(
      {.name = "taktd", .program = program, .arguments = std::move(arguments), .log = log, .environment = std::move(environment)});
  if (!process) throw std::runtime_error(process.error().text);
  return *std::move(process);
}

}  // namespace

BrokerProcess::BrokerProcess(BrokerOptions options) : options_(std::move(options)), server_("tcp://127.0.0.1:0") { start(); }

std::filesystem::path BrokerProcess::log() const { return options_.folder / ("taktd-" + std::to_string(starts_) + ".log"); }
std::string BrokerProcess::log_text() const { return text_of(log()); }

Process BrokerProcess::launch() {
  ++starts_;
  std::vector<std::string> arguments{"--data", data().string(), "--listen", server_, "--http", "127.0.0.1:0", "--log-format", "json"};
  // A map of 1 TiB does not fit beside ThreadSanitizer's shadow.
  for (const char* setting : {"store.map_bytes=1GiB", "store.bytes_max=512MiB", "store.ballast_bytes=1MiB"})
    arguments.insert(arguments.end(), {"--set", setting});
  for (const auto& setting : options_.settings) arguments.insert(arguments.end(), {"--set", setting});
  return start_taktd(log(), std::move(arguments), options_.descriptors_max, options_.environment);
}

void BrokerProcess::start() {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    process_.reset();
    std::filesystem::remove(data() / "endpoints");  // of the start before
    process_.emplace(launch());
    std::optional<photo::Endpoints> endpoints;
    wait_until([&] { return (endpoints = photo::read_endpoints(data())) || !process_->is_running(); });
    if (endpoints) {
      server_ = endpoints->clients;
      http_port_ = port_of(endpoints->http);
      return;
    }
    // A client that tries to reconnect can be given the very port by the kernel, for an instant.
    const bool port_taken = starts_ > 1 && log_text().find("TK5004") != std::string::npos;
    if (!port_taken || std::chrono::steady_clock::now() > until) throw std::runtime_error("taktd did not become ready:\n" + log_text());
  }
}

void BrokerProcess::kill() { process_->kill(); }

void BrokerProcess::terminate() const { ::kill(process_->pid(), SIGTERM); }

std::optional<ProcessEnd> BrokerProcess::stop(std::chrono::milliseconds grace) {
  terminate();
  return process_->wait_end(grace);
}

RefusedStart run_taktd(const std::filesystem::path& log, const std::vector<std::string>& arguments) {
  Process process = start_taktd(log, arguments);
  const auto end = process.wait_end(patience);
  return {end ? *end : process.kill(), text_of(log)};
}

}  // namespace takt::testing
