#include "tests/support/metrics_page.h"

#include <gtest/gtest.h>

namespace takt::testing {
namespace {

const std::string good = R"(# HELP takt_acks_total Acks.
# TYPE takt_acks_total counter
takt_acks_total{topic="a",group="g"} 3
takt_acks_total{topic="b",group="g"} 4
# HELP takt_commit_seconds Time.
# TYPE takt_commit_seconds histogram
takt_commit_seconds_bucket{le="0.1"} 1
takt_commit_seconds_bucket{le="+Inf"} 2
takt_commit_seconds_sum 0.7
takt_commit_seconds_count 2
)";

TEST(MetricsPage, ReadsSamplesAndFindsNothingWrongWithAGoodPage) {
  const MetricsPage page = read_metrics(good);
  EXPECT_TRUE(page.faults.empty()) << page.faults.front();
  EXPECT_EQ(page.sum("takt_acks_total"), 7);
  EXPECT_EQ(page.sum("takt_acks_total", {"topic=\"b\""}), 4);
}

TEST(MetricsPage, FindsEachKindOfFault) {
  const std::vector<std::string> bad = {
      "takt_lonely 1\n",
      "# HELP takt_x X.\n# TYPE takt_x counter\ntakt_x 1\n",
      "# HELP takt_x_ms X.\n# TYPE takt_x_ms gauge\ntakt_x_ms 1\n",
      "# HELP takt_x X.\n# TYPE takt_x gauge\ntakt_x one\n",
      "# HELP takt_x X.\n# TYPE takt_x gauge\ntakt_x 1\ntakt_x 1\n",
      "# HELP takt_x X.\n# TYPE takt_x gauge\ntakt_x 1",
      "# HELP takt_x X.\n# TYPE takt_x gauge\n",
      "# HELP takt_x X.\n# TYPE takt_x gauge\ntakt_x{a=b} 1\n",
      "# HELP taktX X.\n# TYPE taktX gauge\ntaktX 1\n",
      "# HELP takt_x X.\n# TYPE takt_x histogram\ntakt_x_bucket{le=\"1\"} 5\ntakt_x_bucket{le=\"+Inf\"} 4\ntakt_x_sum 1\ntakt_x_count 4\n",
  };
  for (const std::string& page : bad) EXPECT_FALSE(read_metrics(page).faults.empty()) << page;
}

}  // namespace
}  // namespace takt::testing
