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

/// A file of the only partition.
std::filesystem::path store_file(const std::filesystem::path& folder, const char* name) { return folder / "data" / "partition-0" / name; }

void expect_refused_as_damaged(const takt::testing::TempFolder& folder, const char* name) {
  const auto refused = takt::testing::run_taktd(folder.path() / "again.log", arguments_for(folder.path() / "data"));
  EXPECT_EQ(refused.end.exit_code, 1) << refused.end.text() << refused.log;
  EXPECT_NE(refused.log.find("TK4001"), std::string::npos) << refused.log;
  EXPECT_NE(refused.log.find(name), std::string::npos) << refused.log;
}

/// Sends `payloads`, kills the broker before a checkpoint, so that the next start reads the log, and flips a bit of the first
/// payload in the file `name`.
void flip_in_first(const takt::testing::TempFolder& folder, const std::vector<std::string>& payloads, const char* name) {
  {
    takt::testing::BrokerProcess broker({folder.path(), {}});
    auto client = Client::open({.server = broker.server()});
    ASSERT_TRUE(client);
    for (const std::string& payload : payloads) ASSERT_TRUE(client->send_bytes("k", std::as_bytes(std::span(payload)), {.topic = "jobs"}));
    broker.kill();
  }
  std::fstream file(store_file(folder.path(), name), std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const auto at = bytes.find(payloads.front());
  ASSERT_NE(at, std::string::npos);
  file.clear();
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(payloads.front()[0] ^ 0x10));
}

TEST(Start, ALogWithoutItsFirstPageIsRefusedWithItsReason) {
  const takt::testing::TempFolder folder;
  {
    takt::testing::BrokerProcess broker({folder.path(), {}});
    ASSERT_TRUE(broker.stop(20s));
  }
  std::fstream file(store_file(folder.path(), "log.mdb"), std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(file);
  for (int i = 0; i < 1024; ++i) file.put('\xA5');
  file.close();
  expect_refused_as_damaged(folder, "log.mdb");
}

TEST(Start, ALogWithOneFlippedBitInAMessageIsRefusedWithItsReason) {
  const takt::testing::TempFolder folder;
  // So large that it goes past the write-ahead file.
  flip_in_first(folder, {std::string(300'000, 'p')}, "log.mdb");
  expect_refused_as_damaged(folder, "log.mdb");
}

TEST(Start, AWriteAheadFileWithOneFlippedBitInAMessageIsRefusedWithItsReason) {
  const takt::testing::TempFolder folder;
  flip_in_first(folder, {"a payload that stands in the file once", "another", "and a third"}, "log.wal");
  expect_refused_as_damaged(folder, "log.wal misses commits between positions");
}

}  // namespace
}  // namespace takt::e2e
