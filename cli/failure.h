#pragma once
// Why a command did not do what it was asked, as one line for people and one exit code for scripts.

#include <takt/error.h>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/error_code.h"

namespace takt::cli {

/// Stable: scripts depend on the numbers. docs/cli.md and `takt --help` list them.
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,      ///< the broker or this machine could not do it
  kUsage = 2,       ///< the command line is wrong; nothing was asked of the broker
  kNotFound = 3,    ///< no such topic, group, schedule or error code
  kRefused = 4,     ///< the broker said no: a bound, a rule or its state
  kTimedOut = 5,    ///< no answer in time, or the outcome is unknown
  kPartlyDone = 6,  ///< some of several were done; the text says how many
};

/// `text` is the whole line without its newline: `error LABEL: what and where. What to do: ...`.
struct Failure {
  ExitCode exit;
  std::string text;
};

/// The command line asks for something that cannot be. `remedy` completes "What to do: ".
Failure usage_failure(std::string_view what, std::string_view remedy);
/// The operating system or this machine did not play along (a file, stdin).
Failure local_failure(std::string_view what, std::string_view remedy);
/// What the SDK or the broker answered, under its code and with the remedy of the table of codes.
Failure refused(const Error& error);
/// Something that this program looked for itself is not there: the code that the broker would have used.
Failure not_found(ErrorCode code, std::string_view what, std::string_view remedy);
/// Something that this program waited for did not come.
Failure timed_out(std::string_view what, std::string_view remedy);
/// Nothing answered at `server` within `waited` (as text, "5s"); `why` is the SDK's own reason.
Failure unreachable(std::string_view server, std::string_view waited, std::string_view why);
/// The same failure after `done` of `total` messages had succeeded; none: it is not known how many there are.
Failure partly_done(const Failure& cause, std::uint64_t done, std::optional<std::uint64_t> total);

/// The exit code of each refusal.
ExitCode exit_code_of(ErrorCode code);

}  // namespace takt::cli
