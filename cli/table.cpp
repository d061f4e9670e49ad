#include "cli/table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "proto/check.h"

namespace takt::cli {
namespace {

constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view plain = "\x1b[0m";

std::string padded(const std::string& text, std::size_t width, Align align) {
  const std::string blanks(width - std::min(width, width_of(text)), ' ');
  return align == Align::kRight ? blanks + text : text + blanks;
}

struct Control {
  unsigned code_point;
  std::size_t length;
};

/// A control of more than one byte that `text` begins with: C1, which terminals obey as they do ESC, and those that turn
/// the direction of writing, with which a name can look like another.
std::optional<Control> leading_control(std::string_view text) {
  const auto byte = [text](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
  if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F) return Control{byte(1), 2};
  if (byte(0) != 0xE2 || (byte(2) & 0xC0) != 0x80) return std::nullopt;
  const unsigned code_point = 0x2000 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  const bool turns = (code_point >= 0x202A && code_point <= 0x202E) || (code_point >= 0x2066 && code_point <= 0x2069);
  return turns ? std::optional(Control{code_point, 3}) : std::nullopt;
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  check(cells.size() == columns_.size(), "a row has one cell per column");
  for (auto& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::render(Color color) const {
  std::vector<std::size_t> widths;
  widths.reserve(columns_.size());
  for (const auto& column : columns_) widths.push_back(width_of(column.title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) text += "  ";
      text += padded(cell_of(i), widths[i], columns_[i].align);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  std::string text = line([&](std::size_t i) { return columns_[i].title; });
  if (color == Color::kOn) text = std::string(bold) + text + std::string(plain);
  text += '\n';
  for (const auto& row : rows_) text += line([&](std::size_t i) { return row[i]; }) + '\n';
  return text;
}

std::string printable(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    std::array<char, 8> escaped{};
    std::size_t length = 1;
    const auto byte = static_cast<unsigned char>(text.front());
    if (const auto control = leading_control(text)) {
      length = control->length;
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", control->code_point);
    } else if (byte < 0x20 || byte == 0x7F) {
      std::snprintf(escaped.data(), escaped.size(), "\\x%02x", byte);
    } else {
      escaped[0] = text.front();
    }
    safe += escaped.data();
    text.remove_prefix(length);
  }
  return safe;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace takt::cli
