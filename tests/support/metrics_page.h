#pragma once
// A page in Prometheus' text format: its samples, and what is wrong with it.

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace takt::testing {

struct MetricsPage {
  /// By name and labels as they stand: `takt_group_messages{topic="t",group="g",state="ready"}`.
  std::map<std::string, double> samples;
  /// One sentence each; empty when the page is in order. Checked: HELP and TYPE before each family's samples, once;
  /// names in [a-z0-9_]; counters end in _total, base units in names (seconds, bytes); numbers; histograms complete and
  /// growing; no sample twice.
  std::vector<std::string> faults;

  /// Sum over all samples of the family whose labels contain all of `labels` (`group="g"`).
  double sum(const std::string& name, const std::vector<std::string>& labels = {}) const;
};

MetricsPage read_metrics(const std::string& text);

}  // namespace takt::testing
