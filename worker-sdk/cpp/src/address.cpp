#include "worker-sdk/cpp/src/address.h"

#include <charconv>
#include <cstdint>

#include "worker-sdk/cpp/src/refusal.h"

namespace takt::sdk {
namespace {

constexpr std::string_view default_port = "7400";

auto refuse(std::string_view server, std::string_view what) {
  return tl::make_unexpected(make_error(ErrorCode::kBadAddress,
                                        "server '" + std::string(server) + "': " + std::string(what) + "; write it as tcp://127.0.0.1:7400",
                                        ErrorOutcome::kRefused));
}

}  // namespace

Result<std::string> parse_address(std::string_view server) {
  if (server.empty()) return refuse(server, "the address is empty");
  if (server.starts_with("ipc://")) return std::string(server);
  std::string_view rest = server;
  if (const std::size_t at = rest.find("://"); at != std::string_view::npos) {
    const std::string_view scheme = rest.substr(0, at);
    if (scheme != "tcp" && scheme != "takt") return refuse(server, "the scheme '" + std::string(scheme) + "' is not known");
    rest.remove_prefix(at + 3);
  }
  if (rest.find_first_of(" /?#@,") != std::string_view::npos) return refuse(server, "only host and port may follow the scheme");
  const std::size_t colon = rest.rfind(':');
  const bool bracketed = !rest.empty() && rest.back() == ']';
  std::string_view host = rest;
  std::string_view port = default_port;
  if (colon != std::string_view::npos && !bracketed) {
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
  }
  if (host.empty()) return refuse(server, "the host is missing");
  if (host.find(':') != std::string_view::npos && host.front() != '[') return refuse(server, "an IPv6 host needs brackets");
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65535) {
    return refuse(server, "the port '" + std::string(port) + "' is not a number from 1 to 65535");
  }
  return "tcp://" + std::string(host) + ":" + std::string(port);
}

}  // namespace takt::sdk
