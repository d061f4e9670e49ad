#include "broker/metrics/exposition.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace takt::metrics {
namespace {

Snapshot snapshot(std::size_t topics) {
  Snapshot snapshot;
  snapshot.version = "1.2.3";
  for (std::size_t i = 0; i < topics; ++i) {
    core::TopicStats topic;
    topic.topic = "t" + std::to_string(i);
    topic.enqueued = 10;
    core::GroupStats group;
    group.group = "g";
    group.ready = 2;
    group.acked = 3;
    topic.groups.push_back(group);
    snapshot.partition.topics.push_back(topic);
  }
  snapshot.partition.refusals = {{ErrorCode::kTopicFull, 4}};
  snapshot.gateway.refusals = {{ErrorCode::kTopicFull, 1}, {ErrorCode::kBusy, 2}};
  snapshot.store.disk_free_bytes = 5;
  snapshot.store.commit_seconds.observe(0.0003);
  snapshot.store.commit_seconds.observe(0.5);
  return snapshot;
}

bool has_line(const std::string& page, const std::string& line) { return ("\n" + page).find("\n" + line + "\n") != std::string::npos; }

std::set<std::string> families(const std::string& page) {
  std::set<std::string> names;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("# TYPE ")) names.insert(line.substr(7, line.rfind(' ') - 7));
  return names;
}

TEST(Exposition, ShowsTopicsGroupsAndRefusals) {
  const std::string page = Exposition().render(snapshot(1));
  EXPECT_TRUE(has_line(page, R"(takt_build_info{version="1.2.3"} 1)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_messages_enqueued_total{topic="t0"} 10)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_messages_acked_total{topic="t0",group="g"} 3)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_group_messages{topic="t0",group="g",state="ready"} 2)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_requests_refused_total{code="topic_full"} 5)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_requests_refused_total{code="busy"} 2)")) << page;
}

TEST(Exposition, ShowsTimersAndTheClock) {
  Snapshot with = snapshot(1);
  with.partition.topics[0].scheduled = 7;
  with.partition.topics[0].fired = 5;
  with.partition.wheel.pending = 8;
  with.partition.wheel.overdue = std::chrono::milliseconds(1500);
  with.partition.wheel.lateness.observe(std::chrono::milliseconds(0), 3);
  with.partition.wheel.lateness.observe(std::chrono::milliseconds(3), 2);
  with.partition.wheel.lateness.observe(std::chrono::hours(1), 1);
  with.clock = {core::PartitionClock::State::kHolds, std::chrono::seconds(90), 2};
  const std::string page = Exposition().render(with);
  EXPECT_TRUE(has_line(page, R"(takt_topic_scheduled_messages{topic="t0"} 7)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_messages_fired_total{topic="t0"} 5)")) << page;
  EXPECT_TRUE(has_line(page, "takt_timers_pending 8")) << page;
  EXPECT_TRUE(has_line(page, "takt_timers_overdue_seconds 1.5")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_schedule_lateness_seconds_bucket{le="0.001"} 3)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_schedule_lateness_seconds_bucket{le="0.005"} 5)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_schedule_lateness_seconds_bucket{le="600"} 5)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_schedule_lateness_seconds_bucket{le="+Inf"} 6)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_clock_state{state="holds"} 1)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_clock_state{state="follows"} 0)")) << page;
  EXPECT_TRUE(has_line(page, "takt_clock_ahead_seconds 90")) << page;
}

TEST(Exposition, ShowsSchedules) {
  Snapshot with = snapshot(1);
  with.partition.schedules = {3, 1, {10, 0, 0, 0, 4, 0, 0}};
  const std::string page = Exposition().render(with);
  EXPECT_TRUE(has_line(page, "takt_schedules 3")) << page;
  EXPECT_TRUE(has_line(page, "takt_schedules_due 1")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_schedule_occurrences_total{outcome="on_time"} 10)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_schedule_occurrences_total{outcome="missed"} 4)")) << page;
}

TEST(Exposition, CumulatesHistogramBuckets) {
  const std::string page = Exposition().render(snapshot(0));
  EXPECT_TRUE(has_line(page, R"(takt_store_commit_seconds_bucket{le="0.0005"} 1)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_store_commit_seconds_bucket{le="+Inf"} 2)")) << page;
  EXPECT_TRUE(has_line(page, "takt_store_commit_seconds_count 2")) << page;
}

TEST(Exposition, SumsTopicsAboveTheLimitAndCountsThem) {
  Exposition exposition(2);
  std::string page = exposition.render(snapshot(5));
  EXPECT_TRUE(has_line(page, R"(takt_messages_enqueued_total{topic="_other"} 30)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_messages_acked_total{topic="_other",group="_other"} 9)")) << page;
  EXPECT_FALSE(page.find("t2") != std::string::npos && has_line(page, R"(takt_messages_enqueued_total{topic="t2"} 10)"));
  EXPECT_TRUE(has_line(page, "takt_metrics_series_dropped_total 3")) << page;
  page = exposition.render(snapshot(5));
  EXPECT_TRUE(has_line(page, "takt_metrics_series_dropped_total 6")) << page;
}

TEST(Exposition, SumsGroupsAboveTheLimitByTopicAndCountsThem) {
  Snapshot many = snapshot(2);
  many.partition.topics[0].groups.resize(4, many.partition.topics[0].groups[0]);
  const std::string page = Exposition(10, 2).render(many);
  EXPECT_TRUE(has_line(page, R"(takt_messages_acked_total{topic="t0",group="g"} 3)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_messages_acked_total{topic="t0",group="_other"} 6)")) << page;
  EXPECT_TRUE(has_line(page, R"(takt_messages_acked_total{topic="t1",group="g"} 3)")) << page;
  EXPECT_TRUE(has_line(page, "takt_metrics_series_dropped_total 2")) << page;
}

TEST(Exposition, FollowsPrometheusNamingRules) {
  const std::string page = Exposition().render(snapshot(1));
  std::istringstream lines(page);
  std::string helped;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line.starts_with("# HELP ")) {
      helped = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_GT(line.size(), 7 + helped.size() + 5) << line;
    }
    if (!std::regex_match(line, match, std::regex("# TYPE ([a-z_]+) (counter|gauge|histogram)"))) {
      EXPECT_FALSE(line.starts_with("# TYPE")) << line;
      continue;
    }
    EXPECT_EQ(match[1], helped) << "each family has a help text";
    const std::string name = match[1];
    EXPECT_EQ(name.ends_with("_total"), match[2] == "counter") << name;
    for (const char* unit : {"milliseconds", "_ms", "kilobytes", "_mb", "_kb"}) EXPECT_EQ(name.find(unit), std::string::npos) << name;
  }
}

TEST(Exposition, IsDocumentedFamilyByFamily) {
  std::ifstream in(TAKT_SOURCE_DIR "/docs/operations.md");
  ASSERT_TRUE(in);
  std::stringstream text;
  text << in.rdbuf();
  for (const std::string& name : families(Exposition().render(snapshot(1))))
    EXPECT_NE(text.str().find("`" + name + "`"), std::string::npos) << name;
}

}  // namespace
}  // namespace takt::metrics
