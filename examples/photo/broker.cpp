#include "examples/photo/broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <takt/admin.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace photo {
namespace {

using namespace std::chrono_literals;

constexpr int starts_max = 3;
constexpr auto start_timeout = 30s;

/// Two different ports that nobody listened on a moment ago.
Result<std::pair<int, int>> free_ports() {
  std::pair<int, int> ports;
  int sockets[2] = {-1, -1};
  int error = 0;
  for (int i = 0; i < 2 && error == 0; ++i) {
    sockets[i] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (sockets[i] < 0 || ::bind(sockets[i], generic, length) != 0 || ::getsockname(sockets[i], generic, &length) != 0) error = errno;
    (i == 0 ? ports.first : ports.second) = ntohs(address.sin_port);
  }
  for (const int socket : sockets) {
    if (socket >= 0) ::close(socket);
  }
  if (error != 0) return problem(std::string("no free port on 127.0.0.1: ") + std::strerror(error));
  return ports;
}

Result<void> wait_until_it_answers(Process& process, const std::string& server) {
  auto admin = takt::Admin::open({.server = server, .name = "photo-demo", .timeout = 500ms});
  if (!admin) return problem(admin.error().text());
  const auto until = std::chrono::steady_clock::now() + start_timeout;
  while (std::chrono::steady_clock::now() < until) {
    if (const auto end = process.poll_end()) return problem("taktd ended at once with " + end->text() + ":\n" + log_tail(process.log(), 5));
    if (admin->broker()) return {};
  }
  return problem("taktd does not answer at " + server + ":\n" + log_tail(process.log(), 5));
}

}  // namespace

Result<Broker> Broker::start(const std::filesystem::path& program, const RunFolder& run) {
  Problem last;
  // Somebody else may take a port between our look and taktd's bind.
  for (int tries = 0; tries < starts_max; ++tries) {
    const auto ports = free_ports();
    if (!ports) return takt::failed(ports.error());
    const std::string server = "tcp://127.0.0.1:" + std::to_string(ports->first);
    auto process = Process::start({.name = "taktd",
                                   .program = program,
                                   .arguments = {"--data", run.data().string(), "--listen", server, "--http", "127.0.0.1:" + std::to_string(ports->second)},
                                   .log = run.logs() / "taktd.log"});
    if (!process) return takt::failed(process.error());
    auto answers = wait_until_it_answers(*process, server);
    if (answers) return Broker(*std::move(process), server);
    last = answers.error();
  }
  return takt::failed(last);
}

}  // namespace photo
