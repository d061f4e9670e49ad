#pragma once
// Percentiles of measured times.

#include <chrono>
#include <cstddef>
#include <vector>

namespace takt::cli {

/// Keeps every value: 8 bytes each, so that no percentile is an estimate. Thread: one at a time.
class Latencies {
 public:
  void add(std::chrono::nanoseconds value) { values_.push_back(value); }
  std::size_t size() const { return values_.size(); }

  struct Summary {
    double p50_ms = 0;
    double p90_ms = 0;
    double p99_ms = 0;
    double p999_ms = 0;
    double max_ms = 0;
  };
  /// The value at rank ceil(share * n); all zero without values. Cost: sorts.
  Summary summary();

 private:
  std::vector<std::chrono::nanoseconds> values_;
};

}  // namespace takt::cli
