#pragma once

#include <string>

namespace takt::core::test {

/// Runs a transcript and gives it back with the answers that the partition gave: each line is a command, and below it
/// stand the effects that left, as `-> ...`. A line that starts with `!` is not committed; others commit everything.
/// Commands are described in tests/golden/core/README.md.
std::string run_transcript(const std::string& script);

}  // namespace takt::core::test
