#pragma once
// What a broker's Error means for the request that it answers.

#include <algorithm>
#include <string>

#include "proto/error_code.h"
#include "proto/messages.h"
#include "proto/time.h"
#include "takt/error.h"

namespace takt::sdk {

enum class RefusalClass {
  kFinal,          ///< the same request will be refused again
  kTryLater,       ///< it was not carried out; the same request may pass later
  kUnknown,        ///< it may have been carried out; the same sequence may be sent again
  kNewSequence,    ///< it was not carried out and never will be under this sequence
  kNewSession,     ///< the broker does not know this session any more: connect anew
  kStale,          ///< the message was not ours any more
};
RefusalClass classify(ErrorCode code);

Error make_error(ErrorCode code, std::string message, ErrorOutcome outcome, Duration retry_after = {});
/// The broker's own words as an Error; kTryLater becomes kFailed, kUnknown stays unknown.
Error from_wire(const proto::Error& error);

/// Pause before try `tries` + 1: 10 ms doubled each time up to 1 s, or what the broker asks for when that is longer.
inline Duration pause_after(unsigned tries, Duration retry_after) {
  const Duration own = std::chrono::milliseconds(10) * (1 << std::min(tries, 7u));
  return std::max(std::min<Duration>(own, std::chrono::seconds(1)), retry_after);
}

}  // namespace takt::sdk
