#pragma once
// taktd is killed under load, again and again, and the books are judged.

#include <cstdint>
#include <string>

#include "tests/support/checker.h"

namespace takt::e2e {

struct KillPlan {
  std::uint64_t kills = 5;
  /// After the last kill the broker finds its folder as the first kill left it: a store that forgets.
  bool forgets = false;
  std::uint64_t seed = 1;   ///< of how long the broker may go on after it has made progress
};

struct KillReport {
  std::uint64_t kills = 0;
  takt::testing::Verdict verdict;
  std::size_t long_jobs_over_a_kill = 0;   ///< begun before a kill and finished after it
  std::uint64_t resent_batches = 0;
  std::uint64_t duplicates = 0;            ///< repeated batches that the broker had stored
  std::uint64_t orders_done = 0;           ///< by the broker's count
  std::uint64_t invoices_stored = 0;
  bool drained = false;
  std::string trouble;                     ///< empty: all processes ended well
};

/// Load: batches and singles, push and pull workers, long jobs, jobs with a follow-up; all clients live through it.
KillReport run_kill_loop(const KillPlan& plan);

}  // namespace takt::e2e
