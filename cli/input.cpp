#include "cli/input.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/values.h"

namespace takt::cli {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Failure too_large(const std::string& where, std::size_t bytes_max, const std::string& hint) {
  return usage_failure(where + " holds more than " + byte_text(bytes_max) + ", the most that one message can have",
                       "store large data elsewhere and send its address; " + hint);
}

Failure unreadable(const std::string& where) {
  return local_failure(where + " cannot be read: " + std::strerror(errno), "check that it is a readable file");
}

Result<std::string, Failure> read_all(std::FILE* file, const std::string& where, std::size_t bytes_max) {
  std::string bytes;
  char chunk[16 * 1024];
  while (const std::size_t n = std::fread(chunk, 1, sizeof chunk, file)) {
    bytes.append(chunk, n);
    if (bytes.size() > bytes_max) return failed(too_large(where, bytes_max, "for one message per line use `takt send --lines`"));
  }
  if (std::ferror(file) != 0) return failed(unreadable(where));
  return bytes;
}

}  // namespace

Result<Input, Failure> read_input(std::string_view argument, std::size_t bytes_max) {
  if (argument == "-") {
    auto bytes = read_all(stdin, "stdin", bytes_max);
    if (!bytes) return failed(bytes.error());
    return Input{std::move(*bytes), "stdin"};
  }
  if (!argument.starts_with('@')) return Input{std::string(argument), "--data"};
  const std::string path(argument.substr(1));
  const std::string where = "file '" + path + "'";
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  if (!file)
    return failed(local_failure(where + " cannot be opened: " + std::strerror(errno),
                                "check the path; data that begins with @ can come from stdin: --data -"));
  auto bytes = read_all(file.get(), where, bytes_max);
  if (!bytes) return failed(bytes.error());
  return Input{std::move(*bytes), where};
}

Result<std::optional<std::string>, Failure> read_line(std::FILE* file, const std::string& where, std::size_t bytes_max) {
  std::string line;
  int c = getc_unlocked(file);
  for (; c != EOF && c != '\n'; c = getc_unlocked(file)) {
    if (line.size() == bytes_max) return failed(too_large(where, bytes_max, "a message ends with its line"));
    line += static_cast<char>(c);
  }
  if (std::ferror(file) != 0) return failed(unreadable(where));
  if (c == EOF && line.empty()) return std::optional<std::string>();
  return std::optional(std::move(line));
}

}  // namespace takt::cli
