#pragma once
// Schedules: messages that come again and again. docs/scheduling.md says what each setting means.

#include <takt/client.h>
#include <takt/message.h>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace takt {

/// Which occurrence of which schedule a message is.
struct Occurrence {
  std::string schedule;
  Instant planned;                                 ///< what the rule names; of one that was triggered by hand: when
  /// `nightly@2027-01-01T02:30:00Z`: the occurrence's name for ever, of which no other message has the same.
  std::string id() const;
};

/// What of occurrences whose time has passed while nobody could fire them.
enum class CatchUp : std::uint8_t {
  kLast = 1,   ///< the newest
  kSkip = 2,   ///< none
  kAll = 3,    ///< the newest ones, up to catch_up_max
};
/// What of an occurrence while the one before it is not done.
enum class Overlap : std::uint8_t {
  kAtMostOne = 1,   ///< it is skipped
  kBufferOne = 2,   ///< one waits until the one before is done, others are skipped
  kAllow = 3,
  kReplace = 4,     ///< the one before is given up
};

struct ScheduleSettings {
  std::string rule{};                              ///< `30 2 * * *`, `@daily`, `@every 90s`
  std::string zone = "UTC";                        ///< of the clocks that a cron expression reads: `Europe/Berlin`
  std::optional<Instant> start{};                  ///< nothing before it
  std::optional<Instant> end{};                    ///< nothing after it
  std::chrono::milliseconds jitter{0};             ///< each occurrence comes later by up to so much, at most a day
  CatchUp catch_up = CatchUp::kLast;
  std::uint32_t catch_up_max = 100;                ///< of kAll, 1 to 100
  std::chrono::milliseconds catch_up_window = std::chrono::hours(1);   ///< what was due longer ago is not caught up
  Overlap overlap = Overlap::kAtMostOne;
  std::string overlap_group{};                     ///< whose done counts; empty: every group's of the topic
};

/// A schedule as it stands.
struct ScheduleInfo {
  std::string name;
  std::uint32_t partition = 0;
  std::string topic;
  std::uint8_t priority = 0;
  ScheduleSettings settings;
  std::string kind;                                ///< of its message
  std::uint64_t payload_bytes = 0;
  bool paused = false;
  std::optional<Instant> next;                     ///< planned; none: it is paused, or over
  std::optional<Instant> next_due;                 ///< the same with its jitter
  bool waits = false;                              ///< an occurrence waits until the one before is done
  std::uint64_t fired = 0;                         ///< ever
  std::uint64_t skipped = 0;                       ///< ever
  std::string trouble;                             ///< why it cannot go on; empty: nothing is wrong
};
/// What became of an occurrence, or of several that were skipped one after another for one reason.
struct PastOccurrence {
  enum class Outcome : std::uint8_t {
    kOnTime = 1,      ///< fired within a minute of its due
    kLate = 2,        ///< fired later: caught up
    kManual = 3,      ///< fired by hand
    kBuffered = 4,    ///< fired after it had waited for the one before
    kMissed = 5,      ///< skipped: its time had passed
    kOverlap = 6,     ///< skipped: the one before was not done
  };
  Instant planned;                                 ///< of the last one
  Instant decided;                                 ///< when it was fired, or skipped
  Outcome outcome = Outcome::kOnTime;
  std::uint32_t count = 1;
  std::optional<MessageId> message;                ///< that was fired
};
struct ScheduleDetails {
  ScheduleInfo info;
  std::vector<Instant> upcoming;                   ///< the next occurrences, planned
  std::vector<PastOccurrence> history;             ///< the last ones, newest first
};
struct PutScheduleResult {
  enum class Outcome : std::uint8_t { kCreated = 1, kChanged = 2, kUnchanged = 3 };
  Outcome outcome = Outcome::kCreated;
  std::optional<Instant> next;                     ///< planned; none: it is paused, or over
};

}  // namespace takt
