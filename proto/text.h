#pragma once
// Text that strangers sent: is it text, and how to show it.

#include <string>
#include <string_view>

namespace takt {

/// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// `text` in single quotes for a message to people: bytes outside printable ASCII as \xNN, cut after 64 bytes.
std::string quote(std::string_view text);

}  // namespace takt
