#pragma once
// One execution of a job, such that however often the job is delivered it has one effect.
//
// A broker that loses no job must deliver some of them twice: when a worker dies after its work and before its ack,
// nobody else can know. So each execution
//   1. tells the ledger that it started,
//   2. looks whether the job's effect record exists, and if so ends as a repeat without doing the work again,
//   3. makes the picture and puts it under the job's name, whole, by rename (the same job gives the same bytes),
//   4. makes the effect record, whole, by link(2), in which exactly one of any number of executions succeeds,
//   5. tells the ledger which one it was, effect or repeat,
// and acks only then. Effects are counted from records and outputs, executions from the ledger: apart.

#include <optional>
#include <stop_token>

#include "examples/photo/jobs.h"
#include "examples/photo/ledger.h"
#include "examples/photo/run_folder.h"

namespace photo {

/// What the worker knows about a delivery.
struct Delivery {
  std::string message;
  std::uint32_t attempt = 1;
  std::string worker;
};

enum class Ending : std::uint8_t { kDone, kRetry, kRelease, kDead };
struct Conclusion {
  Ending ending = Ending::kDone;
  std::string text;  ///< of kRetry and kDead
};

/// kDead: the photo cannot be read or the job makes no sense. kRetry: the photo is not there (an upload may
/// be on its way), or a file of the run cannot be written. kRelease: the
/// stop was requested before the effect.
Conclusion execute_once(const RunFolder& run, Ledger& ledger, const Job& job, const Delivery& delivery, const std::stop_token& stop);

/// The record under which `job` took effect, or none.
std::optional<LedgerLine> find_effect(const RunFolder& run, const std::string& job);

}  // namespace photo
