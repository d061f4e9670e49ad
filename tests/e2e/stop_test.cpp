// Orderly ends, and starts that are refused.

#include <gtest/gtest.h>
#include <signal.h>
#include <takt/client.h>

#include <fstream>

#include "tests/e2e/stage.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;

GroupInfo group_now(Stage& stage) { return stage.group("jobs", "g").value_or(GroupInfo{}); }

takt::testing::Verdict work_off_and_judge(Stage& stage) {
  auto worker = stage.worker("worker", "jobs", {"--concurrency", "4"});
  EXPECT_TRUE(wait_until([&] { return group_now(stage).done > 0 && stage.is_drained("jobs", "g"); }));
  EXPECT_TRUE(ends_well(worker));
  return takt::testing::judge(stage.ledgers(), {{"g"}, {}});
}

TEST(Stop, AWorkerGivesBackAtOnceWhatItHasNotBegunAndNoAttemptIsCounted) {
  Stage stage;
  auto leaving = stage.worker("leaving", "jobs", {"--prefetch", "10"});
  auto producer = stage.producer("producer", "jobs", {"--count", "10", "--batch", "10", "--all", ";gate=" + stage.gate()});
  ASSERT_TRUE(wait_until([&] { return group_now(stage).leased == 10; }));
  ASSERT_TRUE(stage.wait_for("leaving", LedgerEvent::kBegun, 1));
  auto staying = stage.worker("staying", "jobs", {"--concurrency", "10"});
  ASSERT_TRUE(wait_until([&] { return group_now(stage).workers == 2; }));

  ::kill(leaving.pid(), SIGTERM);
  ASSERT_TRUE(stage.wait_for("staying", LedgerEvent::kBegun, 9));
  EXPECT_TRUE(leaving.is_running());  // its own job goes on
  for (const LedgerEntry& entry : stage.ledger("staying")) {
    if (entry.event != LedgerEvent::kBegun) continue;
    EXPECT_EQ(entry.attempt, 1u) << entry.payload;
  }
  stage.open_gate();
  const auto end = leaving.wait_end(patience);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->is_success()) << end->text();
  EXPECT_EQ(stage.final_number("leaving", "done"), 1u);
  EXPECT_EQ(stage.final_number("leaving", "released"), 9u);
  EXPECT_TRUE(stage.wait_for("staying", LedgerEvent::kConfirmed, 9));
}

TEST(Stop, AWorkerWhoseJobIgnoresTheGraceIsToldToStopAndGivesTheJobBack) {
  Stage stage;
  auto leaving = stage.worker("leaving", "jobs", {"--grace-ms", "200"});
  auto producer = stage.producer("producer", "jobs", {"--count", "1", "--all", ";gate=" + stage.gate()});
  ASSERT_TRUE(stage.wait_for("leaving", LedgerEvent::kBegun, 1));
  EXPECT_TRUE(ends_well(leaving));
  EXPECT_EQ(stage.count("leaving", LedgerEvent::kInterrupted), 1u);
  stage.open_gate();
  auto heir = stage.worker("heir", "jobs");
  ASSERT_TRUE(stage.wait_for("heir", LedgerEvent::kConfirmed, 1));
}

TEST(Stop, TheBrokerDrainsOnSigtermExitsWithZeroAndHasEverythingAfterTheRestart) {
  Stage stage;
  auto producer = stage.producer("producer", "jobs", {"--batch", "20"});
  ASSERT_TRUE(stage.wait_for("producer", LedgerEvent::kSent, 1000));
  const auto end = stage.broker().stop(20s);
  ASSERT_TRUE(end) << stage.broker().log_text();
  EXPECT_TRUE(end->is_success()) << end->text() << stage.broker().log_text();
  const std::size_t before = stage.count("producer", LedgerEvent::kSent);
  stage.broker().start();
  ASSERT_TRUE(stage.wait_for("producer", LedgerEvent::kSent, before + 1000));
  EXPECT_TRUE(ends_well(producer));
  const auto verdict = work_off_and_judge(stage);
  EXPECT_TRUE(verdict.violations.empty()) << verdict;
  EXPECT_EQ(verdict.begun_again, 0u);
  EXPECT_EQ(verdict.refused, 0u);  // a drain is something that the client waits out
}

TEST(Stop, ASecondSigtermEndsTheBrokerAtOnceAndLosesNothing) {
  Stage stage;
  auto producer = stage.producer("producer", "jobs", {"--batch", "20"});
  ASSERT_TRUE(stage.wait_for("producer", LedgerEvent::kSent, 200));
  stage.broker().terminate();
  stage.broker().terminate();
  ASSERT_TRUE(stage.broker().wait_end(20s));
  stage.broker().start();
  const std::size_t before = stage.count("producer", LedgerEvent::kSent);
  ASSERT_TRUE(stage.wait_for("producer", LedgerEvent::kSent, before + 200));
  EXPECT_TRUE(ends_well(producer));
  const auto verdict = work_off_and_judge(stage);
  EXPECT_TRUE(verdict.violations.empty()) << verdict;
}

