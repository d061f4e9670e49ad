#pragma once
// Counters and gauges of a partition, plain integers here and rendered at the edge.

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
  std::uint64_t delivered = 0, acked = 0, retried = 0, dead_lettered = 0, stale = 0;
  std::uint64_t redelivered_lost = 0, redelivered_retry = 0, redelivered_released = 0;
};

struct TopicStats {
  std::string topic;
  std::uint64_t messages = 0, bytes = 0;         ///< retained; bytes estimated
  std::uint64_t enqueued = 0, enqueued_bytes = 0, deduplicated = 0;
  std::vector<GroupStats> groups;
};

struct RefusalCount {
  ErrorCode code;
  std::uint64_t count = 0;
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
  std::vector<RefusalCount> refusals;
  std::vector<TopicStats> topics;
};

}  // namespace takt::core
