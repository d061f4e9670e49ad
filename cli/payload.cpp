#include "cli/payload.h"

#include <algorithm>

#include "cli/table.h"

namespace takt::cli {
namespace {

using Binary = Json::binary_t;

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    text += digits[static_cast<std::size_t>(b >> 4)];
    text += digits[static_cast<std::size_t>(b & std::byte{0x0F})];
  }
  return text;
}

/// JSON has no byte strings: each becomes an object that says so.
void spell_out_binary(Json& value) {
  if (value.is_binary()) {
    const Binary& binary = value.get_binary();
    value = Json{{"hex", hex(std::as_bytes(std::span(binary.data(), binary.size())))}};
    return;
  }
  if (!value.is_structured()) return;
  for (auto& child : value) spell_out_binary(child);
}

/// Only maps and arrays: a single text byte is a valid msgpack number too.
bool opens_msgpack_container(std::byte first) {
  const auto b = std::to_integer<unsigned>(first);
  return (b >= 0x80 && b <= 0x9F) || (b >= 0xDC && b <= 0xDF);
}

/// Built trees are walked recursively, here and in the library: anything deeper is shown or sent as bytes instead.
constexpr int depth_max = 64;
constexpr std::size_t shown_bytes_max = 4u << 20;

/// Reads without building, and gives up at depth_max.
class DepthGuard : public nlohmann::json_sax<Json> {
 public:
  bool too_deep() const { return too_deep_; }
  std::size_t error_byte() const { return error_byte_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    error_byte_ = position;
    return false;
  }

 private:
  bool enter() {
    too_deep_ = ++depth_ > depth_max;
    return !too_deep_;
  }
  bool leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  bool too_deep_ = false;
  std::size_t error_byte_ = 0;
};

bool is_document(std::span<const std::byte> payload) {
  if (!opens_msgpack_container(payload.front()) || payload.size() > shown_bytes_max) return false;
  DepthGuard guard;
  return Json::sax_parse(payload, &guard, Json::input_format_t::msgpack, true);
}

bool is_utf8(std::string_view text) {
  try {
    (void)Json(text).dump();  // strict: throws on bytes that are not UTF-8
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

}  // namespace

Result<Bytes, Failure> msgpack_from_json(std::string_view where, std::string_view text) {
  DepthGuard guard;
  if (!Json::sax_parse(text, &guard)) {
    if (guard.too_deep()) {
      return failed(usage_failure(std::string(where) + " is nested more than " + std::to_string(depth_max) + " levels deep",
                                  "flatten it, or add --raw to send the bytes as they are"));
    }
    return failed(
        usage_failure(std::string(where) + " is not valid JSON: the mistake is at byte " + std::to_string(guard.error_byte()),
                      "correct it, quote it for your shell ('{\"path\":\"a.jpg\"}'), or add --raw to send the bytes as they are"));
  }
  const Json document = Json::parse(text);
  if (!document.is_object()) {
    return failed(
        usage_failure(std::string(where) + " is a JSON " + document.type_name() + ", but a payload is an object with named fields",
                      "write {\"field\": value}, or add --raw to send the bytes as they are"));
  }
  const auto packed = Json::to_msgpack(document);
  const auto bytes = std::as_bytes(std::span(packed));
  return Bytes(bytes.begin(), bytes.end());
}

Rendered render_payload(std::span<const std::byte> payload) {
  if (payload.empty()) return {Rendered::Form::kEmpty, Json("")};
  if (is_document(payload)) {
    Json document = Json::from_msgpack(payload, true, false);
    spell_out_binary(document);
    return {Rendered::Form::kMsgpack, std::move(document)};
  }
  const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
  if (is_utf8(text)) return {Rendered::Form::kText, Json(text)};
  return {Rendered::Form::kHex, Json(hex(payload))};
}

std::string_view form_name(Rendered::Form form) {
  switch (form) {
    case Rendered::Form::kEmpty: return "empty";
    case Rendered::Form::kMsgpack: return "msgpack";
    case Rendered::Form::kText: return "text";
    case Rendered::Form::kHex: return "hex";
  }
  return "hex";
}

std::string payload_line(const Rendered& rendered, std::size_t width) {
  // `replace` because strings inside msgpack need not be UTF-8.
  std::string text = rendered.form == Rendered::Form::kMsgpack ? rendered.value.dump(-1, ' ', false, Json::error_handler_t::replace)
                                                               : rendered.value.get<std::string>();
  text = printable(text);
  if (width_of(text) <= width || width < 2) return text;
  std::size_t end = 0;
  for (std::size_t shown = 0; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (begins && ++shown == width) break;
  }
  return text.substr(0, end) + "…";
}

}  // namespace takt::cli
