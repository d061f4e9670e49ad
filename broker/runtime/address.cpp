#include "broker/runtime/address.h"

#include <arpa/inet.h>

#include "broker/runtime/quantity.h"

namespace takt::runtime {

Result<Address, std::string> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return failed(std::string("has no port: write host:port, for example 127.0.0.1:7480"));
  const auto port = parse_count(text.substr(colon + 1));
  if (!port || *port > 65'535)
    return failed("has no valid port: \"" + std::string(text.substr(colon + 1)) + "\" is not a number from 0 to 65535");
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty()) return failed(std::string("has no host: write host:port, for example 127.0.0.1:7480"));
  const bool has_colon = host.find(':') != std::string_view::npos;
  in6_addr parsed{};
  if (has_colon && (!is_bracketed || inet_pton(AF_INET6, std::string(host).c_str(), &parsed) != 1))
    return failed("has no valid host: an IPv6 address stands in brackets, as in [::1]:7400");
  if (host.find_first_of(" \t/\"'[]") != std::string_view::npos) return failed("has no valid host: \"" + std::string(host) + "\"");
  return Address{std::string(host), static_cast<std::uint16_t>(*port)};
}

Result<Address, std::string> parse_endpoint(std::string_view text) {
  constexpr std::string_view scheme = "tcp://";
  if (!text.starts_with(scheme))
    return failed(std::string("does not begin with tcp://: write tcp://host:port, for example tcp://127.0.0.1:7400"));
  return parse_host_port(text.substr(scheme.size()));
}

bool is_loopback(const Address& address) {
  if (address.host == "localhost" || address.host == "::1" || address.host == "lo") return true;
  in_addr v4{};
  return inet_pton(AF_INET, address.host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

}  // namespace takt::runtime
