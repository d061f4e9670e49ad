#include "worker-sdk/cpp/src/refusal.h"

namespace takt::sdk {

RefusalClass classify(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBusy:
    case ErrorCode::kStoreFull:
    case ErrorCode::kTopicFull:
    case ErrorCode::kInFlightFull:
    case ErrorCode::kTooManyProducers:
    case ErrorCode::kDraining: return RefusalClass::kTryLater;
    case ErrorCode::kUnknownOutcome:
    case ErrorCode::kStoreFailed: return RefusalClass::kUnknown;
    case ErrorCode::kOutOfSequence: return RefusalClass::kNewSequence;
    case ErrorCode::kHelloRequired:
    case ErrorCode::kUnknownSession:
    case ErrorCode::kSessionExpired: return RefusalClass::kNewSession;
    case ErrorCode::kUnknownSubscription:   // it ended, which was pushed before: what was on its way comes too late
    case ErrorCode::kStaleLease: return RefusalClass::kStale;
    case ErrorCode::kMalformedFrame:
    case ErrorCode::kUnsupportedVersion:
    case ErrorCode::kUnknownType:
    case ErrorCode::kFrameCount:
    case ErrorCode::kFrameTooLarge:
    case ErrorCode::kTooDeep:
    case ErrorCode::kBadField:
    case ErrorCode::kChecksumMismatch:
    case ErrorCode::kBadName:
    case ErrorCode::kUnsupportedField:
    case ErrorCode::kBadSection:
    case ErrorCode::kTooManyTopics:
    case ErrorCode::kTooManyGroups:
    case ErrorCode::kTooManyConnections:
    case ErrorCode::kMessageTooLarge:
    case ErrorCode::kBatchTooLarge:
    case ErrorCode::kTooManySubscriptions:
    case ErrorCode::kTooManySchedules:
    case ErrorCode::kUnknownTopic:
    case ErrorCode::kUnknownGroup:
    case ErrorCode::kProducerFenced:
    case ErrorCode::kUnknownPartition:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kSubscriptionInUse:
    case ErrorCode::kUnknownSchedule:
    case ErrorCode::kReadOnly:
    case ErrorCode::kTimedOut:
    case ErrorCode::kNotConnected:
    case ErrorCode::kClosed:
    case ErrorCode::kBadAddress:
    case ErrorCode::kBadPayload:
    case ErrorCode::kQueueFull:
    case ErrorCode::kBadOption:
    case ErrorCode::kNoHandler: return RefusalClass::kFinal;
  }
  return RefusalClass::kFinal;  // a number of a newer broker
}

Error make_error(ErrorCode code, std::string message, ErrorOutcome outcome, Duration retry_after) {
  const auto entry = find_error(code);
  return {static_cast<std::uint16_t>(code), std::string(entry ? entry->name : "unknown"), std::move(message),
          std::chrono::ceil<std::chrono::milliseconds>(retry_after), outcome};
}

Error from_wire(const proto::Error& error) {
  const RefusalClass kind = classify(error.code);
  const ErrorOutcome outcome = kind == RefusalClass::kTryLater  ? ErrorOutcome::kFailed
                               : kind == RefusalClass::kUnknown ? ErrorOutcome::kUnknown
                                                                : ErrorOutcome::kRefused;
  return make_error(error.code, error.message, outcome, std::chrono::milliseconds(error.retry_after_ms));
}

}  // namespace takt::sdk
