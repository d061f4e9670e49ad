#pragma once
// What the ledger says so far, added up line by line: for the progress bar while the run goes on, for the table and the
// proof at its end.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "examples/photo/ledger.h"

namespace photo {

struct WorkerTally {
  std::map<std::string, std::uint64_t> effects_by_kind;
  std::uint64_t effects = 0;
  std::uint64_t executions = 0;
  std::uint64_t repeats = 0;
  std::uint64_t redelivered = 0;        ///< executions of messages that had been started before, here or elsewhere
  std::uint64_t dead = 0;
  std::map<std::string, std::string> running;  ///< message id to job: started and not ended
};

class Tally {
 public:
  /// Lines of one worker in their order. Across workers any order gives the same sums; which worker's execution of a
  /// message counts as the redelivered one is right only by time.
  void add(const LedgerLine& line);

  const std::map<std::string, WorkerTally>& workers() const { return workers_; }
  /// Of a worker that has written nothing yet: zeros.
  const WorkerTally& of(const std::string& worker) const;

  /// Jobs with an effect.
  std::uint64_t finished() const { return effects_by_job_.size(); }
  /// Jobs that ended as dead and have no effect, with the reason.
  std::map<std::string, std::string> dead() const;
  std::uint64_t executions() const { return executions_; }
  std::uint64_t repeats() const { return repeats_; }
  /// Executions beyond the first of each message: each is a delivery that was made again.
  std::uint64_t redelivered() const { return executions_ - started_.size(); }
  /// Effect lines per job; anything but 1 is an error in the end.
  const std::map<std::string, std::uint64_t>& effects_by_job() const { return effects_by_job_; }
  /// Messages of which more than one execution was started.
  std::uint64_t messages_redelivered() const;

 private:
  std::map<std::string, WorkerTally> workers_;
  std::map<std::string, std::uint64_t> effects_by_job_;
  std::map<std::string, std::string> dead_;
  std::map<std::string, std::uint64_t> started_;  // executions per message id
  std::uint64_t executions_ = 0;
  std::uint64_t repeats_ = 0;
};

}  // namespace photo
