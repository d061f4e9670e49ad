#pragma once
// What comes later, shown beside the work: a job with a delay, a nightly schedule, and a job whose photo is not there yet: it is
// tried again with growing delays, ends among the dead letters, and is redriven when the photo has come.

#include <takt/admin.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "examples/photo/ledger.h"
#include "examples/photo/process.h"
#include "examples/photo/run_folder.h"

namespace photo {

struct LaterOptions {
  std::string server;
  std::filesystem::path programs;
  std::filesystem::path root;                ///< for this act's own run folder
  std::filesystem::path photo;               ///< that all of its jobs are about
};

struct LaterReport {
  std::int64_t delay_ms = 0;                 ///< that was asked for
  std::int64_t delayed_after_ms = 0;         ///< from the send to the handler
  std::vector<std::string> nights;           ///< names of the schedule's next occurrences
  std::string occurrence;                    ///< the one that was triggered by hand, and done
  std::vector<std::int64_t> waits_ms;        ///< between the attempts of the job that failed
  std::string dead_because;                  ///< the reason, and the last error
  bool is_redriven = false;                  ///< and done
  std::vector<std::string> wrong;            ///< one sentence each; empty: all as it should be
};

/// A topic, a group and a worker process of its own, so that the counts of the main run stay what they are.
class Later {
 public:
  /// Sends everything and puts the schedule.
  static Result<Later> begin(const LaterOptions& options);
  /// Waits for what is to come, redrives, triggers, and stops the worker.
  Result<LaterReport> finish();

 private:
  Later(LaterOptions options, RunFolder run, takt::Admin admin)
      : options_(std::move(options)),
        run_(std::move(run)),
        admin_(std::move(admin)) {}
  Result<void> send();
  Result<void> put_schedule();
  Result<void> watch_it_fail();
  Result<void> redrive();
  Result<void> trigger();
  /// The job's lines with this event, once there are `count` of them.
  Result<std::vector<LedgerLine>> wait_for(const std::string& job, LedgerEvent event, std::size_t count) const;
  std::filesystem::path upload() const { return run_.root / "late-upload.jpg"; }

  LaterOptions options_;
  RunFolder run_;
  takt::Admin admin_;
  std::optional<Process> worker_;
  std::int64_t sent_ms_ = 0;
  LaterReport report_;
};

/// For people, a line each.
std::string later_text(const LaterReport& report);

}  // namespace photo
