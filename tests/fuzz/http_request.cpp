// links: takt_http takt_test_sockets
// Any bytes as a request to the real HTTP server, over loopback. It answers or closes, at once: the whole request is there.

#include <optional>
#include <stdexcept>

#include "broker/http/http_server.h"
#include "proto/check.h"
#include "tests/support/raw_socket.h"

namespace {

std::unique_ptr<takt::http::HttpServer> open_server() {
  takt::http::Pages pages;
  pages.metrics = [](std::uint64_t refused) { return takt::http::Page{200, "text/plain", std::to_string(refused)}; };
  pages.live = pages.ready = [] { return takt::http::Page{200, "text/plain", "yes\n"}; };
  auto server = takt::http::HttpServer::open("127.0.0.1", 0, std::move(pages));
  takt::check(server.has_value(), "a port is free");
  return std::move(*server);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto server = open_server();
  std::optional<takt::testing::RawSocket> socket;
  try {
    socket.emplace(server->port());
  } catch (const std::runtime_error&) {
    return -1;   // loopback has no port left until those of earlier connections are free again: this input is passed over
  }
  socket->send(std::as_bytes(std::span(data, size)));
  socket->finish();
  const std::string answer = socket->receive_all(std::chrono::seconds(20));
  takt::check(answer.empty() || answer.starts_with("HTTP/1.1 "), "it speaks HTTP or nothing");
  return 0;
}
