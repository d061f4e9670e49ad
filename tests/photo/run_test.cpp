// Processes, progress, workload and report: the parts of a run that need no broker.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "examples/photo/broker.h"
#include "examples/photo/files.h"
#include "examples/photo/process.h"
#include "examples/photo/progress.h"
#include "examples/photo/report.h"
#include "examples/photo/workload.h"
#include "tests/photo/pictures.h"
#include "tests/support/temp_folder.h"

namespace photo {
namespace {

using namespace std::chrono_literals;
using takt::testing::TempFolder;
using testing::HasSubstr;

ProgressView half_way() { return {.done = 150, .total = 300, .per_second = 7.5, .left = 20s, .workers = {{"w1", 40}, {"w2", 110}}}; }

TEST(ProgressLine, ShowsBarCountsRateTimeAndWorkers) {
  EXPECT_EQ(progress_line(half_way(), 120, Decoration::kPlain),
            "[###############...............]  50 %  150/300  7.5 jobs/s  ETA 0:20  | w1 40  w2 110");
}

TEST(ProgressLine, LeavesOutWhatDoesNotFit) {
  EXPECT_EQ(progress_line(half_way(), 50, Decoration::kPlain), "[###############...............]  50 %  150/300");
  EXPECT_EQ(progress_line(half_way(), 10, Decoration::kPlain), "");
  for (std::size_t width = 0; width < 120; ++width) EXPECT_LE(progress_line(half_way(), width, Decoration::kPlain).size(), width);
}

TEST(ProgressLine, KnowsNoRateAtTheStart) {
  EXPECT_EQ(progress_line({.done = 0, .total = 0, .per_second = 0, .left = std::nullopt, .workers = {}}, 80, Decoration::kPlain),
            "[..............................]   0 %  0/0  0.0 jobs/s  ETA -:--");
}

TEST(RateMeter, MeasuresTheLastSecondsOnly) {
  RateMeter meter;
  const RateMeter::TimePoint start{};
  EXPECT_FALSE(meter.left(10));
  for (int second = 0; second <= 20; ++second)
    meter.add(start + std::chrono::seconds(second), second < 10 ? 0 : static_cast<std::uint64_t>(second - 10) * 5);
  EXPECT_DOUBLE_EQ(meter.per_second(), 5.0);
  EXPECT_EQ(meter.left(51), 11s);
}

TEST(ClockText, ReadsLikeAClock) {
  EXPECT_EQ(clock_text(7s), "0:07");
  EXPECT_EQ(clock_text(760s), "12:40");
  EXPECT_EQ(clock_text(3723s), "1:02:03");
}

class ProcessTest : public testing::Test {
 protected:
  Result<Process> shell(const std::string& script) {
    return Process::start({.name = "shell", .program = "/bin/sh", .arguments = {"-c", script}, .log = folder_.path() / "log"});
  }
  TempFolder folder_;
};

TEST_F(ProcessTest, TellsHowItEnded) {
  auto fails = shell("echo something broke; exit 3");
  ASSERT_TRUE(fails);
  const auto end = fails->wait_end(10s);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->is_success());
  EXPECT_EQ(end->text(), "exit code 3");
  EXPECT_EQ(log_tail(fails->log(), 3), "  | something broke\n");
}

TEST_F(ProcessTest, DiesByKillAndSaysSo) {
  auto waits = shell("read forever < /dev/zero; while :; do :; done");
  ASSERT_TRUE(waits);
  EXPECT_TRUE(waits->freeze());
  EXPECT_TRUE(waits->is_running());
  EXPECT_EQ(waits->kill().text(), "signal 9 (Killed)");
  EXPECT_FALSE(waits->is_running());
}

TEST_F(ProcessTest, StopsInOrderOnRequest) {
  auto polite = shell("trap 'exit 0' TERM; echo ready; while :; do :; done");
  ASSERT_TRUE(polite);
  while (log_tail(polite->log(), 1).empty()) polite->wait_end(5ms);
  EXPECT_TRUE(polite->stop(10s).is_success());
}

TEST_F(ProcessTest, SeesNoTaktVariables) {
  ::setenv("TAKT_LOG__LEVEL", "error", 1);
  auto tells = shell("echo \"path ${PATH:+set}, level ${TAKT_LOG__LEVEL:-unset}\"");
  ::unsetenv("TAKT_LOG__LEVEL");
  ASSERT_TRUE(tells);
  ASSERT_TRUE(tells->wait_end(10s));
  EXPECT_EQ(log_tail(tells->log(), 1), "  | path set, level unset\n");
}

TEST_F(ProcessTest, ThatCannotBeFoundIsAProblemWithAWayOut) {
  const auto none = Process::start({.name = "none", .program = "/nowhere/taktd", .arguments = {}, .log = folder_.path() / "log"});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().text, HasSubstr("/nowhere/taktd cannot be run: No such file or directory; build it first"));
}

TEST(Endpoints, AreReadFromTheDataFolderOnceTheyAreThere) {
  const TempFolder data;
  EXPECT_FALSE(read_endpoints(data.path()));
  std::ofstream(data.path() / "endpoints") << "clients tcp://127.0.0.1:40123\nhttp http://127.0.0.1:40124\n";
  const auto endpoints = read_endpoints(data.path());
  ASSERT_TRUE(endpoints);
  EXPECT_EQ(endpoints->clients, "tcp://127.0.0.1:40123");
  EXPECT_EQ(endpoints->http, "http://127.0.0.1:40124");
}

