#pragma once
// The run: a broker, two producers and a pool of workers as processes, one of which is killed on the way; then the
// count of what became of every job.

#include <csignal>
#include <filesystem>
#include <optional>

#include "examples/photo/plan.h"
#include "examples/photo/report.h"

namespace photo {

struct DemoOptions {
  std::filesystem::path programs;                            ///< folder of taktd, photo_producer, photo_worker
  std::filesystem::path out = "demo-out";
  std::filesystem::path photos = "/usr/share/backgrounds";
  std::size_t jobs = 300;                                    ///< at least
  double seconds_at_least = 30.0;                            ///< more jobs are planned where these would take less
  std::size_t workers = 4;                                   ///< every other one in pull mode; at least 2
  std::uint32_t concurrency = 2;                             ///< of each worker; at least 2
  WorkSize size = WorkSize::kFull;
  const volatile std::sig_atomic_t* interrupted = nullptr;   ///< becomes other than 0 when the user has had enough
};

/// Runs it all, prints as it goes, and writes contact-sheet.png and report.json into `out`. A summary whose verdict is
/// not right is still a summary; a Problem means that the run could not be made or went astray on the way.
Result<RunSummary> run_demo(const DemoOptions& options);

}  // namespace photo
