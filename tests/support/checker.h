#pragma once
// Judges histories of end-to-end runs: were the promises kept? Every payload is sent once, so each question is about one
// message and the whole is linear in the entries. The rules and their reasons are in docs/testing.md.

#include <chrono>
#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/history.h"

namespace takt::testing {

struct CheckerOptions {
  std::vector<std::string> groups;      ///< that must have finished every message that was acknowledged
  /// Messages whose payload contains this must have begun once per group; empty: none must.
  std::string run_once_marker{};
  /// The number behind it in a payload is the message's delay in ms; empty: none has one.
  std::string delay_marker{};
  /// The broker's: how long it waits for a silent worker, and how old a worker's last sign of life may be.
  std::chrono::milliseconds session_timeout{10'000};
  std::chrono::milliseconds heartbeat{3'000};
};

struct Violation {
  enum class Kind {
    kLost,                ///< acknowledged, and some group never finished it
    kStoredTwice,         ///< one payload under two ids
    kIdGivenTwice,        ///< two payloads under one id
    kStoredThoughRefused,
    kAnsweredTwice,       ///< a send with two different answers
    kOtherId,             ///< delivered under another id than the receipt named
    kNeverSent,           ///< delivered, and nobody says that it was sent
    kOutOfOrder,          ///< a producer's later message stands before its earlier one in the log
    kCameAgain,           ///< begun under a newer token after its ack was confirmed
    kStaleAckAccepted,    ///< confirmed under a token when a newer one had been handed out
    kConfirmedTwice,      ///< one hand-out, acked twice
    kConfirmedUnasked,    ///< an ack was confirmed to a worker that had not finished the message
    kTwoLiveLeases,       ///< begun under a newer token while its worker, in touch, was at work under the older one
    kTokenWentBack,       ///< begun under an older token than another worker had begun with before
    kTokenGivenTwice,
    kTooEarly,            ///< begun before its delay was over
    kRunTwice,            ///< a message with the marker was begun twice
    kFollowUpLost,        ///< its message's ack was confirmed, and nobody finished the follow-up
    kFollowUpWithoutAck,  ///< delivered, and its message was not done
  };
  Kind kind;
  std::string what;
  std::vector<std::string> witness{};   ///< the ledgers' lines that show it, no more than are needed
};
std::string_view name_of(Violation::Kind kind);

struct Verdict {
  std::size_t entries = 0;
  std::size_t acknowledged = 0;
  std::size_t refused = 0;
  std::size_t unknown = 0;              ///< unanswered ones too: their producer died
  std::size_t unknown_but_stored = 0;
  std::size_t begun = 0;
  std::size_t begun_again = 0;          ///< second and later times, which "at least once" allows
  std::size_t never_ended = 0;          ///< begun, and its worker came to no end: it died
  std::size_t late_finishes = 0;        ///< finished when the message had been handed out anew: acks that must be refused
  std::size_t confirmed = 0;
  std::size_t run_once = 0;             ///< messages with the marker
  std::size_t delayed = 0;              ///< delivered messages with a delay
  std::size_t follow_ups = 0;           ///< delivered, each counted once
  std::vector<Violation> violations;
};
/// The counts on one line, and the first 20 violations with their witnesses.
std::ostream& operator<<(std::ostream& out, const Verdict& verdict);

/// The run must be over and the groups drained. A follow-up's payload is `follow:` and its message's payload. Throws
/// std::runtime_error when the ledgers contradict themselves, as History::enter.
Verdict judge(std::span<const LedgerEntry> entries, const CheckerOptions& options);
/// The same of all ledgers in a folder, read line by line.
Verdict judge_folder(const std::filesystem::path& folder, const CheckerOptions& options);
/// The same of a history that is closed.
Verdict judge(const History& history, const CheckerOptions& options);

}  // namespace takt::testing
