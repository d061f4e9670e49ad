#include "cli/console.h"

#include <cstdio>
#include <iostream>

namespace takt::cli {
namespace {

void put(std::FILE* file, std::string_view text) { std::fwrite(text.data(), 1, text.size(), file); }

std::string dumped(const nlohmann::ordered_json& value, int indent) {
  // Names and payloads may hold bytes that are not UTF-8; JSON may not.
  return value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

void Console::write(std::string_view text) const { put(stdout, text); }

void Console::write_document(const nlohmann::ordered_json& document) const { put(stdout, dumped(document, 2)); }

void Console::write_result(const nlohmann::ordered_json& document, std::string_view text) const {
  if (format == Format::kJson) {
    write_document(document);
  } else {
    write(text);
  }
}

void Console::write_line(const nlohmann::ordered_json& value) const {
  put(stdout, dumped(value, -1));
  std::fflush(stdout);
}

void Console::note(std::string_view text) const { put(stderr, std::string(text) + "\n"); }

void Console::detail(std::string_view text) const {
  if (verbose) note(text);
}

void Console::show(const Failure& failure) const {
  std::fflush(stdout);  // results come before the reason why there are no more
  std::string_view text = failure.text;
  if (color_error == Color::kOn && text.starts_with("error")) {
    put(stderr, "\x1b[31merror\x1b[0m");
    text.remove_prefix(5);
  }
  note(text);
}

Result<void, Failure> confirm_deletion(const Console& console, std::string_view what) {
  if (!console.can_ask)
    return failed(usage_failure("deleting " + std::string(what) + " was not confirmed", "add --yes when there is no terminal to ask on"));
  put(stderr, "Delete " + std::string(what) + "? [y/N] ");
  std::fflush(stderr);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return {};
  return failed(usage_failure("nothing was deleted", "answer y, or add --yes"));
}

}  // namespace takt::cli
