// What becomes of messages, over real sockets and restarts: groups, retries, dead messages, acks=0, a full store.

#include <gtest/gtest.h>
#include <takt/client.h>
#include <takt/worker.h>

#include <algorithm>
#include <map>
#include <thread>

#include "tests/e2e/payload.h"
#include "tests/e2e/stage.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;

Client client_of(Stage& stage, Acks acks = Acks::kAll, std::chrono::milliseconds send_timeout = 60s) {
  auto client = Client::open({.server = stage.broker().server(), .acks = acks, .send_timeout = send_timeout});
  if (!client) throw std::runtime_error(client.error().text());
  return *std::move(client);
}

Result<Receipt> send(Client& client, const std::string& topic, const std::string& payload) {
  return client.send_bytes(job_kind, std::as_bytes(std::span(payload)), {.topic = topic});
}

std::vector<LedgerEntry> begun_by(const Stage& stage, const std::string& actor) {
  auto entries = stage.ledger(actor);
  std::erase_if(entries, [](const LedgerEntry& entry) { return entry.event != LedgerEvent::kBegun; });
  return entries;
}

TEST(Outcomes, EachGroupGetsEveryMessageOnceAcrossAKill) {
  Stage stage({"session.recover_grace=2s"});
  std::vector<Process> workers;
  const std::vector<std::string> groups{"mail", "search", "audit"};
  for (const auto& group : groups) {
    // Before the first message: a group begins at the earliest one that is kept, and what the others have done is not.
    ASSERT_TRUE(stage.admin().put_group("orders", group, {}));
    for (const char* number : {"1", "2"})
      workers.push_back(stage.worker(group + number, "orders", {"--group", group, "--concurrency", "2"}));
  }
  auto producer = stage.producer("producer", "orders", {"--count", "600", "--batch", "30"});
  ASSERT_TRUE(stage.wait_for("audit1", LedgerEvent::kConfirmed, 1));
  stage.broker().kill();
  stage.broker().start();
  const auto end = producer.wait_end(patience);
  ASSERT_TRUE(end && end->is_success());
  for (const auto& group : groups) ASSERT_TRUE(wait_until([&] { return stage.is_drained("orders", group); })) << group;
  for (auto& worker : workers) EXPECT_TRUE(ends_well(worker));
  const auto verdict = takt::testing::judge(stage.ledgers(), {groups, {}});
  EXPECT_TRUE(verdict.violations.empty()) << verdict;
  EXPECT_EQ(verdict.acknowledged, 600u);
  EXPECT_EQ(verdict.begun, 1800u + verdict.begun_again);
  for (const auto& group : groups) EXPECT_EQ(stage.group("orders", group).value_or(GroupInfo{}).done, 600u) << group;
}

