#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/result.h"

namespace takt::runtime {

/// Where to listen. `host` is an address, `localhost`, `*` or an interface's name, without brackets.
struct Address {
  std::string host;
  std::uint16_t port = 0;   ///< 0: the system chooses
  friend bool operator==(const Address&, const Address&) = default;
};

/// `tcp://host:port`, with [] around an IPv6 address. The error says what is wrong and what it should look like.
Result<Address, std::string> parse_endpoint(std::string_view text);
/// `host:port`.
Result<Address, std::string> parse_host_port(std::string_view text);
/// Only this machine can reach it.
bool is_loopback(const Address& address);

}  // namespace takt::runtime
