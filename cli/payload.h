#pragma once
// Payloads between the user's eyes and the wire: JSON in, msgpack on the wire, JSON (or text, or hex) out.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/failure.h"
#include "proto/result.h"

namespace takt::cli {

using Json = nlohmann::ordered_json;
using Bytes = std::vector<std::byte>;

/// The msgpack form of a JSON document: what a typed handler of any SDK reads. `where` names the source for the error:
/// "--data", "stdin line 3". Refused: text that is not JSON, and anything but an object, because a handler's struct is
/// a map (send other things with --raw).
Result<Bytes, Failure> msgpack_from_json(std::string_view where, std::string_view text);

/// How a payload can best be shown.
struct Rendered {
  enum class Form { kEmpty, kMsgpack, kText, kHex };
  Form form = Form::kEmpty;
  Json value;  ///< the document for kMsgpack, else a string
};
/// A whole msgpack map or array becomes its document; valid UTF-8 becomes text; the rest hexadecimal. Never fails, and
/// the bytes are only looked at. Binary strings inside msgpack become {"hex": "..."}.
Rendered render_payload(std::span<const std::byte> payload);
/// `msgpack`, `text`, `hex`, `empty`: stable, in JSON output.
std::string_view form_name(Rendered::Form form);
/// One line for a table: the document, or the text with control characters escaped; cut at `width` with an ellipsis.
std::string payload_line(const Rendered& rendered, std::size_t width);

}  // namespace takt::cli
