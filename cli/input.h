#pragma once
// Where a payload comes from: the command line, a file, or stdin.

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "cli/failure.h"
#include "proto/result.h"

namespace takt::cli {

/// Text or bytes, and the words by which an error names their source.
struct Input {
  std::string bytes;
  std::string where;  ///< "--data", "file photo.json", "stdin"
};

/// `-` reads stdin to its end, `@path` a file, anything else is the data itself. Bound: `bytes_max`, refused above.
Result<Input, Failure> read_input(std::string_view argument, std::size_t bytes_max);

/// The next line of `file` without its newline; none at the end. `where` names it for an error: "stdin line 3".
/// Bound: `bytes_max`, refused above.
Result<std::optional<std::string>, Failure> read_line(std::FILE* file, const std::string& where, std::size_t bytes_max);

}  // namespace takt::cli
