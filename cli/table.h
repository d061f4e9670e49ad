#pragma once
// Rows for people: aligned columns, numbers to the right, nothing that a pipe would trip over.

#include <string>
#include <string_view>
#include <vector>

namespace takt::cli {

enum class Align { kLeft, kRight };
/// Whether escape sequences may be written: only to a terminal, and not with --no-color or NO_COLOR.
enum class Color { kOff, kOn };

struct Column {
  std::string title;
  Align align = Align::kLeft;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell per column, as text. Control characters are shown escaped, so that a name cannot drive the terminal.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  /// Title line and rows, two spaces apart, no trailing blanks.
  std::string render(Color color) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// `text` with control characters and DEL as \xNN, those beyond ASCII and those that turn the direction of writing as
/// \uNNNN; other UTF-8 stays.
std::string printable(std::string_view text);
/// Columns that a terminal needs for `text`, one per code point.
std::size_t width_of(std::string_view text);

}  // namespace takt::cli
