#include "broker/transport/handshake.h"

#include <strings.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "proto/shared_bytes.h"

namespace takt::transport {
namespace {

constexpr std::size_t greeting_bytes = 64;
constexpr std::byte signature_first{0xFF};
constexpr std::size_t signature_last_at = 9;
constexpr std::byte signature_last{0x7F};
constexpr std::size_t version_at = 10;
constexpr std::byte version{3};
constexpr std::byte long_frame{0x02};
constexpr std::size_t ready_bytes_max = 1024;
constexpr std::string_view ready = "\5READY";
constexpr std::string_view routing_id = "Identity";

/// Takes numbers and texts from the front of bytes.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

  bool empty() const { return left_.empty(); }
  std::optional<std::span<const std::byte>> take(std::uint64_t count) {
    if (count > left_.size()) return std::nullopt;
    const auto taken = left_.first(static_cast<std::size_t>(count));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  /// Big-endian.
  std::optional<std::uint64_t> number(std::size_t bytes) {
    const auto taken = take(bytes);
    if (!taken) return std::nullopt;
    std::uint64_t value = 0;
    for (const std::byte byte : *taken) value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return value;
  }

 private:
  std::span<const std::byte> left_;
};

Handshake::Verdict verdict_on(std::span<const std::byte> properties) {
  auto verdict = Handshake::Verdict::kPlain;
  for (Reader reader(properties); !reader.empty();) {
    const auto name_bytes = reader.number(1);
    const auto name = name_bytes ? reader.take(*name_bytes) : std::nullopt;
    const auto value_bytes = name ? reader.number(4) : std::nullopt;
    const auto value = value_bytes ? reader.take(*value_bytes) : std::nullopt;
    if (!value) return Handshake::Verdict::kForeign;
    const bool is_routing_id =
        name->size() == routing_id.size() && strncasecmp(as_text(*name).data(), routing_id.data(), name->size()) == 0;
    if (is_routing_id && !value->empty()) verdict = Handshake::Verdict::kNamesRoutingId;
  }
  return verdict;
}

}  // namespace

Handshake::Verdict Handshake::read(std::span<const std::byte> bytes) {
  constexpr std::size_t said_bytes_max = greeting_bytes + 9 + ready_bytes_max;
  said_.insert(said_.end(), bytes.begin(),
               bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), said_bytes_max - said_.size())));
  if (!said_.empty() && said_.front() != signature_first) return Verdict::kForeign;
  if (said_.size() > signature_last_at && said_[signature_last_at] != signature_last) return Verdict::kForeign;
  if (said_.size() > version_at && said_[version_at] < version) return Verdict::kForeign;
  if (said_.size() <= greeting_bytes) return Verdict::kMore;

  Reader reader(ByteView(said_).subspan(greeting_bytes));
  const bool is_long = (reader.take(1)->front() & long_frame) != std::byte{0};
  const auto length = reader.number(is_long ? 8 : 1);
  if (!length) return Verdict::kMore;
  if (*length > ready_bytes_max || *length < ready.size()) return Verdict::kForeign;
  const auto body = reader.take(*length);
  if (!body) return Verdict::kMore;
  if (as_text(body->first(ready.size())) != ready) return Verdict::kForeign;
  return verdict_on(body->subspan(ready.size()));
}

}  // namespace takt::transport
