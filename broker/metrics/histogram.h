#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace takt::metrics {

/// Counts of observations by upper bound, as Prometheus wants them. A plain value: its owner's thread adds, others get copies.
class Histogram {
 public:
  /// `bounds` ascending; one more bucket takes what is above the last.
  explicit Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

  void observe(double value) {
    const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    ++counts_[static_cast<std::size_t>(at)];
    ++count_;
    sum_ += value;
  }

  const std::vector<double>& bounds() const { return bounds_; }
  const std::vector<std::uint64_t>& counts() const { return counts_; }   ///< per bucket, not cumulated
  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace takt::metrics
