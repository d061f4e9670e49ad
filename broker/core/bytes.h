#pragma once
// Varint and big-endian coding for events, rows and keys. Reading is total: past the end or out of range, the reader
// turns bad and stays so; ask ok() once at the end.

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/ids.h"

namespace takt::core {

class ByteWriter {
 public:
  ByteWriter& u8(std::uint8_t v) {
    out_.push_back(static_cast<char>(v));
    return *this;
  }
  /// LEB128, 1 to 10 bytes.
  ByteWriter& varint(std::uint64_t v) {
    while (v >= 0x80) {
      u8(static_cast<std::uint8_t>(v | 0x80));
      v >>= 7;
    }
    return u8(static_cast<std::uint8_t>(v));
  }
  /// Zigzag over LEB128.
  ByteWriter& signed_varint(std::int64_t v) { return varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63)); }
  ByteWriter& text(std::string_view v) {
    varint(v.size());
    out_.append(v);
    return *this;
  }
  ByteWriter& raw(std::string_view v) {
    out_.append(v);
    return *this;
  }
  /// Fixed width, big-endian: sorts as the number does.
  template <class Integer>
  ByteWriter& key(Integer v) {
    for (int shift = static_cast<int>(sizeof(v)) * 8 - 8; shift >= 0; shift -= 8) u8(static_cast<std::uint8_t>(v >> shift));
    return *this;
  }
  template <class Tag, class Rep>
  ByteWriter& key(StrongId<Tag, Rep> v) {
    return key(v.value);
  }
  template <class Tag, class Rep>
  ByteWriter& id(StrongId<Tag, Rep> v) {
    return varint(v.value);
  }

  std::size_t size() const { return out_.size(); }
  const std::string& bytes() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t u8() {
    if (rest_.empty()) return fail<std::uint8_t>();
    const auto v = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return v;
  }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = u8();
      if (!ok_ || (shift == 63 && byte > 1)) return fail<std::uint64_t>();
      v |= std::uint64_t{byte & 0x7Fu} << shift;
      if ((byte & 0x80u) == 0) return v;
    }
    return fail<std::uint64_t>();
  }
  /// A varint that must fit `Rep`.
  template <class Rep>
  Rep number() {
    const std::uint64_t v = varint();
    return static_cast<std::uint64_t>(static_cast<Rep>(v)) == v ? static_cast<Rep>(v) : fail<Rep>();
  }
  std::int64_t signed_varint() {
    const std::uint64_t v = varint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  std::string_view text() { return raw(varint()); }
  std::string_view raw(std::uint64_t length) {
    if (length > rest_.size()) return fail<std::string_view>();
    const std::string_view v = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return v;
  }
  template <class Integer>
  Integer key() {
    const std::string_view bytes = raw(sizeof(Integer));
    std::uint64_t v = 0;
    for (const char c : bytes) v = (v << 8) | static_cast<std::uint8_t>(c);
    return static_cast<Integer>(v);
  }
  template <class Id>
  Id key_id() {
    return Id(key<typename Id::rep>());
  }
  template <class Id>
  Id id() {
    return Id(number<typename Id::rep>());
  }

  bool ok() const { return ok_; }
  /// Everything was read, and nothing beyond it.
  bool finished() const { return ok_ && rest_.empty(); }
  std::size_t remaining() const { return rest_.size(); }

 private:
  template <class T>
  T fail() {
    ok_ = false;
    rest_ = {};
    return T{};
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace takt::core
