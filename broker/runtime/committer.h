#pragma once

#include <functional>
#include <mutex>
#include <thread>

#include "broker/runtime/inbox.h"
#include "broker/runtime/ports.h"
#include "broker/runtime/shard_mail.h"
#include "broker/runtime/stores.h"
#include "broker/runtime/upkeep.h"

namespace takt::runtime {

/// The thread that appends to the log: all commits that wait go into one append. What else the log's files need
/// is Upkeep's, on a thread of its own.
/// Thread: append and free_before from any; the answers arrive through `answer`, one at a time, on the threads of both.
class Committer final : public CommitterPort {
 public:
  Committer(Stores& stores, std::function<void(ShardMail)> answer);
  ~Committer() override;

  void append(core::Commit commit) override { inbox_.put(std::move(commit)); }
  /// Frees in the given steps, ascending; each step is answered by FrontFreed.
  void free_before(std::vector<Position> steps) { upkeep_.free_before(std::move(steps)); }

 private:
  void run();
  void append_all(std::span<const core::Commit> commits);
  /// Answers with the log's bounds of that moment, so that the last answer tells the last bounds.
  template <class Mail>
  void tell(Mail mail);

  Stores& stores_;
  const std::function<void(ShardMail)> answer_;
  std::mutex answering_;
  Inbox<core::Commit> inbox_;
  Upkeep upkeep_;
  std::jthread thread_;
};

}  // namespace takt::runtime
