#pragma once
// What producers and workers both name: ids, attributes, and a payload as a plain struct.

#include <takt/error.h>
#include <cstdint>
#include <msgpack.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace takt {

/// A message's name for its whole life: the partition and its position in that partition's log.
struct MessageId {
  std::uint32_t partition = 0;
  std::uint64_t position = 0;

  /// `0-1042`
  std::string text() const;
  /// Reads text()'s form; none when it is not one.
  static std::optional<MessageId> parse(std::string_view text);
  friend auto operator<=>(const MessageId&, const MessageId&) = default;
};

using Attribute = std::variant<bool, std::int64_t, double, std::string>;
using Attributes = std::vector<std::pair<std::string, Attribute>>;

/// A payload type: a default-constructible struct with `static constexpr std::string_view kind = "photo.resize"` and
/// MSGPACK_DEFINE_MAP(field, ...). Its wire form is a msgpack map with field names, which other languages read.
template <class T>
concept Payload = std::is_default_constructible_v<T> &&
                  requires(const T& job, msgpack::packer<msgpack::sbuffer>& out, T& into, const msgpack::object& from) {
                    { std::string_view(T::kind) };
                    job.msgpack_pack(out);
                    into.msgpack_unpack(from);
                  };

namespace detail {

/// `photo.resize: field 'width': expected integer, got string`; names the first field that `accepts` refuses.
std::string describe_mismatch(std::string_view kind, const msgpack::object& received, const msgpack::object& sample,
                              bool (*accepts)(const msgpack::object&));
Error bad_payload(std::string message);
/// One msgpack value that takes all of `bytes`, within our limits of depth and size; the handle owns it.
Result<msgpack::object_handle> unpack_exactly(std::string_view kind, std::span<const std::byte> bytes);

template <Payload T>
bool accepts(const msgpack::object& value) noexcept {
  try {
    T into;
    value.convert(into);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace detail

/// The payload's bytes are `job` as a msgpack map.
template <Payload T>
msgpack::sbuffer pack_payload(const T& job) {
  msgpack::sbuffer out;
  msgpack::pack(out, job);
  return out;
}

/// Reads a T. Unknown fields are ignored, missing ones keep their defaults.
/// Errors: bad_payload, with the kind and the field that did not fit.
template <Payload T>
Result<T> unpack_payload(std::span<const std::byte> bytes) {
  auto handle = detail::unpack_exactly(T::kind, bytes);
  if (!handle) return tl::make_unexpected(std::move(handle.error()));
  try {
    T job;
    handle->get().convert(job);
    return job;
  } catch (const std::exception&) {
    msgpack::sbuffer sample = pack_payload(T{});
    const msgpack::object_handle sample_value = msgpack::unpack(sample.data(), sample.size());
    return tl::make_unexpected(
        detail::bad_payload(detail::describe_mismatch(T::kind, handle->get(), sample_value.get(), &detail::accepts<T>)));
  }
}

}  // namespace takt
