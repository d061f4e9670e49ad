#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace takt::transport {

/// Reads along with what a peer says before its first message, by ZMTP 3.x (rfc.zeromq.org/spec/23 and 37): a greeting of 64 bytes,
/// then with the mechanism NULL a command READY with properties. It takes the property Identity its name, so that whoever receives
/// the bytes after this sees no routing id. Pure. Thread: one.
class Handshake {
 public:
  enum class Verdict : std::uint8_t {
    kMore,      ///< goes on
    kWhole,     ///< READY was the last of these bytes, or before them
    kForeign,   ///< no ZMTP 3.x, no READY, or a malformed one
  };
  /// The next bytes, in whatever pieces; the name's last byte is changed in them. The first verdict but kMore is the last.
  Verdict read(std::span<std::byte> bytes);

  /// A routing id was announced, and taken away.
  bool has_named() const { return has_named_; }

 private:
  enum class Stage : std::uint8_t { kGreeting, kFlags, kLength, kCommand, kNameLength, kName, kValueLength, kValue };

  Verdict take(std::byte& byte);
  Verdict take_property(std::byte& byte);
  void enter(Stage stage) {
    stage_ = stage;
    at_ = 0;
    number_ = 0;
  }

  Stage stage_ = Stage::kGreeting;
  std::size_t at_ = 0;             ///< bytes of this stage that were taken
  std::uint64_t number_ = 0;       ///< of the length that is being read
  std::size_t length_bytes_ = 1;
  std::uint64_t left_ = 0;         ///< of the command
  std::size_t name_bytes_ = 0;
  std::uint64_t value_left_ = 0;
  bool is_routing_id_ = false;     ///< the name so far, then the name
  bool has_named_ = false;
};

}  // namespace takt::transport
