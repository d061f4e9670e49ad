#pragma once
// The list of mistakes that users make in their first hour: one table for the test that makes each of them and for the
// page that users search (docs/mistakes.md).
//
// A table is text. Each entry begins with `== Title`; then fields, one per line or, indented by two spaces, on the
// lines below:
//   broker: yes          a live broker is behind {server}; else nobody listens there
//   before: COMMAND      runs first and must succeed; may be repeated
//   config:              the content of {config}
//   stdin:               what the command reads
//   run: COMMAND         words, or '...' for words with blanks; NAME=VALUE in front of the program sets a variable
//   exit: N
//   stderr:              exactly what the user reads
// Placeholders {server}, {config} and {dir} stand for what differs from run to run; {photo} is a file of
// 600 bytes, {big} one of 17 MiB.

#include <string>
#include <string_view>
#include <vector>

namespace takt::mistakes {

struct Mistake {
  std::string title;
  bool broker = false;
  std::vector<std::string> before;
  std::string config;
  std::string input;
  std::string run;
  int exit = 0;
  std::string text;  ///< of stderr, with its newlines
};

struct Table {
  std::string heading;  ///< `# With the command line`, and the words below it up to the first entry
  std::vector<Mistake> mistakes;
};

/// Throws std::runtime_error with the line number when `text` is not such a table.
Table parse_table(std::string_view text);
/// parse_table's inverse.
std::string write_table(const Table& table);
/// The tables as a page for users.
std::string write_page(const std::vector<Table>& tables);

/// The words of a command line; '...' keeps blanks together.
std::vector<std::string> split_words(std::string_view line);

}  // namespace takt::mistakes
