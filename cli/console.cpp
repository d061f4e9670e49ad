#include "cli/console.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

namespace takt::cli {
namespace {

/// Of the first write to stdout that failed: stdio keeps only that there was one.
int stdout_errno = 0;

void keep_cause(bool written) {
  if (!written && stdout_errno == 0) stdout_errno = errno;
}

void put(std::FILE* file, std::string_view text) { std::fwrite(text.data(), 1, text.size(), file); }

void put_result(std::string_view text) { keep_cause(std::fwrite(text.data(), 1, text.size(), stdout) == text.size()); }

std::string dumped(const nlohmann::ordered_json& value, int indent) {
  // Names and payloads may hold bytes that are not UTF-8; JSON may not.
  return value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// `wrong_mode` makes every use fail, as on a closed descriptor.
void hold(int descriptor, int wrong_mode) {
  if (fcntl(descriptor, F_GETFD) != -1) return;
  [[maybe_unused]] const int opened = open("/dev/null", wrong_mode);  // the lowest that is free: with those below it held, this one
}

}  // namespace

void hold_standard_descriptors() {
  hold(STDIN_FILENO, O_WRONLY);
  hold(STDOUT_FILENO, O_RDONLY);
  hold(STDERR_FILENO, O_RDONLY);
}

void Console::write(std::string_view text) const { put_result(text); }

void Console::write_document(const nlohmann::ordered_json& document) const { put_result(dumped(document, 2)); }

void Console::write_result(const nlohmann::ordered_json& document, std::string_view text) const {
  if (format == Format::kJson) {
    write_document(document);
  } else {
    write(text);
  }
}

void Console::write_line(const nlohmann::ordered_json& value) const { write_now(dumped(value, -1)); }

void Console::write_now(std::string_view text) const {
  put_result(text);
  keep_cause(std::fflush(stdout) == 0);
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

bool Console::is_writable() const { return stdout_errno == 0; }

ExitCode Console::finish(ExitCode done) const {
  keep_cause(std::fflush(stdout) == 0);
  if (is_writable() || stdout_errno == EPIPE) return done;
  const Failure failure = local_failure(std::string("the results cannot be written to stdout: ") + std::strerror(stdout_errno),
                                        "let stdout lead to a file or program that takes them; what was done at the broker stays done");
  show(failure);
  return failure.exit;
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
