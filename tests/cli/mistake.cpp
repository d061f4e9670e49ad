#include "tests/cli/mistake.h"

#include <sstream>
#include <stdexcept>

namespace takt::mistakes {
namespace {

constexpr std::string_view indent = "  ";

std::string indented(const std::string& block) {
  std::string text;
  std::istringstream lines(block);
  for (std::string line; std::getline(lines, line);) text += (line.empty() ? "" : std::string(indent) + line) + "\n";
  return text;
}

/// One field at a time; blocks are collected from the indented lines below `name:`.
class Reader {
 public:
  explicit Reader(std::string_view text) : lines_(std::string(text)) {}

  Table table() {
    Table table;
    while (next()) {
      if (line_.starts_with("== ")) {
        table.mistakes.push_back({.title = line_.substr(3), .before = {}, .config = {}, .input = {}, .run = {}, .text = {}});
        block_ = nullptr;
      } else if (table.mistakes.empty()) {
        table.heading += line_ + "\n";
      } else {
        field(table.mistakes.back());
      }
    }
    for (Mistake& mistake : table.mistakes) trim(mistake);
    return table;
  }

 private:
  bool next() {
    ++number_;
    return static_cast<bool>(std::getline(lines_, line_));
  }

  void field(Mistake& mistake) {
    if (block_ != nullptr && (line_.empty() || line_.starts_with(indent))) {
      *block_ += (line_.empty() ? "" : line_.substr(indent.size())) + "\n";
      return;
    }
    block_ = nullptr;
    if (line_.empty()) return;
    const auto colon = line_.find(':');
    const std::string name = line_.substr(0, colon);
    const std::string value = colon == std::string::npos || colon + 2 >= line_.size() ? "" : line_.substr(colon + 2);
    if (name == "broker") {
      mistake.broker = value == "yes";
    } else if (name == "before") {
      mistake.before.push_back(value);
    } else if (name == "run") {
      mistake.run = value;
    } else if (name == "exit") {
      mistake.exit = std::stoi(value);
    } else if (name == "config") {
      block_ = &mistake.config;
    } else if (name == "stdin") {
      block_ = &mistake.input;
    } else if (name == "stderr") {
      block_ = &mistake.text;
    } else {
      throw std::runtime_error("line " + std::to_string(number_) + ": there is no field \"" + name + "\"");
    }
  }

  /// The empty line between two entries belongs to none of them.
  static void trim(Mistake& mistake) {
    for (std::string* block : {&mistake.config, &mistake.input, &mistake.text}) {
      while (block->ends_with("\n\n")) block->pop_back();
      if (*block == "\n") block->clear();
    }
  }

  std::istringstream lines_;
  std::string line_;
  int number_ = 0;
  std::string* block_ = nullptr;
};

std::string shown(const Mistake& mistake) {
  std::string text = "### " + mistake.title + "\n\n";
  if (!mistake.config.empty()) text += "```toml\n" + mistake.config + "```\n\n";
  text += "```\n$ " + mistake.run + "\n" + mistake.text + "```\n\nExit code " + std::to_string(mistake.exit) + ".\n\n";
  return text;
}

}  // namespace

Table parse_table(std::string_view text) { return Reader(text).table(); }

std::string write_table(const Table& table) {
  std::string text = table.heading;
  for (const Mistake& mistake : table.mistakes) {
    text += "== " + mistake.title + "\n";
    if (mistake.broker) text += "broker: yes\n";
    for (const auto& command : mistake.before) text += "before: " + command + "\n";
    if (!mistake.config.empty()) text += "config:\n" + indented(mistake.config);
    if (!mistake.input.empty()) text += "stdin:\n" + indented(mistake.input);
    text += "run: " + mistake.run + "\nexit: " + std::to_string(mistake.exit) + "\nstderr:\n" + indented(mistake.text) + "\n";
  }
  return text;
}

std::string write_page(const std::vector<Table>& tables) {
  std::string text =
      "# Mistakes, and what takt says about them\n\n"
      "What a user can get wrong in the first hour, with the exact words of the answer, so that they can be searched for. "
      "This page is written by the test that makes each of these mistakes (`tests/cli/mistakes/`); `takt errors CODE` explains a code. "
      "`{server}`, `{config}`, `{photo}`, `{big}` and `{dir}` stand for your own address, files and folder.\n\n";
  for (const Table& table : tables) {
    text += "#" + table.heading;
    for (const Mistake& mistake : table.mistakes) text += shown(mistake);
  }
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  bool quoted = false;
  bool open = false;
  for (const char c : line) {
    if (c == '\'') {
      if (!open) words.emplace_back();
      open = true;
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      open = false;
    } else {
      if (!open) words.emplace_back();
      open = true;
      words.back() += c;
    }
  }
  return words;
}

}  // namespace takt::mistakes
