#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "broker/metrics/snapshot.h"

namespace takt::metrics {

/// Renders snapshots in Prometheus' text format. docs/operations.md lists the families.
/// Bound: series with a topic label are made for at most `topics_max` topics, and for at most `groups_max` groups of all of
/// them together; the rest is summed under topic="_other", or group="_other" of its topic, and counted in
/// takt_metrics_series_dropped_total.
/// Thread: any.
class Exposition {
 public:
  explicit Exposition(std::size_t topics_max = 1000, std::size_t groups_max = 5000) : topics_max_(topics_max), groups_max_(groups_max) {}
  std::string render(const Snapshot& snapshot);

 private:
  const std::size_t topics_max_;
  const std::size_t groups_max_;
  std::atomic<std::uint64_t> series_dropped_ = 0;
};

}  // namespace takt::metrics
