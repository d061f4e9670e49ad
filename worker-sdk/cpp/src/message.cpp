#include "takt/message.h"

#include <charconv>
#include <exception>

#include "proto/error_code.h"
#include "proto/limits.h"

namespace takt {
namespace {

std::string_view type_name(const msgpack::object& value) {
  switch (value.type) {
    case msgpack::type::NIL: return "nil";
    case msgpack::type::BOOLEAN: return "boolean";
    case msgpack::type::POSITIVE_INTEGER:
    case msgpack::type::NEGATIVE_INTEGER: return "integer";
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64: return "number";
    case msgpack::type::STR: return "string";
    case msgpack::type::BIN: return "bytes";
    case msgpack::type::ARRAY: return "array";
    case msgpack::type::MAP: return "map";
    case msgpack::type::EXT: return "extension";
  }
  return "unknown";
}

const msgpack::object* find_field(const msgpack::object& map, std::string_view name) {
  if (map.type != msgpack::type::MAP) return nullptr;
  for (std::uint32_t i = 0; i < map.via.map.size; ++i) {
    const msgpack::object& key = map.via.map.ptr[i].key;
    if (key.type == msgpack::type::STR && std::string_view(key.via.str.ptr, key.via.str.size) == name) return &map.via.map.ptr[i].val;
  }
  return nullptr;
}

/// What the field wants, told by a default-constructed job; an empty optional does not tell.
std::string expectation(const msgpack::object* sample, const msgpack::object& received) {
  if (sample == nullptr || sample->type == msgpack::type::NIL) return "does not accept " + std::string(type_name(received));
  if (type_name(*sample) == type_name(received)) return std::string(type_name(received)) + " out of range or of the wrong shape";
  return "expected " + std::string(type_name(*sample)) + ", got " + std::string(type_name(received));
}

}  // namespace

std::string MessageId::text() const { return std::to_string(partition) + "-" + std::to_string(position); }

std::optional<MessageId> MessageId::parse(std::string_view text) {
  MessageId id;
  const char* const end = text.data() + text.size();
  const auto [dash, partition_error] = std::from_chars(text.data(), end, id.partition);
  if (partition_error != std::errc{} || dash == end || *dash != '-') return std::nullopt;
  const auto [rest, position_error] = std::from_chars(dash + 1, end, id.position);
  if (position_error != std::errc{} || rest != end) return std::nullopt;
  return id;
}

namespace detail {

Error bad_payload(std::string message) {
  return {static_cast<std::uint16_t>(ErrorCode::kBadPayload), "bad_payload", std::move(message), {}, ErrorOutcome::kRefused};
}

// A struct ignores missing fields, so a map of one field alone shows whether that field fits.
std::string describe_mismatch(std::string_view kind, const msgpack::object& received, const msgpack::object& sample,
                              bool (*accepts)(const msgpack::object&)) {
  const std::string prefix = std::string(kind) + ": ";
  if (received.type != msgpack::type::MAP) return prefix + "expected a map of fields, got " + std::string(type_name(received));
  for (std::uint32_t i = 0; i < received.via.map.size; ++i) {
    msgpack::object_kv field = received.via.map.ptr[i];
    if (field.key.type != msgpack::type::STR) return prefix + "expected field names as strings, got " + std::string(type_name(field.key));
    msgpack::object alone;
    alone.type = msgpack::type::MAP;
    alone.via.map.size = 1;
    alone.via.map.ptr = &field;
    if (accepts(alone)) continue;
    const std::string_view name(field.key.via.str.ptr, field.key.via.str.size);
    return prefix + "field '" + std::string(name) + "': " + expectation(find_field(sample, name), field.val);
  }
  return prefix + "the payload does not fit";
}

Result<msgpack::object_handle> unpack_exactly(std::string_view kind, std::span<const std::byte> bytes) {
  const auto refuse = [&](std::string_view what) { return failed(bad_payload(std::string(kind) + ": " + std::string(what))); };
  if (bytes.empty()) return refuse("the payload is empty, expected a msgpack map");
  // A count can't exceed the bytes that follow it: five bytes must not ask for gigabytes.
  const std::size_t bound = bytes.size();
  const msgpack::unpack_limit limit(bound, bound, bound, bound, bound, 32);
  try {
    std::size_t used = 0;
    bool referenced = false;
    msgpack::object_handle handle =
        msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size(), used, referenced, nullptr, nullptr, limit);
    if (used != bytes.size()) return refuse("the payload goes on after its msgpack value");
    return handle;
  } catch (const msgpack::insufficient_bytes&) {
    return refuse("the payload ends inside its msgpack value");
  } catch (const std::exception&) {
    return refuse("the payload is not msgpack");
  }
}

}  // namespace detail
}  // namespace takt
