#pragma once
// Envelopes that our encoder would never write, byte by byte.

#include <cstdint>
#include <string_view>
#include <vector>

#include "proto/messages.h"
#include "proto/shared_bytes.h"

namespace takt::proto {

class RawMsgpack {
 public:
  RawMsgpack& byte(unsigned value) {
    bytes_.push_back(static_cast<std::byte>(value));
    return *this;
  }
  RawMsgpack& number(std::uint64_t value) {
    byte(0xCF);
    for (int shift = 56; shift >= 0; shift -= 8) byte((value >> shift) & 0xFF);
    return *this;
  }
  RawMsgpack& text(std::string_view value) {
    byte(0xDA).byte(static_cast<unsigned>(value.size() >> 8)).byte(value.size() & 0xFF);
    return raw(value);
  }
  RawMsgpack& binary(std::string_view value) {
    byte(0xC4).byte(static_cast<unsigned>(value.size()));
    return raw(value);
  }
  RawMsgpack& raw(std::string_view value) {
    for (const char c : value) byte(static_cast<unsigned char>(c));
    return *this;
  }
  RawMsgpack& array(std::uint32_t elements) { return count(0xDD, elements); }
  RawMsgpack& map(std::uint32_t pairs) { return count(0xDF, pairs); }
  RawMsgpack& nil() { return byte(0xC0); }
  /// Version, type and correlation id 9; the body follows.
  RawMsgpack& head(MessageType type) { return byte(0x94).byte(1).number(static_cast<std::uint8_t>(type)).byte(9); }

  operator ByteView() const { return bytes_; }

 private:
  RawMsgpack& count(unsigned marker, std::uint32_t n) {
    return byte(marker).byte(n >> 24).byte((n >> 16) & 0xFF).byte((n >> 8) & 0xFF).byte(n & 0xFF);
  }

  std::vector<std::byte> bytes_;
};

}  // namespace takt::proto
