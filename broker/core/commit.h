#pragma once
// Log format version 1: one group commit is one log value. docs/log-format.md has the byte table.
//   header 96 B | directory: runs x 48 B | the runs, in the order in which they were applied
// A run of class control holds events (event.h) in its metadata section; a run of class immediate holds a
// producer's batch: stamp 24 B | metadata section | payload section, as the wire's bytes (proto/section.h).
// All integers little-endian.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/ids.h"
#include "proto/messages.h"
#include "proto/result.h"
#include "proto/shared_bytes.h"
#include "proto/time.h"

namespace takt::core {

using PartitionUuid = std::array<std::byte, 16>;

inline constexpr std::uint16_t log_format_version = 1;
inline constexpr std::size_t run_overhead_bytes = 72;              ///< of a batch in a commit: its directory entry and stamp
inline constexpr std::size_t commit_bytes_target = 1024 * 1024;  ///< a commit is sealed at the latest here; one larger command stands alone

/// What is wrong with stored bytes and where, for people.
struct Corruption {
  std::string what;
};

struct CommitHeader {
  std::uint16_t version = log_format_version;
  std::uint32_t required_features = 0;  ///< a bit that the reader does not know: refuse to open
  std::uint32_t optional_features = 0;  ///< may be ignored
  PartitionUuid partition{};
  Position first;
  std::uint32_t count = 0;  ///< records and events: positions that this commit takes
  Epoch epoch;
  std::uint16_t era = 0;  ///< compared before `time`; nothing raises it yet
  WallTime time{};  ///< partition time, fixed when the commit was opened
  Position durable_to;  ///< end of the commits that were synced when this one was sealed
};

/// Whose batch a run is; 24 bytes in front of its metadata section. Epoch 0, which no producer has: the broker's own.
struct ProducerStamp {
  ProducerId producer;
  std::uint32_t epoch = 0;
  Sequence sequence;
  std::uint32_t count = 0;
  friend bool operator==(const ProducerStamp&, const ProducerStamp&) = default;
};

/// One run as the directory tells it. Of a control run only position, count and metadata count.
struct RunView {
  TopicId topic;
  Lane lane;
  proto::RunClass run_class = proto::RunClass::kControl;
  Offset first_offset;  ///< of an immediate run
  WallTime taken{};  ///< of a scheduled run: when it came, by the partition's time; delays count from then
  Position first_position;
  std::uint32_t count = 0;
  ProducerStamp stamp;
  ByteView metadata;
  ByteView payload;
};

/// A sealed group commit: what the log stores, the cache keeps and a follower fetches. Immutable, shared.
struct Commit {
  Position first;
  Position end;  ///< first + count
  SharedBytes value;
};

/// A commit's header and runs, as views into `value`.
struct CommitView {
  ByteView value;
  CommitHeader header;
  std::vector<RunView> runs;

  Position end() const { return header.first.plus(header.count); }

  enum class Sections { kCheck, kTrust };
  /// Reads header and directory and checks their checksum (seeded with XXH3-64(uuid, first position)), every place and
  /// length, the sum of counts and, with kCheck, each section's checksum.
  /// Errors: what is corrupt, unknown or foreign (another partition's uuid), with its place.
  static Result<CommitView, Corruption> parse(ByteView value, const PartitionUuid& partition, Sections sections);
  /// Checks the sections of run `index` of a commit that was parsed with kTrust.
  Result<void, Corruption> check_sections(std::size_t index) const;
};

/// A run that waits for its commit to be sealed.
struct PendingRun {
  TopicId topic;
  Lane lane;
  proto::RunClass run_class = proto::RunClass::kControl;
  Offset first_offset;  ///< of an immediate run
  WallTime taken{};  ///< of a scheduled run
  std::uint32_t count = 0;
  ProducerStamp stamp;
  SharedBytes metadata;
  SharedBytes payload;
  std::uint64_t metadata_checksum = 0;
  std::uint64_t payload_checksum = 0;
};

/// Bytes that `run` adds to a commit.
std::size_t stored_bytes(const PendingRun& run);
/// Lays out one commit; every section is copied once. `header.count` is computed from the runs, and so is a control
/// run's checksum; a batch keeps those that came with it over the wire.
Commit seal_commit(CommitHeader header, std::span<const PendingRun> runs);

}  // namespace takt::core
