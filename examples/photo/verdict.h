#pragma once
// The proof at the end of a run, from evidence that lies on disk: what producers were told is stored, what the workers'
// ledgers say, the effect records and the output files themselves.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "examples/photo/run_folder.h"
#include "examples/photo/tally.h"

namespace photo {

/// The worker that was killed, and what it had in hand when it stopped for good.
struct Kill {
  std::string worker;
  double at_percent = 0.0;
  std::map<std::string, std::string> in_hand;  ///< message id to job, without an effect at that moment
};

struct Evidence {
  std::vector<SentLine> sent;
  std::vector<LedgerLine> ledger;                    ///< of all workers, by time
  std::map<std::string, LedgerLine> effects;        ///< by job: the records
  std::map<std::string, std::string> output_hashes; ///< by file name, as the files are now
  std::vector<Kill> kills;
};

/// Reads everything but `kills`.
Result<Evidence> gather_evidence(const RunFolder& run);

struct Verdict {
  std::uint64_t enqueued = 0;
  std::uint64_t finished = 0;              ///< sent jobs with one effect record whose output is there, unchanged
  std::uint64_t dead = 0;                  ///< sent jobs that ended without an effect, with a reason
  std::uint64_t lost = 0;                  ///< sent jobs with neither
  std::uint64_t executions = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t repeats = 0;
  std::uint64_t effects_per_job_most = 0;
  std::uint64_t taken_over = 0;            ///< jobs in a killed worker's hand that another worker executed
  std::vector<std::string> wrong;          ///< one sentence each; empty: everything adds up

  bool is_right() const { return wrong.empty(); }
};

Verdict judge(const Evidence& evidence);

}  // namespace photo
