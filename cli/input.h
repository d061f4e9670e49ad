#pragma once
// Where a payload comes from: the command line, a file, or stdin.

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

}  // namespace takt::cli