TEST(Workload, PlansEnoughJobsForTheWantedTime) {
  EXPECT_EQ(jobs_for(30.0, 2, 0.2), 420u);
  EXPECT_EQ(jobs_for(30.0, 2, 1e-12), 20'000u);
}

TEST(Workload, LeavesTheNumberAloneWithoutAWantedTime) {
  const auto workload = plan_workload({"/nowhere/a.jpg"}, {.jobs = 40, .seconds_at_least = 0.0});
  ASSERT_TRUE(workload);
  EXPECT_EQ(workload->jobs.size(), 40u);
}

TEST(Workload, MeasuresPastACorruptPhoto) {
  const TempFolder folder;
  test::write_bytes(folder.path() / "a.jpg", {1, 2, 3});
  const auto only_bad = plan_workload({folder.path() / "a.jpg"}, {.jobs = 40, .seconds_at_least = 1.0});
  ASSERT_FALSE(only_bad);
  EXPECT_THAT(only_bad.error().text, HasSubstr("none of the photos tried can be read"));
  test::write_bytes(folder.path() / "b.jpg", test::jpeg_of(test::sample_picture({200, 200})));
  const auto mixed =
      plan_workload({folder.path() / "a.jpg", folder.path() / "b.jpg"}, {.jobs = 40, .seconds_at_least = 0.01, .size = WorkSize::kSmall});
  ASSERT_TRUE(mixed);
  EXPECT_GT(mixed->cpu_seconds_per_job, 0.0);
}

RunSummary summary_of_two_workers(const TempFolder& folder) {
  const auto photo = folder.path() / "photo.jpg";
  test::write_bytes(photo, test::jpeg_of(test::sample_picture({300, 200})));
  RunSummary run;
  run.photos = {photo};
  run.jobs = plan_jobs(run.photos, 4, WorkSize::kSmall);
  for (std::size_t i = 0; i < run.jobs.size(); ++i) {
    const std::string worker = i % 2 == 0 ? "worker-1" : "worker-2";
    LedgerLine line{.event = LedgerEvent::kStarted,
                    .job = job_name(run.jobs[i]),
                    .kind = std::string(job_kind(run.jobs[i])),
                    .message = "0-" + std::to_string(i),
                    .worker = worker};
    run.tally.add(line);
    run.evidence.ledger.push_back(line);
    line.event = LedgerEvent::kEffect;
    line.output = (folder.path() / (line.job + ".jpg")).string();
    const auto bytes = test::jpeg_of(test::sample_picture({90, 60}));
    test::write_bytes(line.output, bytes);
    line.hash = hash_of(text_of(bytes));
    run.tally.add(line);
    run.evidence.ledger.push_back(line);
    run.evidence.effects[line.job] = line;
    run.evidence.output_hashes[line.job + ".jpg"] = line.hash;
    run.evidence.sent.push_back({line.job, line.message});
  }
  run.workers = {{.name = "worker-1",
                  .mode = "push",
                  .pid = 11,
                  .kill = Kill{.worker = "worker-1", .at_percent = 41.0, .in_hand = {{"0-8", "x"}, {"0-9", "y"}}}},
                 {.name = "worker-2", .mode = "pull", .pid = 12, .kill = std::nullopt}};
  run.verdict = judge(run.evidence);
  run.evidence.kills.push_back(*run.workers[0].kill);
  run.seconds = 33.5;
  return run;
}

TEST(Report, HoldsTheCountsAsNumbersAndTheWorkersAsAList) {
  const TempFolder folder;
  const auto report = nlohmann::json::parse(report_json(summary_of_two_workers(folder)));
  for (const auto* name : {"enqueued", "finished", "lost", "redelivered", "killed", "seconds"})
    EXPECT_TRUE(report.at(name).is_number()) << name;
  EXPECT_EQ(report["enqueued"], 4);
  EXPECT_EQ(report["finished"], 4);
  EXPECT_EQ(report["killed"], 1);
  ASSERT_TRUE(report.at("workers").is_array());
  EXPECT_EQ(report["workers"][0]["killed"], true);
  EXPECT_EQ(report["workers"][0]["in_hand_when_killed"].size(), 2u);
  EXPECT_EQ(report["workers"][1]["by_kind"]["photo.crop"], 1);
}

TEST(Report, TableSaysWhoDidWhatAndWhoWasKilled) {
  const TempFolder folder;
  const auto table = worker_table(summary_of_two_workers(folder));
  EXPECT_THAT(table, HasSubstr("worker-1     push        11         1         0         1         0         2           0  killed at 41 % "
                               "with 2 jobs in hand\n"));
  EXPECT_THAT(table, HasSubstr("all                                 1         1         1         1         4           0\n"));
}

TEST(Report, SheetHasAStripWithTheOriginalAndEveryKind) {
  const TempFolder folder;
  const auto content = sheet_content(summary_of_two_workers(folder));
  ASSERT_EQ(content.strips.size(), 1u);
  ASSERT_EQ(content.strips[0].tiles.size(), 5u);
  EXPECT_EQ(content.strips[0].tiles[0].caption, "original 300 x 200");
  EXPECT_EQ(content.strips[0].tiles[1].frame, worker_color(0));
  EXPECT_EQ(content.strips[0].tiles[2].frame, worker_color(1));
  EXPECT_THAT(content.subtitle, HasSubstr("worker-1 was killed at 41 % with 2 jobs in hand"));
}

}  // namespace
}  // namespace photo
