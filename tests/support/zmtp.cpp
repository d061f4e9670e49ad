#include "tests/support/zmtp.h"

#include <algorithm>

namespace takt::testing {
namespace {

constexpr int flag_more = 1;
constexpr int flag_long = 2;
constexpr int flag_command = 4;
constexpr std::size_t short_bytes_max = 255;
constexpr std::size_t greeting_bytes = 64;

void append_head(Bytes& to, int flags, std::uint64_t bytes) {
  if (bytes <= short_bytes_max) return append(to, bytes_of({flags, static_cast<int>(bytes)}));
  to.push_back(static_cast<std::byte>(flags | flag_long));
  for (int shift = 56; shift >= 0; shift -= 8) to.push_back(static_cast<std::byte>(bytes >> shift));
}

int more_flag(More more) { return more == More::kFollows ? flag_more : 0; }

}  // namespace

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

Bytes bytes_of(std::string_view text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

void append(Bytes& to, std::span<const std::byte> more) { to.insert(to.end(), more.begin(), more.end()); }

Bytes random_bytes(std::mt19937& random, std::size_t count) {
  Bytes bytes(count);
  std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random()); });
  return bytes;
}

Bytes zmtp_greeting(std::string_view mechanism) {
  Bytes bytes = bytes_of({0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0});
  append(bytes, bytes_of(mechanism));
  bytes.resize(greeting_bytes);
  return bytes;
}

Bytes zmtp_ready(std::string_view identity) {
  Bytes properties;
  const auto property = [&](std::string_view name, std::string_view value) {
    properties.push_back(static_cast<std::byte>(name.size()));
    append(properties, bytes_of(name));
    append(properties, bytes_of({0, 0, 0, static_cast<int>(value.size())}));
    append(properties, bytes_of(value));
  };
  property("Socket-Type", "DEALER");
  if (!identity.empty()) property("Identity", identity);
  return zmtp_command("READY", properties);
}

Bytes zmtp_command(std::string_view name, std::span<const std::byte> rest) {
  Bytes bytes;
  append_head(bytes, flag_command, 1 + name.size() + rest.size());
  bytes.push_back(static_cast<std::byte>(name.size()));
  append(bytes, bytes_of(name));
  append(bytes, rest);
  return bytes;
}

void append_frame(Bytes& to, std::span<const std::byte> body, More more) {
  append_head(to, more_flag(more), body.size());
  append(to, body);
}

Bytes zmtp_frame(std::span<const std::byte> body, More more) {
  Bytes bytes;
  append_frame(bytes, body, more);
  return bytes;
}

Bytes zmtp_long_head(std::uint64_t bytes, More more) {
  Bytes head = bytes_of({more_flag(more) | flag_long});
  for (int shift = 56; shift >= 0; shift -= 8) head.push_back(static_cast<std::byte>(bytes >> shift));
  return head;
}

}  // namespace takt::testing
