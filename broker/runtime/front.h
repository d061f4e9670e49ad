#pragma once
// What may be freed at the front of the log, as values. The log is freed only from the front: LMDB reuses its pages well
// in that order and badly in any other.

#include <deque>
#include <span>
#include <vector>

#include "broker/core/commit.h"
#include "broker/core/partition.h"

namespace takt::runtime {

struct FrontLimits {
  std::size_t bytes = 256u << 20;        ///< the front is so much of the log's oldest bytes
  std::size_t runs_max = 65'536;         ///< or so many runs or commits: what its directory costs in memory
};

/// The directory of the log's oldest commits, as far as it was scanned.
class Front {
 public:
  explicit Front(const FrontLimits& limits) : limits_(limits) {}

  /// The next commit; must begin where the last one ended, or start afresh after clear().
  void add(const core::CommitView& commit, std::size_t bytes);
  /// Forgets the commits that end at or before `position`: they are freed.
  void drop_before(Position position);
  void clear();

  bool is_full() const { return fills(bytes_, runs_.size(), commits_.size()); }
  bool empty() const { return commits_.empty(); }
  std::size_t bytes() const { return bytes_; }
  /// Where the next commit to add begins; meaningless while empty.
  Position end() const { return commits_.back().end; }
  std::vector<core::Partition::FrontRun> runs() const { return {runs_.begin(), runs_.end()}; }

  /// Ends of commits up to `position`, about `bytes` of log apart: so that freeing goes in small steps.
  std::vector<Position> steps(Position position, std::size_t bytes) const;

  struct Plan {
    Position free_before;                                   ///< at or before the front's first position: nothing to free
    std::vector<core::Partition::LiveStretch> carry;        ///< to be in the tables before that
    Position dead_before;                                   ///< what may be freed when carrying fails
  };
  /// What holds the log at a front of scheduled messages.
  struct Waiting {
    std::uint64_t messages = 0;   ///< that wait for their due, wherever they stand
    std::uint64_t log_bytes = 0;
  };
  /// What to do when `live` (in log order) is what is still owed of the commits up to `asked_end`; what was added since
  /// is left alone, and so is what was freed since. Commits before the first live message are freed. What was asked about,
  /// if it makes a full front and is less than half live, by bytes, is freed whole and what lives is carried; more than
  /// that is a backlog. What waits for its due may do so for years, and the log behind it must go: it counts as live while
  /// the log is at most twice as large as all that waits would be, at the front's mean size; so little is carried where
  /// much is scheduled, and a log never holds more than that for its sake.
  Plan plan(std::span<const core::Partition::LiveStretch> live, Position asked_end, const Waiting& waiting) const;

 private:
  bool fills(std::size_t bytes, std::size_t runs, std::size_t commits) const {
    return bytes >= limits_.bytes || runs >= limits_.runs_max || commits >= limits_.runs_max;
  }

  struct Commit {
    Position first;
    Position end;
    std::size_t bytes = 0;
    std::size_t runs = 0;
  };

  const FrontLimits limits_;
  std::deque<Commit> commits_;
  std::deque<core::Partition::FrontRun> runs_;
  std::size_t bytes_ = 0;
};

}  // namespace takt::runtime
