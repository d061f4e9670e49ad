#pragma once
// What a finished run tells: a table for the terminal, report.json for programs, the contact sheet for eyes.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "examples/photo/contact_sheet.h"
#include "examples/photo/jobs.h"
#include "examples/photo/later.h"
#include "examples/photo/verdict.h"

namespace photo {

struct WorkerSummary {
  std::string name;
  std::string mode;                    ///< `push` or `pull`
  std::int64_t pid = 0;
  std::optional<Kill> kill;
};

/// What the broker says its group still owes, and what it settled.
struct GroupSummary {
  std::uint64_t owed = 0;
  std::uint64_t done = 0;              ///< finished, those that are dead included
  std::uint64_t dead = 0;
};

struct RunSummary {
  std::vector<WorkerSummary> workers;
  std::vector<std::filesystem::path> photos;
  std::vector<Job> jobs;
  Evidence evidence;
  Tally tally;
  Verdict verdict;
  GroupSummary group;
  LaterReport later;
  double seconds = 0.0;                ///< from the first producer's start to the last job's end
  double worker_cpu_seconds = 0.0;     ///< image work of all workers
};

/// Who did what, one line per worker.
std::string worker_table(const RunSummary& run);
/// The counts, one line each, with where they were counted.
std::string proof_text(const RunSummary& run);
std::string report_json(const RunSummary& run);
/// A strip per photo: the original and one result of each kind.
SheetContent sheet_content(const RunSummary& run);

}  // namespace photo
