#pragma once
// Processes are killed under load, again and again, and the books are judged. What a seed draws is whom, when and how; what
// threads, disk and network do in between is theirs.

#include <cstdint>
#include <string>

#include "tests/support/checker.h"

namespace takt::e2e {

struct KillReport {
  std::uint64_t kills = 0;
  takt::testing::Verdict verdict;
  bool drained = false;
  std::string trouble;                     ///< empty: all that were not killed ended well
};

struct BrokerKillPlan {
  std::uint64_t kills = 5;
  std::uint64_t seed = 1;
  std::uint32_t due_per_second = 500;      ///< messages with a delay of 1.5 s, sent at this rate
  /// After the last kill the broker finds its folder as the first kill left it: a store that forgets.
  bool forgets = false;
};
struct BrokerKillReport : KillReport {
  std::size_t long_jobs_over_a_kill = 0;   ///< begun before a kill and finished after it
  std::uint64_t resent_batches = 0;
  std::uint64_t duplicates = 0;            ///< repeated batches that the broker had stored
  std::uint64_t orders_done = 0;           ///< by the broker's count
  std::uint64_t invoices_stored = 0;
  std::uint64_t reminders_done = 0, reminders_stored = 0;
};
/// taktd is killed. Load: batches and singles, push and pull workers, long jobs, jobs with a follow-up, delayed messages; all
/// clients live through it.
BrokerKillReport run_broker_kills(const BrokerKillPlan& plan);

struct ClientKillPlan {
  std::uint64_t kills = 5;
  std::uint64_t seed = 1;
};
struct WorkerKillReport : KillReport {
  std::uint64_t freezes = 0;
  std::uint64_t stale_outcomes = 0;        ///< told to the workers that lived to the end
};
/// Workers are killed while they hold leases, in push and in pull, also such that store follow-ups. Every fourth time one
/// is frozen instead until its session is over, and says what it has to say too late; at times the broker falls just then.
WorkerKillReport run_worker_kills(const ClientKillPlan& plan);
/// Producers are killed while a batch is on its way; others go on in their place.
KillReport run_producer_kills(const ClientKillPlan& plan);

}  // namespace takt::e2e
