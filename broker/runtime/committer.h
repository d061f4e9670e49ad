#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <variant>

#include "broker/runtime/inbox.h"
#include "broker/runtime/ports.h"
#include "broker/runtime/shard_mail.h"
#include "broker/runtime/stores.h"

namespace takt::runtime {

/// The thread that owns the log's write transactions: all commits that wait go into one append, one sync. Freeing goes in
/// small steps between appends, preallocation and trimming when none came for a while.
/// Thread: append and free_before from any; the answers arrive through `answer` on the committer's thread.
class Committer final : public CommitterPort {
 public:
  Committer(Stores& stores, std::function<void(ShardMail)> answer);
  ~Committer() override;

  void append(core::Commit commit) override { inbox_.put(std::move(commit)); }
  /// Frees in the given steps, ascending; each step is one call of Log::free_before, answered by FrontFreed.
  void free_before(std::vector<Position> steps) { inbox_.put(Free{std::move(steps)}); }

 private:
  struct Free {
    std::vector<Position> steps;
  };
  using Work = std::variant<core::Commit, Free>;

  void run();
  void append_all(std::vector<core::Commit> commits);
  void free_one(Position step);
  std::optional<Time> quiet_work_at() const;
  void do_quiet_work();

  Stores& stores_;
  const std::function<void(ShardMail)> answer_;
  Inbox<Work> inbox_;

  // thread_ only.
  std::deque<Position> to_free_;
  std::optional<Time> preallocate_at_ = monotonic_now();
  std::optional<Time> trim_at_;
  std::jthread thread_;
};

}  // namespace takt::runtime
