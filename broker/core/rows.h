#pragma once
// The rows of the tables: a checkpoint of a partition's memory. Keys are big-endian so that they sort by number.
// docs/log-format.md lists each table's key and value.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/ids.h"

namespace takt::core {

enum class Table : std::uint8_t {
  kMeta,        ///< one row: applied position, epoch, partition time, counters
  kTopics,      ///< topic id -> name, settings, lanes
  kGroups,      ///< topic id | group id -> name, settings, floors
  kIndex,       ///< topic | lane | first offset -> runs of (offset, position, count), delta-coded: "qx"
  kDone,        ///< topic | group | lane | container -> done offsets above the floor
  kRetries,     ///< topic | group | lane | offset -> attempts, due, code, text
  kDead,        ///< topic | group | lane | offset -> attempts, code, time, text
  kProducers,   ///< producer id -> epoch, remembered batches
  kHeld,        ///< topic | group | lane | first offset -> client, count: leases older than 10 s
  kCold,        ///< topic | lane | offset | part u16 -> a message carried out of the log's front
  kBuckets,     ///< level u8 | bucket u64 -> of the timer wheel: timers, chunks
  kArmed,       ///< position / 8,192 -> which scheduled messages have not fired
  kTimers,      ///< level u8 | bucket u64 | chunk u64 -> timers of a bucket
  kPinned,      ///< position / 8,192 -> which scheduled messages of the log somebody is owed
  kSchedules,   ///< schedule id | part u16 -> how it stands (part 0), what it is (the others)
  kRearmed,     ///< position -> of a scheduled message that comes at another time: its due and its timer
  kCancelled,   ///< position / 8,192 -> which scheduled messages were cancelled, the newest million
};
inline constexpr std::size_t table_count = 17;

/// Rows that a start reads; the others stay on disk until they are wanted.
constexpr bool is_loaded(Table table) { return table != Table::kCold && table != Table::kTimers && table != Table::kPinned; }

/// With its checksum of 8 bytes a value is inline (under 2,000 bytes) or exactly one LMDB page (4,080 bytes): no search for page runs.
inline constexpr std::size_t row_value_bytes_max = 4072;

struct RowChange {
  Table table;
  std::string key;
  std::optional<std::string> value;   ///< none: the row goes
  friend bool operator==(const RowChange&, const RowChange&) = default;
};
/// Deletes the rows with from <= key < until.
struct RowRange {
  Table table;
  std::string from;
  std::string until;
};

/// `count` scheduled messages from `first` on.
struct ScheduledRun {
  Position first;
  std::uint64_t count = 0;
};
/// A message that was cancelled while it waited.
struct CancelledMessage {
  TopicId topic;
  Position position;
};
/// Offsets of a lane into which scheduled messages have fired.
struct FiredRun {
  TopicId topic;
  Lane lane;
  Offset first;
  std::uint64_t count = 0;
};

/// What brings the tables from one committed cut to the next. Ranges are erased first, then rows are written.
struct Checkpoint {
  Position applied;                   ///< the tables hold the fold of log[.. applied) afterwards
  std::vector<RowRange> erased;
  std::vector<RowChange> changed;
  // What kPinned has to follow; where a fired message stands only the index rows know.
  std::vector<ScheduledRun> scheduled = {};
  std::vector<CancelledMessage> cancelled = {};
  std::vector<FiredRun> owed_again = {};      ///< to a group that was made
  std::vector<FiredRun> released = {};        ///< of these and all others: what nobody is owed any more
};

}  // namespace takt::core
