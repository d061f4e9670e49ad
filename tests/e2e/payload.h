#pragma once
// What the test worker does with a message is written in its payload: `p1-42;work=3000;do=follow`.

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace takt::e2e {

inline constexpr std::string_view job_kind = "e2e.job";

/// The value of `;KEY=value`, or none.
inline std::optional<std::string> option_of(std::string_view payload, std::string_view key) {
  for (std::size_t at = payload.find(';'); at != std::string_view::npos; at = payload.find(';', at + 1)) {
    std::string_view field = payload.substr(at + 1);
    field = field.substr(0, field.find(';'));
    if (field.starts_with(key) && field.size() > key.size() && field[key.size()] == '=') return std::string(field.substr(key.size() + 1));
  }
  return std::nullopt;
}

inline unsigned number_of(std::string_view payload, std::string_view key) {
  const auto text = option_of(payload, key);
  unsigned number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace takt::e2e
