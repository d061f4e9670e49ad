#pragma once
// Counters and gauges of a partition, plain integers here and rendered at the edge.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "proto/error_code.h"
#include "proto/messages.h"
#include "proto/time.h"

namespace takt::core {

struct GroupStats {
  std::string group;
  std::uint64_t ready = 0, leased = 0, retrying = 0, held = 0, unreadable = 0, dead = 0;
  std::uint32_t workers = 0;
  Duration alone{};                              ///< without a worker, since the start at most
  std::uint64_t delivered = 0, acked = 0, retried = 0, redriven = 0, purged = 0, stale = 0;
  std::array<std::uint64_t, proto::dead_reason_count> dead_lettered{};   ///< by reason
  std::uint64_t redelivered_lost = 0, redelivered_retry = 0, redelivered_released = 0;
};

struct TopicStats {
  std::string topic;
  std::uint64_t messages = 0, bytes = 0;         ///< retained; bytes estimated
  std::uint64_t enqueued = 0, enqueued_bytes = 0, deduplicated = 0;
  std::uint64_t scheduled = 0;                   ///< wait for their due
  std::uint64_t fired = 0;                       ///< came due since the start
  std::uint64_t cancelled = 0, rescheduled = 0;  ///< by people, since the start
  std::vector<GroupStats> groups;
};

struct RefusalCount {
  ErrorCode code;
  std::uint64_t count = 0;
};

/// How long after their due scheduled messages could be delivered: when that they fired was durable.
struct Lateness {
  static constexpr std::array<std::chrono::milliseconds, 12> bounds = {
      std::chrono::milliseconds(1),  std::chrono::milliseconds(2),  std::chrono::milliseconds(5),   std::chrono::milliseconds(10),
      std::chrono::milliseconds(25), std::chrono::milliseconds(50), std::chrono::milliseconds(100), std::chrono::milliseconds(250),
      std::chrono::seconds(1),       std::chrono::seconds(10),      std::chrono::minutes(1),        std::chrono::minutes(10)};
  std::array<std::uint64_t, bounds.size() + 1> counts{};   ///< by upper bound; the last is above all of them
  double sum_seconds = 0;   ///< a message may be centuries late

  void observe(std::chrono::milliseconds late, std::uint64_t count) {
    const auto at = std::lower_bound(bounds.begin(), bounds.end(), late) - bounds.begin();
    counts[static_cast<std::size_t>(at)] += count;
    sum_seconds += std::chrono::duration<double>(late).count() * static_cast<double>(count);
  }
};

struct WheelStats {
  std::uint64_t pending = 0;                     ///< timers that wait
  std::size_t bytes = 0;                         ///< of memory
  std::chrono::milliseconds overdue{};           ///< of the oldest timer that has not fired
  bool waits_for_storage = false;                ///< due timers are being read
  Lateness lateness;
};

struct ScheduleStats {
  std::uint64_t schedules = 0;
  std::uint64_t due = 0;                         ///< wait for their turn, or for room for their message
  std::array<std::uint64_t, proto::outcome_count> occurrences{};   ///< since the start, by what became of them
};

struct PartitionStats {
  PartitionId partition;
  Position end, committed;
  Epoch epoch;
  std::uint64_t commits = 0;
  std::uint64_t sessions = 0, subscriptions = 0, producers = 0;
  std::uint64_t leased = 0;
  std::uint64_t times_at_lease_bound = 0;        ///< a subscription with credit waited, since the start
  std::uint64_t cache_bytes = 0;
  std::uint64_t unreadable = 0;                  ///< messages found damaged since the start
  WheelStats wheel;
  ScheduleStats schedules;
  std::vector<RefusalCount> refusals;
  std::vector<TopicStats> topics;
};

}  // namespace takt::core
