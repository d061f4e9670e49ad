#pragma once
// What a run is like. Everything is drawn from the seed ("swarm": each run has its own mix of faults), so that a seed alone
// replays it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/time.h"

namespace takt::sim {

/// Lies that one of the simulation's own ports tells, to prove that the checker hears them.
enum class Lie : std::uint8_t {
  kNone,
  kAckBeforeSync,           ///< the committer says "durable" before it is
  kFailedAppendReported,    ///< a failed append is reported as done
  kLostCommit,              ///< the disk forgets its last synced commit in a crash
  kForgottenAcks,           ///< a checkpoint leaves out done-sets and floors
  kForgottenRetries,        ///< a checkpoint leaves out the attempts of messages that failed
  kFrontFreedEarly,         ///< the log's front goes before the checkpoint that replaces it is durable
  kForgottenCarry,          ///< messages carried out of the front are not written
  kSkippedBlock,            ///< the reader claims that messages in the log are gone
  kRepeatedDelivery,        ///< the network delivers a Deliver a second time
  kSwallowedSessionEnd,     ///< the gateway does not tell the shard that a session ended
};
inline constexpr Lie last_lie = Lie::kSwallowedSessionEnd;
std::string_view name_of(Lie lie);
std::optional<Lie> lie_of(std::string_view name);

struct Options {
  std::uint64_t seed = 0;
  std::uint64_t steps = 6000;              ///< events until the faults end and the queues are drained
  Lie lie = Lie::kNone;

  // Shape.
  std::uint32_t topics = 1;
  std::uint32_t groups_per_topic = 1;
  std::uint32_t lanes = 1;
  std::uint32_t producers = 1;
  std::uint32_t workers_per_group = 1;
  std::uint32_t batch_messages_max = 10;
  std::uint32_t payload_bytes_max = 100;
  std::uint64_t messages_max = 0;          ///< producers stop there
  Duration publish_every{};
  Duration send_timeout{};
  std::uint32_t relaxed_permille = 0;      ///< batches with acks=0
  Duration handle_time{};
  Duration long_job_time{};
  std::uint32_t long_jobs_permille = 0;
  std::uint32_t retry_permille = 0, release_permille = 0, dead_permille = 0, complete_permille = 0;
  std::uint32_t pull_permille = 0;         ///< of the workers
  std::uint32_t credit_max = 10;
  std::uint32_t concurrency_max = 4;
  /// Nobody but the broker ever fails: then every message is executed exactly once.
  bool is_calm = false;

  // Broker.
  Duration session_timeout{};
  Duration recover_grace{};
  std::uint32_t in_flight_max = 1'000'000;
  std::uint32_t in_flight_per_worker_max = 65'536;
  Duration held_after{};
  std::size_t cache_bytes = 0;
  std::size_t checkpoint_bytes = 0;
  Duration checkpoint_interval{};
  std::size_t front_bytes = 0;
  std::uint64_t store_bytes_max = 0;
  std::uint32_t attempts_max = 8;
  std::size_t inbox_bound = 0;

  // Delays.
  Duration latency_max{};
  Duration sync_max{};
  Duration read_max{};
  Duration scan_max{};                     ///< from a checkpoint's end to what the front was found to hold
  Duration turn_max{};

  // Faults: a mean time between two of them, or a chance; zero is never.
  Duration crash_every{};
  std::uint32_t crash_at_port_permille = 0;
  Duration restart_max{};
  Duration drain_every{};
  Duration stall_every{};
  Duration cut_every{};
  std::uint32_t half_open_permille = 0;    ///< of the cuts
  std::uint32_t repeat_permille = 0;       ///< a client's old acks and fails come again
  Duration worker_death_every{};
  Duration worker_freeze_every{};
  Duration worker_leave_every{};
  Duration producer_death_every{};
  std::uint32_t append_failure_permille = 0;
  std::uint32_t checkpoint_failure_permille = 0;
  std::uint32_t read_failure_permille = 0;

  /// The faults end: what is up stays up.
  void heal();
  /// One line for people.
  std::string describe() const;
};

Options draw_options(std::uint64_t seed, Lie lie = Lie::kNone);

}  // namespace takt::sim
