#include "broker/runtime/address.h"

#include <arpa/inet.h>

#include "broker/runtime/quantity.h"

namespace takt::runtime {
namespace {

constexpr std::string_view scheme = "tcp://";
constexpr std::string_view endpoint_form = "write tcp://host:port, for example tcp://127.0.0.1:7400";
constexpr std::string_view host_port_form = "write host:port, for example 127.0.0.1:7480";

std::string with_form(std::string_view what, std::string_view form) { return std::string(what) + ": " + std::string(form); }

/// `form` says what the whole of which `text` is the end should look like.
Result<Address, std::string> parse_host_and_port(std::string_view text, std::string_view form) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return failed(with_form("has no port", form));
  const auto port = parse_count(text.substr(colon + 1));
  if (!port || *port > 65'535)
    return failed("has no valid port: \"" + std::string(text.substr(colon + 1)) + "\" is not a number from 0 to 65535");
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty()) return failed(with_form("has no host", form));
  const bool has_colon = host.find(':') != std::string_view::npos;
  in6_addr parsed{};
  if (has_colon && (!is_bracketed || inet_pton(AF_INET6, std::string(host).c_str(), &parsed) != 1))
    return failed("has no valid host: an IPv6 address stands in brackets, as in [::1]:7400");
  if (host.find_first_of(" \t/\"'[]") != std::string_view::npos) return failed("has no valid host: \"" + std::string(host) + "\"");
  return Address{std::string(host), static_cast<std::uint16_t>(*port)};
}

}  // namespace

Result<Address, std::string> parse_endpoint(std::string_view text) {
  if (!text.starts_with(scheme)) return failed(with_form("does not begin with " + std::string(scheme), endpoint_form));
  return parse_host_and_port(text.substr(scheme.size()), endpoint_form);
}

Result<Address, std::string> parse_host_port(std::string_view text) {
  if (text.find("://") != std::string_view::npos) return failed(with_form("has a scheme, and none stands here", host_port_form));
  return parse_host_and_port(text, host_port_form);
}

bool is_loopback(const Address& address) {
  if (address.host == "localhost" || address.host == "::1" || address.host == "lo") return true;
  in_addr v4{};
  return inet_pton(AF_INET, address.host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

}  // namespace takt::runtime