TEST(Outcomes, AMessageIsDeadAfterItsLastAttemptAndStaysSoAcrossAKill) {
  Stage stage;
  ASSERT_TRUE(stage.admin().put_topic("jobs", {}));
  ASSERT_TRUE(stage.admin().put_group("jobs", "g", {.attempts_max = 3}));
  auto worker = stage.worker("worker", "jobs");
  auto client = client_of(stage);
  ASSERT_TRUE(send(client, "jobs", "poison;fail=99;delay=10"));
  ASSERT_TRUE(send(client, "jobs", "hopeless;do=dead"));
  ASSERT_TRUE(send(client, "jobs", "fine"));
  const auto group = [&] { return stage.group("jobs", "g").value_or(GroupInfo{}); };
  ASSERT_TRUE(wait_until([&] { return group().dead == 2 && group().done >= 1 && stage.is_drained("jobs", "g"); }));
  std::vector<std::uint32_t> attempts;
  for (const LedgerEntry& entry : begun_by(stage, "worker")) {
    if (entry.payload.starts_with("poison")) attempts.push_back(entry.attempt);
  }
  EXPECT_EQ(attempts, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(stage.metrics().sum("takt_messages_dead_lettered_total", {"topic=\"jobs\""}), 2);

  stage.broker().kill();
  stage.broker().start();
  ASSERT_TRUE(send(client, "jobs", "fine-too"));
  ASSERT_TRUE(wait_until([&] { return stage.is_drained("jobs", "g"); }));
  EXPECT_EQ(group().dead, 2u);
  EXPECT_TRUE(ends_well(worker));
  EXPECT_EQ(stage.count("worker", LedgerEvent::kBegun), 6u);  // 3 + 1 + 1, and the last
}

TEST(Outcomes, ARetryComesNotBeforeItsDelayAndNotMuchLaterAlsoAcrossAKill) {
  Stage stage({"session.recover_grace=0s"});
  auto worker = stage.worker("worker", "jobs");
  auto client = client_of(stage);
  ASSERT_TRUE(send(client, "jobs", "later;fail=1;delay=3000"));
  ASSERT_TRUE(wait_until([&] { return stage.group("jobs", "g").value_or(GroupInfo{}).retrying == 1; }));
  stage.broker().kill();
  stage.broker().start();
  ASSERT_TRUE(stage.wait_for("worker", LedgerEvent::kConfirmed, 1));
  const auto begun = begun_by(stage, "worker");
  ASSERT_EQ(begun.size(), 2u);
  EXPECT_EQ(begun[1].attempt, 2u);
  EXPECT_GE(begun[1].at - begun[0].at, 3000ms);
  EXPECT_LE(begun[1].at - begun[0].at, 5000ms);
  EXPECT_TRUE(ends_well(worker));
}

TEST(Outcomes, AckNoneIsAnsweredByNobodyAndArrivesAllTheSame) {
  Stage stage;
  auto worker = stage.worker("worker", "jobs", {"--concurrency", "2"});
  auto client = client_of(stage, Acks::kNone);
  ASSERT_TRUE(client.wait_connected(patience));
  for (int i = 0; i < 500; ++i) {
    const auto receipt = send(client, "jobs", "m" + std::to_string(i));
    ASSERT_TRUE(receipt) << receipt.error().text();
    EXPECT_EQ(receipt->id.position, 0u);
  }
  EXPECT_TRUE(client.close());
  ASSERT_TRUE(stage.wait_for("worker", LedgerEvent::kConfirmed, 500));
  EXPECT_EQ(stage.count("worker", LedgerEvent::kBegun), 500u);
  EXPECT_TRUE(ends_well(worker));
}

TEST(Outcomes, AFullStoreRefusesSendsLetsAcksGoOnAndTakesSendsAgainWhenWorkersCaughtUp) {
  Stage stage({"store.bytes_max=16MiB", "store.checkpoint_interval=200ms", "store.checkpoint_bytes=1MiB"});
  ASSERT_TRUE(stage.admin().put_topic("jobs", {}));
  ASSERT_TRUE(stage.admin().put_group("jobs", "g", {}));
  auto client = client_of(stage, Acks::kAll, 2s);
  const std::string ballast(100'000, 'x');
  std::optional<Error> refusal;
  std::size_t stored = 0;
  while (!refusal && stored < 1000) {
    const auto receipt = send(client, "jobs", std::to_string(stored) + ";" + ballast);
    if (receipt) ++stored;
    if (!receipt) refusal = receipt.error();
  }
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->label(), "TK2002 store_full") << refusal->text();
  EXPECT_NE(refusal->outcome, ErrorOutcome::kUnknown);
  EXPECT_GT(stored, 100u);  // 90 % of 16 MiB
  EXPECT_LT(stored, 160u);
  EXPECT_EQ(stage.metrics().sum("takt_store_full"), 1);

  auto worker = stage.worker("worker", "jobs", {"--concurrency", "2"});
  ASSERT_TRUE(stage.wait_for("worker", LedgerEvent::kConfirmed, stored));
  Result<Receipt> again = send(client, "jobs", "room");
  ASSERT_TRUE(wait_until([&] { return again || (again = send(client, "jobs", "room")); })) << again.error().text();
  ASSERT_TRUE(stage.wait_for("worker", LedgerEvent::kConfirmed, stored + 1));
  EXPECT_EQ(stage.count("worker", LedgerEvent::kBegun), stored + 1);
  EXPECT_EQ(stage.metrics().sum("takt_store_full"), 0);
  EXPECT_TRUE(ends_well(worker));
}

TEST(Outcomes, ASendToABrokerThatIsAwayWaitsForItAndStoresOnce) {
  Stage stage;
  auto client = client_of(stage);
  ASSERT_TRUE(send(client, "jobs", "before"));
  stage.broker().kill();
  std::optional<Result<Receipt>> outcome;
  std::jthread sender([&] { outcome = send(client, "jobs", "while-away"); });
  ASSERT_TRUE(wait_until([&] { return client.metrics().buffered_bytes > 0; }));
  stage.broker().start();
  sender.join();
  ASSERT_TRUE(outcome && *outcome) << (*outcome).error().text();
  const auto page = stage.admin().peek({.topic = "jobs", .from = 0});
  ASSERT_TRUE(page);
  ASSERT_EQ(page->messages.size(), 2u);
  EXPECT_EQ(page->messages[1].payload, "while-away");
  EXPECT_EQ(page->messages[1].id, (*outcome)->id);
}

}  // namespace
}  // namespace takt::e2e