std::vector<std::string> arguments_for(const std::filesystem::path& data) {
  return {"--data", data.string(),          "--listen", "tcp://127.0.0.1:0",     "--http", "off",
          "--set",  "store.map_bytes=1GiB", "--set",    "store.bytes_max=512MiB"};
}

TEST(Start, ASecondBrokerOnTheSameFolderIsRefusedAndTheFirstOneGoesOn) {
  Stage stage;
  const auto refused = takt::testing::run_taktd(stage.folder() / "second.log", arguments_for(stage.broker().data()));
  EXPECT_EQ(refused.end.exit_code, 1) << refused.end.text();
  EXPECT_NE(refused.log.find("TK4001"), std::string::npos) << refused.log;
  EXPECT_NE(refused.log.find(stage.broker().data().string()), std::string::npos) << refused.log;
  EXPECT_NE(refused.log.find("another"), std::string::npos) << refused.log;
  EXPECT_TRUE(std::filesystem::exists(stage.broker().data() / "endpoints"));  // still the first one's
  auto worker = stage.worker("worker", "jobs");
  auto producer = stage.producer("producer", "jobs", {"--count", "10"});
  EXPECT_TRUE(stage.wait_for("worker", LedgerEvent::kConfirmed, 10));
}

TEST(Start, AFolderOfSomethingElseIsRefusedAndLeftAsItWas) {
  const takt::testing::TempFolder folder;
  const auto data = folder.path() / "data";
  std::filesystem::create_directory(data);
  std::ofstream(data / "holiday.txt") << "photos\n";
  const auto refused = takt::testing::run_taktd(folder.path() / "taktd.log", arguments_for(data));
  EXPECT_EQ(refused.end.exit_code, 1) << refused.end.text();
  EXPECT_NE(refused.log.find("TK4001"), std::string::npos) << refused.log;
  EXPECT_NE(refused.log.find(data.string()), std::string::npos) << refused.log;
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(data), {}), 1) << "it must not put its files beside others'";
}

TEST(Start, ABrokerThatLogsOnlyErrorsStillSaysWhereItListens) {
  const takt::testing::TempFolder folder;
  const takt::testing::BrokerProcess broker({folder.path(), {"log.level=error"}});
  EXPECT_EQ(broker.log_text(), "");
  auto client = Client::open({.server = broker.server()});
  ASSERT_TRUE(client);
  EXPECT_TRUE(client->wait_connected(patience));
}

/// The log's file of the only partition.
std::filesystem::path log_file(const std::filesystem::path& data) { return data / "partition-0" / "log.mdb"; }

void expect_refused_as_damaged(const takt::testing::TempFolder& folder) {
  const auto data = folder.path() / "data";
  const auto refused = takt::testing::run_taktd(folder.path() / "again.log", arguments_for(data));
  EXPECT_EQ(refused.end.exit_code, 1) << refused.end.text() << refused.log;
  EXPECT_NE(refused.log.find("TK4001"), std::string::npos) << refused.log;
  EXPECT_NE(refused.log.find("log.mdb"), std::string::npos) << refused.log;
}

TEST(Start, ALogWithoutItsFirstPageIsRefusedWithItsReason) {
  const takt::testing::TempFolder folder;
  {
    takt::testing::BrokerProcess broker({folder.path(), {}});
    ASSERT_TRUE(broker.stop(20s));
  }
  std::fstream file(log_file(folder.path() / "data"), std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(file);
  for (int i = 0; i < 1024; ++i) file.put('\xA5');
  file.close();
  expect_refused_as_damaged(folder);
}

TEST(Start, ALogWithOneFlippedBitInAMessageIsRefusedWithItsReason) {
  const takt::testing::TempFolder folder;
  const std::string payload = "a payload that stands in the file once";
  {
    takt::testing::BrokerProcess broker({folder.path(), {}});
    auto client = Client::open({.server = broker.server()});
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->send_bytes("k", std::as_bytes(std::span(payload)), {.topic = "jobs"}));
    broker.kill();  // before a checkpoint: the next start reads the log
  }
  std::fstream file(log_file(folder.path() / "data"), std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const auto at = bytes.find(payload);
  ASSERT_NE(at, std::string::npos);
  file.clear();
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(payload[0] ^ 0x10));
  file.close();
  expect_refused_as_damaged(folder);
}

}  // namespace
}  // namespace takt::e2e
