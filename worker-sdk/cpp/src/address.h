#pragma once

#include <string>
#include <string_view>

#include "takt/error.h"

namespace takt::sdk {

/// What ZeroMQ connects to, from `tcp://host:port`, `takt://host:port`, `host:port`, `ipc:///path` or one of the first
/// three without a port (7400). Errors: bad_address, saying which part is wrong.
Result<std::string> parse_address(std::string_view server);

}  // namespace takt::sdk
