#pragma once
// Requests and replies about schedules: messages that come again and again. Part of messages.h.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/ids.h"
#include "proto/message_type.h"

namespace takt::proto {

/// What of occurrences whose time has passed while nobody could fire them. Stored.
enum class CatchUp : std::uint8_t {
  kLast = 1,   ///< the newest
  kSkip = 2,   ///< none
  kAll = 3,    ///< the newest ones, up to a number
};
/// What of an occurrence while the one before it is not done. Stored.
enum class Overlap : std::uint8_t {
  kAtMostOne = 1,   ///< it is skipped
  kBufferOne = 2,   ///< one waits until the one before is done, others are skipped
  kAllow = 3,
  kReplace = 4,     ///< the one before is given up
};
/// What became of an occurrence. Stored.
enum class Outcome : std::uint8_t {
  kOnTime = 1,      ///< fired within a minute of its due
  kLate = 2,        ///< fired later: caught up
  kManual = 3,      ///< fired by hand
  kBuffered = 4,    ///< fired after it had waited for the one before
  kMissed = 5,      ///< skipped: its time had passed, and the schedule does not catch it up
  kOverlap = 6,     ///< skipped: the one before was not done
  kWaits = 7,       ///< for the one before
};
inline constexpr std::size_t outcome_count = 7;
constexpr bool is_fired(Outcome outcome) {
  return outcome == Outcome::kOnTime || outcome == Outcome::kLate || outcome == Outcome::kManual || outcome == Outcome::kBuffered;
}

/// When a schedule comes round, and what then.
struct ScheduleSettings {
  std::string rule{};                       ///< a cron expression or `@every 90s`, see docs/scheduling.md
  std::string zone = "UTC";                 ///< of the cron expression's clocks
  std::optional<std::uint64_t> start_ms{};  ///< since 1970: nothing before it
  std::optional<std::uint64_t> end_ms{};    ///< nothing after it
  std::uint64_t jitter_ms = 0;              ///< each occurrence comes later by up to so much
  CatchUp catch_up = CatchUp::kLast;
  std::uint32_t catch_up_max = 100;         ///< of kAll
  std::uint64_t catch_up_window_ms = 3'600'000;   ///< what was due longer ago is not caught up
  Overlap overlap = Overlap::kAtMostOne;
  std::string overlap_group{};              ///< whose done counts; empty: each group's of the topic
  friend bool operator==(const ScheduleSettings&, const ScheduleSettings&) = default;
};

/// Makes a schedule or changes it; the same once more changes nothing. The sections hold its message.
struct PutSchedule {
  static constexpr auto type = MessageType::kPutSchedule;
  std::string schedule{};
  std::string topic{};
  Lane lane{};
  ScheduleSettings settings{};
  std::uint64_t metadata_checksum = 0;
  std::uint64_t payload_checksum = 0;
  friend bool operator==(const PutSchedule&, const PutSchedule&) = default;
};
struct DeleteSchedule {
  static constexpr auto type = MessageType::kDeleteSchedule;
  std::string schedule{};
  friend bool operator==(const DeleteSchedule&, const DeleteSchedule&) = default;
};
/// By name, behind `after`, as many as fit: ask again behind the last one until none comes.
struct ListSchedules {
  static constexpr auto type = MessageType::kListSchedules;
  std::string after{};                    ///< empty: from the first on
  friend bool operator==(const ListSchedules&, const ListSchedules&) = default;
};
struct ShowSchedule {
  static constexpr auto type = MessageType::kShowSchedule;
  std::string schedule{};
  std::uint32_t upcoming_max = 0;         ///< occurrences to tell
  friend bool operator==(const ShowSchedule&, const ShowSchedule&) = default;
};
struct PauseSchedule {
  static constexpr auto type = MessageType::kPauseSchedule;
  std::string schedule{};
  bool paused = true;                     ///< false: goes on with what comes from now on
  friend bool operator==(const PauseSchedule&, const PauseSchedule&) = default;
};
/// An occurrence now, beside those of the rule.
struct TriggerSchedule {
  static constexpr auto type = MessageType::kTriggerSchedule;
  std::string schedule{};
  friend bool operator==(const TriggerSchedule&, const TriggerSchedule&) = default;
};

enum class PutOutcome : std::uint8_t { kCreated = 1, kChanged = 2, kUnchanged = 3 };
struct ScheduleDone {
  static constexpr auto type = MessageType::kScheduleDone;
  PutOutcome outcome = PutOutcome::kCreated;
  std::optional<std::uint64_t> next_ms{}; ///< none: paused, or over
  friend bool operator==(const ScheduleDone&, const ScheduleDone&) = default;
};
struct ScheduleDeleted {
  static constexpr auto type = MessageType::kScheduleDeleted;
  friend bool operator==(const ScheduleDeleted&, const ScheduleDeleted&) = default;
};
/// One occurrence and what became of it, or several skipped ones.
struct PastOccurrence {
  std::uint64_t planned_ms = 0;           ///< of the last one
  std::uint64_t decided_ms = 0;           ///< when it was fired, or skipped
  Outcome outcome = Outcome::kOnTime;
  std::uint32_t count = 1;
  std::optional<Position> message{};      ///< that was fired
  friend bool operator==(const PastOccurrence&, const PastOccurrence&) = default;
};
struct ScheduleEntry {
  PartitionId partition{};
  std::string schedule{};
  std::string topic{};
  Lane lane{};
  ScheduleSettings settings{};
  std::string kind{};                     ///< of its message
  std::uint64_t payload_bytes = 0;
  bool paused = false;
  std::optional<std::uint64_t> next_ms{};
  std::optional<std::uint64_t> next_due_ms{};   ///< with its jitter
  bool waits = false;                     ///< an occurrence waits for the one before
  std::uint64_t fired = 0;                ///< ever
  std::uint64_t skipped = 0;              ///< ever
  std::string trouble{};                  ///< why it cannot go on; empty: nothing is wrong
  friend bool operator==(const ScheduleEntry&, const ScheduleEntry&) = default;
};
struct Schedules {
  static constexpr auto type = MessageType::kSchedules;
  std::vector<ScheduleEntry> schedules{};
  friend bool operator==(const Schedules&, const Schedules&) = default;
};
struct ScheduleShown {
  static constexpr auto type = MessageType::kScheduleShown;
  ScheduleEntry entry{};
  std::vector<std::uint64_t> upcoming{};
  std::vector<PastOccurrence> history{};  ///< newest first
  friend bool operator==(const ScheduleShown&, const ScheduleShown&) = default;
};
struct SchedulePaused {
  static constexpr auto type = MessageType::kSchedulePaused;
  bool changed = false;
  std::optional<std::uint64_t> next_ms{};
  friend bool operator==(const SchedulePaused&, const SchedulePaused&) = default;
};
struct ScheduleTriggered {
  static constexpr auto type = MessageType::kScheduleTriggered;
  PartitionId partition{};
  PastOccurrence occurrence{};
  friend bool operator==(const ScheduleTriggered&, const ScheduleTriggered&) = default;
};

}  // namespace takt::proto
