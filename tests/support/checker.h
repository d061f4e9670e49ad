#pragma once
// Judges ledgers: were the promises kept?

#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "tests/support/ledger.h"

namespace takt::testing {

struct CheckerOptions {
  std::vector<std::string> groups;      ///< that must have finished every message that was acknowledged
  /// Messages whose payload contains this must have begun once per group; empty: none must.
  std::string run_once_marker;
};

struct Violation {
  enum class Kind {
    kLost,               ///< acknowledged, and some group never finished it
    kCameAgain,          ///< begun after its ack was confirmed
    kStoredTwice,        ///< one payload under two ids
    kStoredThoughRefused,
    kOtherId,            ///< delivered under another id than the receipt named
    kNeverSent,          ///< delivered, and nobody says that it was sent
    kRunTwice,           ///< a message with the marker was begun twice
    kFollowUpLost,       ///< its message's ack was confirmed, and nobody finished the follow-up
    kFollowUpWithoutAck, ///< delivered, and its message was not done
  };
  Kind kind;
  std::string what;
};

struct Verdict {
  std::size_t acknowledged = 0;
  std::size_t refused = 0;
  std::size_t unknown = 0;
  std::size_t unknown_but_stored = 0;
  std::size_t begun = 0;
  std::size_t begun_again = 0;          ///< second and later times, which "at least once" allows
  std::size_t confirmed = 0;
  std::size_t run_once = 0;             ///< messages with the marker
  std::size_t follow_ups = 0;           ///< delivered, each counted once
  std::vector<Violation> violations;
};
std::ostream& operator<<(std::ostream& out, const Verdict& verdict);

/// The run must be over and the groups drained. A follow-up's payload is `follow:` and its message's payload.
Verdict judge(std::span<const LedgerEntry> entries, const CheckerOptions& options);

}  // namespace takt::testing
