#include "broker/transport/handshake.h"

#include <cctype>
#include <string_view>

namespace takt::transport {
namespace {

constexpr std::size_t greeting_bytes = 64;
constexpr std::size_t signature_last_at = 9;
constexpr std::size_t version_at = 10;
constexpr std::byte version{3};
constexpr std::byte long_frame{0x02};
constexpr std::size_t long_length_bytes = 8;
constexpr std::size_t value_length_bytes = 4;
constexpr std::string_view ready = "\5READY";
constexpr std::string_view routing_id = "identity";
constexpr std::byte no_letter_of_it{'_'};

bool is_in_greeting(std::size_t at, std::byte byte) {
  if (at == 0) return byte == std::byte{0xFF};
  if (at == signature_last_at) return byte == std::byte{0x7F};
  return at != version_at || byte >= version;
}

}  // namespace

Handshake::Verdict Handshake::read(std::span<std::byte> bytes) {
  for (std::byte& byte : bytes)
    if (const Verdict verdict = take(byte); verdict != Verdict::kMore) return verdict;
  return Verdict::kMore;
}

Handshake::Verdict Handshake::take(std::byte& byte) {
  switch (stage_) {
    case Stage::kGreeting:
      if (!is_in_greeting(at_, byte)) return Verdict::kForeign;
      if (++at_ == greeting_bytes) enter(Stage::kFlags);
      return Verdict::kMore;
    case Stage::kFlags:
      length_bytes_ = (byte & long_frame) != std::byte{0} ? long_length_bytes : 1;
      enter(Stage::kLength);
      return Verdict::kMore;
    case Stage::kLength:
      number_ = number_ << 8 | std::to_integer<std::uint64_t>(byte);
      if (++at_ < length_bytes_) return Verdict::kMore;
      left_ = number_;
      enter(Stage::kCommand);
      return left_ < ready.size() ? Verdict::kForeign : Verdict::kMore;
    case Stage::kCommand:
      if (byte != static_cast<std::byte>(ready[at_])) return Verdict::kForeign;
      --left_;
      if (++at_ < ready.size()) return Verdict::kMore;
      enter(Stage::kNameLength);
      return left_ == 0 ? Verdict::kWhole : Verdict::kMore;
    default: return take_property(byte);
  }
}

Handshake::Verdict Handshake::take_property(std::byte& byte) {
  switch (stage_) {
    case Stage::kNameLength:
      name_bytes_ = std::to_integer<std::size_t>(byte);
      is_routing_id_ = name_bytes_ == routing_id.size();
      enter(name_bytes_ > 0 ? Stage::kName : Stage::kValueLength);
      break;
    case Stage::kName:
      is_routing_id_ = is_routing_id_ && std::tolower(std::to_integer<int>(byte)) == routing_id[at_];
      if (++at_ < name_bytes_) break;
      if (is_routing_id_) byte = no_letter_of_it;
      enter(Stage::kValueLength);
      break;
    case Stage::kValueLength:
      number_ = number_ << 8 | std::to_integer<std::uint64_t>(byte);
      if (++at_ < value_length_bytes) break;
      value_left_ = number_;
      has_named_ = has_named_ || (is_routing_id_ && value_left_ > 0);
      enter(value_left_ > 0 ? Stage::kValue : Stage::kNameLength);
      break;
    default:
      if (--value_left_ == 0) enter(Stage::kNameLength);
  }
  if (--left_ > 0) return Verdict::kMore;
  return stage_ == Stage::kNameLength ? Verdict::kWhole : Verdict::kForeign;
}

}  // namespace takt::transport
