#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace takt {

using ByteView = std::span<const std::byte>;

inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline ByteView as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

/// Immutable bytes that several queues hold: a window into a buffer that lives as long as any window does.
/// Thread: any; the bytes never change after construction.
struct SharedBytes {
  std::shared_ptr<const void> owner;
  ByteView bytes;

  /// Takes over `buffer`.
  static SharedBytes own(std::vector<std::byte> buffer) {
    auto kept = std::make_shared<const std::vector<std::byte>>(std::move(buffer));
    return {kept, ByteView(*kept)};
  }
  /// A window of `length` bytes from `from`, sharing the owner.
  SharedBytes slice(std::size_t from, std::size_t length) const { return {owner, bytes.subspan(from, length)}; }
  std::size_t size() const { return bytes.size(); }
};

}  // namespace takt
