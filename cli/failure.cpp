#include "cli/failure.h"

#include <cctype>

#include "cli/values.h"

namespace takt::cli {
namespace {

/// `text` with exactly one full stop at its end.
std::string sentence(std::string_view text) {
  while (!text.empty() && (text.back() == '.' || text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return std::string(text) + ".";
}

/// "Start taktd" becomes "start taktd"; "XXH3 is" stays.
std::string in_mid_sentence(std::string_view text) {
  std::string lowered(text);
  if (lowered.size() > 1 && std::islower(static_cast<unsigned char>(lowered[1])) != 0) {
    lowered[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(lowered[0])));
  }
  return lowered;
}

std::string line(std::string_view label, std::string_view what, std::string_view remedy) {
  std::string text = "error " + std::string(label) + ": " + sentence(what);
  if (!remedy.empty()) text += " What to do: " + sentence(remedy);
  return text;
}

}  // namespace

Failure usage_failure(std::string_view what, std::string_view remedy) { return {ExitCode::kUsage, line("usage", what, remedy)}; }

Failure local_failure(std::string_view what, std::string_view remedy) { return {ExitCode::kFailed, line("local", what, remedy)}; }

Failure refused(const Error& error) {
  const auto code = static_cast<ErrorCode>(error.code);
  const auto entry = find_error(code);
  std::string_view what = error.message;
  std::string remedy = entry ? in_mid_sentence(entry->remedy) : "";
  // Messages end with what to do behind a semicolon when that depends on the case; it is better than the table's words.
  // An unknown outcome ends with what may have happened instead.
  const auto semicolon = what.rfind("; ");
  if (semicolon != std::string_view::npos && code != ErrorCode::kUnknownOutcome) {
    remedy = what.substr(semicolon + 2);
    what = what.substr(0, semicolon);
  }
  return {exit_code_of(code), line(error.label(), what, remedy)};
}

Failure not_found(ErrorCode code, std::string_view what, std::string_view remedy) {
  return {ExitCode::kNotFound, line(error_label(code), what, remedy)};
}

Failure timed_out(std::string_view what, std::string_view remedy) {
  return {ExitCode::kTimedOut, line(error_label(ErrorCode::kTimedOut), what, remedy)};
}

Failure unreachable(std::string_view server, std::string_view waited, std::string_view why) {
  // What it says to do is said here in the command line's words; the waiting and the address stand in front already.
  constexpr std::string_view unsent = "not sent in time: ";
  if (why.starts_with(unsent)) why.remove_prefix(unsent.size());
  why = why.substr(0, why.find("; "));
  const std::string known = std::string(server) + ": ";
  if (const auto at = why.find(known); at != std::string_view::npos) why.remove_prefix(at + known.size());
  return {ExitCode::kTimedOut,
          line(error_label(ErrorCode::kNotConnected),
               "no broker answered at " + std::string(server) + " within " + std::string(waited) + ": " + std::string(why),
               "start one with `taktd`, or name the right address with --server or TAKT_SERVER")};
}

Failure partly_done(const Failure& cause, std::uint64_t done, std::optional<std::uint64_t> total) {
  const std::string of_total = total ? " of " + grouped(*total) : "";
  return {ExitCode::kPartlyDone, cause.text + " Done before that: " + grouped(done) + of_total + " messages."};
}

ExitCode exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadName:
    case ErrorCode::kBadAddress:
    case ErrorCode::kBadPayload:
    case ErrorCode::kBadOption: return ExitCode::kUsage;
    case ErrorCode::kUnknownTopic:
    case ErrorCode::kUnknownGroup:
    case ErrorCode::kUnknownSchedule: return ExitCode::kNotFound;
    case ErrorCode::kTimedOut:
    case ErrorCode::kNotConnected:
    case ErrorCode::kUnknownOutcome: return ExitCode::kTimedOut;
    case ErrorCode::kStoreFailed:
    case ErrorCode::kClosed: return ExitCode::kFailed;
    case ErrorCode::kMalformedFrame:
    case ErrorCode::kUnsupportedVersion:
    case ErrorCode::kUnknownType:
    case ErrorCode::kFrameCount:
    case ErrorCode::kFrameTooLarge:
    case ErrorCode::kTooDeep:
    case ErrorCode::kBadField:
    case ErrorCode::kChecksumMismatch:
    case ErrorCode::kUnsupportedField:
    case ErrorCode::kHelloRequired:
    case ErrorCode::kBadSection:
    case ErrorCode::kBusy:
    case ErrorCode::kStoreFull:
    case ErrorCode::kTopicFull:
    case ErrorCode::kTooManyTopics:
    case ErrorCode::kTooManyGroups:
    case ErrorCode::kInFlightFull:
    case ErrorCode::kTooManyConnections:
    case ErrorCode::kDraining:
    case ErrorCode::kMessageTooLarge:
    case ErrorCode::kBatchTooLarge:
    case ErrorCode::kTooManySubscriptions:
    case ErrorCode::kTooManyProducers:
    case ErrorCode::kTooManySchedules:
    case ErrorCode::kStaleLease:
    case ErrorCode::kUnknownSession:
    case ErrorCode::kUnknownSubscription:
    case ErrorCode::kOutOfSequence:
    case ErrorCode::kProducerFenced:
    case ErrorCode::kUnknownPartition:
    case ErrorCode::kSessionExpired:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kSubscriptionInUse:
    case ErrorCode::kReadOnly:
    case ErrorCode::kQueueFull:
    case ErrorCode::kNoHandler: return ExitCode::kRefused;
  }
  return ExitCode::kRefused;  // a number of a newer broker: it did say no
}

}  // namespace takt::cli
