#pragma once
// Every refusal and failure that a user can meet, with a number and a name that never change.
// 1xxx the frame or request is malformed; 2xxx a bound was reached; 3xxx the state forbids it; 4xxx the store;
// 5xxx the client side. docs/protocol.md has the same table.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proto/time.h"

namespace takt {

enum class ErrorCode : std::uint16_t {
  kMalformedFrame = 1001,
  kUnsupportedVersion = 1002,
  kUnknownType = 1003,
  kFrameCount = 1004,
  kFrameTooLarge = 1005,
  kTooDeep = 1006,
  kBadField = 1007,
  kChecksumMismatch = 1008,
  kBadName = 1009,
  kUnsupportedField = 1010,
  kHelloRequired = 1011,
  kBadSection = 1012,

  kBusy = 2001,
  kStoreFull = 2002,
  kTopicFull = 2003,
  kTooManyTopics = 2004,
  kTooManyGroups = 2005,
  kInFlightFull = 2006,
  kTooManyConnections = 2007,
  kDraining = 2008,
  kMessageTooLarge = 2009,
  kBatchTooLarge = 2010,
  kTooManySubscriptions = 2011,
  kTooManyProducers = 2012,
  kTooManySchedules = 2013,

  kStaleLease = 3001,
  kUnknownSession = 3002,
  kUnknownSubscription = 3003,
  kUnknownTopic = 3004,
  kUnknownGroup = 3005,
  kOutOfSequence = 3006,
  kProducerFenced = 3007,
  kUnknownPartition = 3008,
  kSessionExpired = 3009,
  kAlreadyExists = 3010,
  kSubscriptionInUse = 3011,
  kUnknownSchedule = 3012,

  kStoreFailed = 4001,
  kUnknownOutcome = 4002,
  kReadOnly = 4003,

  kTimedOut = 5001,
  kNotConnected = 5002,
  kClosed = 5003,
  kBadAddress = 5004,
  kBadPayload = 5005,
  kQueueFull = 5006,
  kBadOption = 5007,
  kNoHandler = 5008,
};

struct ErrorEntry {
  ErrorCode code;
  std::string_view name;     ///< snake_case, stable: a metric label
  std::string_view meaning;  ///< one sentence
  std::string_view remedy;   ///< what the user does about it
};

/// All codes, ascending. Tests compare it with docs/protocol.md.
std::span<const ErrorEntry> error_table();
/// The entry of `code`, or none for a number that this version does not know.
std::optional<ErrorEntry> find_error(ErrorCode code);
/// `TK2003 topic_full`; an unknown number gives `TK9999 unknown`.
std::string error_label(ErrorCode code);

/// Why a request was not carried out. `message` says what was wrong and where, and what to do, in one sentence.
struct Refusal {
  ErrorCode code;
  std::string message{};
  /// Zero: retrying unchanged will not help.
  Duration retry_after{};

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

}  // namespace takt
