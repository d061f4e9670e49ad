#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/core/partition_clock.h"
#include "broker/core/stats.h"
#include "broker/metrics/histogram.h"
#include "broker/transport/desk_stats.h"

namespace takt::metrics {

/// What the runtime knows of one partition's store.
struct StoreStats {
  std::uint64_t log_bytes = 0;              ///< of disk that the log takes
  std::uint64_t tables_bytes = 0;           ///< and the tables
  std::uint64_t limit_bytes = 0;            ///< store.bytes_max
  std::optional<std::uint64_t> disk_free_bytes;   ///< none: the file system does not say
  bool is_full = false;                     ///< enqueues are refused
  std::uint64_t checkpoints = 0;
  std::uint64_t carried_messages = 0;
  std::uint64_t reloads = 0;                ///< after a failed append
  std::uint64_t errors_full = 0, errors_io = 0, errors_corrupt = 0;
  Histogram commit_seconds{{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1}};
  Histogram commit_bytes{{256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304}};
};

/// What the partition's clock makes of the wall clock.
struct ClockStats {
  core::PartitionClock::State state = core::PartitionClock::State::kFollows;
  Duration ahead{};                         ///< of the wall clock before the partition's time
  std::uint64_t steps = 0;                  ///< of the wall clock that were followed
};

/// Everything that /metrics shows, at about one instant.
struct Snapshot {
  std::string version;
  core::PartitionStats partition;
  StoreStats store;
  ClockStats clock;
  transport::DeskStats gateway;
  std::uint64_t http_connections_refused = 0;
};

}  // namespace takt::metrics
