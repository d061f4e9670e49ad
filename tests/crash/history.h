#pragma once
// All that a recorded broker ever committed, read back from what it wrote, and what a crash at each instant may leave.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/commit.h"
#include "broker/core/partition.h"
#include "tests/core/harness.h"
#include "tests/crash/journal.h"

namespace takt::crash {

/// Where a message stands, by the log.
struct Spot {
  TopicId topic;
  Lane lane;
  Offset offset;
  friend auto operator<=>(const Spot&, const Spot&) = default;
};

class History {
 public:
  /// `data` is the recorded broker's folder, whose identity the images share; `scratch` may be written to.
  /// Throws std::runtime_error when the record contradicts itself: the broker told a client what its disk did not have.
  History(const Journal& journal, const std::filesystem::path& data, const std::filesystem::path& scratch);

  const std::vector<core::Commit>& commits() const { return commits_; }
  const core::PartitionUuid& uuid() const { return uuid_; }
  core::PartitionSettings settings() const;
  /// The first record of the journal that images are cut behind.
  std::size_t ready() const { return ready_; }

  /// How far the log reaches that a crash behind record `index` leaves.
  struct Reach {
    Position least;   ///< all that was durable, and all that a client was told of
    Position most;    ///< all that was written
  };
  Reach reach(std::size_t index) const;
  /// Commits that end at or before `end`; none when no commit ends there.
  std::optional<std::size_t> commits_until(Position end) const;

  /// What tables and log must fold to when the log ends at `end`.
  std::uint64_t fingerprint_at(Position end) const { return fingerprints_.at(end); }
  /// The same in full, with what was committed behind it. Cost: a fold of the whole log.
  std::map<std::string, std::string> rows_at(Position end, const std::vector<core::Commit>& more = {}) const;
  /// Of rows as core::test::logical gives them.
  static std::uint64_t fingerprint(const std::map<std::string, std::string>& rows);

  /// Runs of messages of the commits before `end`, as a front's directory has them.
  std::vector<core::Partition::FrontRun> runs_until(Position end) const;
  struct Message {
    Position position;
    std::string metadata;
    std::string payload;
  };
  const Message* find(const Spot& spot) const;

 private:
  void read_marks(const Journal& journal);
  void take(const core::Commit& commit);
  void fold();
  void demand(std::size_t index, Position end);

  core::PartitionUuid uuid_{};
  std::size_t ready_ = 0;
  std::vector<core::Commit> commits_;
  std::vector<core::CommitView> views_;
  std::vector<std::pair<std::size_t, Position>> written_;    ///< from this record on the log may reach there; ascending
  std::vector<std::pair<std::size_t, Position>> durable_;    ///< from this record on it reaches there
  std::map<Position, std::uint64_t> fingerprints_;
  std::map<Spot, Message> messages_;
  std::map<Position, Spot> spots_;
  std::map<std::tuple<TopicId, GroupId, Lane, Offset>, Position> done_;   ///< end of the commit that says so
  std::map<std::pair<std::string, std::string>, std::vector<std::pair<TopicId, GroupId>>> groups_;   ///< every one that had this name
  std::map<TopicId, std::string> topics_;
};

}  // namespace takt::crash
