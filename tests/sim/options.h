#pragma once
// What a run is like. Everything is drawn from the seed ("swarm": each run has its own mix of faults), so that a seed alone
// replays it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/messages.h"
#include "proto/time.h"

namespace takt::sim {

/// No delay that workers ask for or groups have is longer.
inline constexpr std::chrono::milliseconds failure_delay_max{5'000};

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

/// Where workers' follow-ups go.
inline constexpr const char* follow_up_topic = "next";
/// Where schedules send to: nobody reads there.
inline constexpr const char* recurring_topic = "recurring";

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
  std::uint64_t owed_max = 0;              ///< and wait while so many are owed: faults shall meet work to the end
  Duration publish_every{};
  Duration send_timeout{};
  std::uint32_t relaxed_permille = 0;      ///< batches with acks=0
  std::uint32_t scheduled_permille = 0;    ///< batches and follow-ups whose messages wait for their due
  Duration schedule_max{};                 ///< so long at most
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
  proto::RetryPolicy retry{};
  std::size_t inbox_bound = 0;
  std::size_t turn_cost = 0;
  Duration producer_idle_expiry{};

  // What an operator does meanwhile.
  Duration look_every{};                   ///< a peek or a listing
  Duration schedules_every{};              ///< a schedule is put, paused, triggered, deleted or shown
  Duration settings_every{};               ///< a topic's or a group's
  Duration delete_every{};                 ///< of a group or a topic; who uses it makes it anew
  Duration late_group_every{};
  std::uint32_t from_now_permille = 0;     ///< of the workers, who make groups that are not there
  std::uint64_t keep_ms = 0, keep_bytes = 0, topic_bytes_max = 0;   ///< at most; of some topics

  // Delays.
  Duration latency_max{};
  Duration sync_max{};
  Duration read_max{};
  Duration scan_max{};                     ///< from a checkpoint's end to what the front was found to hold
  Duration turn_max{};

  // Faults: a mean time between two of them, or a chance; zero is never.
  Duration crash_every{};
  std::uint32_t crash_at_port_permille = 0;
  std::uint64_t crash_each_boundary = 0;   ///< at every n-th call of a port; zero is never
  std::uint64_t crash_at_boundary = 0;     ///< at this one, counted from 1
  Duration restart_max{};
  Duration outage_max{};                   ///< of four restarts in ten; zero: of none
  Duration drain_every{};
  Duration stall_every{};
  Duration cut_every{};
  std::uint32_t half_open_permille = 0;    ///< of the cuts
  std::uint32_t late_permille = 0;         ///< of the cuts: what the client had sent arrives after it has reconnected
  Duration delay_every{};                  ///< one direction of a connection stands still for a while
  std::uint32_t repeat_permille = 0;       ///< a client's old acks, fails, batches and completes come again
  std::uint32_t double_permille = 0;       ///< a request goes out twice, one right behind the other
  Duration worker_death_every{};
  Duration worker_freeze_every{};
  Duration worker_leave_every{};
  Duration producer_death_every{};
  Duration producer_freeze_every{};
  Duration takeover_every{};               ///< a producer's successor, under its number, while it lives
  Duration clock_step_every{};
  Duration clock_step_max{};
  std::uint32_t append_failure_permille = 0;
  std::uint32_t checkpoint_failure_permille = 0;
  std::uint32_t read_failure_permille = 0;

  bool deletes() const { return delete_every != Duration::zero() || was_deleting; }
  bool was_deleting = false;               ///< until the faults ended

  /// The faults end: what is up stays up.
  void heal();
  /// One line for people.
  std::string describe() const;
};

Options draw_options(std::uint64_t seed, Lie lie = Lie::kNone);

}  // namespace takt::sim
