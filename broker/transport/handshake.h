#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace takt::transport {

/// What a peer says before its first message, by ZMTP 3.x (rfc.zeromq.org/spec/23 and 37): a greeting of 64 bytes, then with the
/// mechanism NULL a command READY with properties. Reads it as it comes, whatever the pieces. Pure. Thread: one.
class Handshake {
 public:
  enum class Verdict : std::uint8_t {
    kMore,             ///< goes on
    kPlain,            ///< whole, and without a routing id
    kNamesRoutingId,   ///< has a property Identity with a value
    kForeign,          ///< no ZMTP 3.x, no READY, or one that is malformed or longer than any client's
  };
  /// The first verdict but kMore is the last.
  Verdict read(std::span<const std::byte> bytes);

 private:
  std::vector<std::byte> said_;
};

}  // namespace takt::transport
