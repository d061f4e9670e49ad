#pragma once
// What a call of the SDK answers when it has no value: a number and a name that never change, and whether it happened.

#include <takt/result.h>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace takt {

/// What is known about the request that an Error answers.
enum class ErrorOutcome : std::uint8_t {
  kRefused,  ///< the rules forbid it: it did not happen and the same call will not help before something changes
  kFailed,   ///< a broker, a disk or the network did not play along: it did not happen, trying again may help
  kUnknown,  ///< it was sent and no answer came in time: it may have happened. Never an error that claims the opposite.
};

struct Error {
  std::uint16_t code = 0;                     ///< 2003; docs/protocol.md lists them all
  std::string name;                           ///< `topic_full`: stable, fit for a metric label
  std::string message;                        ///< one sentence: what, where, and what to do
  std::chrono::milliseconds retry_after{0};   ///< zero: retrying unchanged will not help
  ErrorOutcome outcome = ErrorOutcome::kRefused;

  /// `TK2003 topic_full`
  std::string label() const;
  /// `TK2003 topic_full: <message>`, for logs and people.
  std::string text() const;
  bool is(std::string_view error_name) const { return name == error_name; }
};

/// Result<T> is a value or an Error, and must be looked at.
template <class T, class E = Error>
class Result;

}  // namespace takt
