// Leases live with their worker's session: who falls silent or dies loses them, and what it says afterwards is stale.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <thread>

#include "proto/messages.h"
#include "tests/e2e/stage.h"
#include "tests/e2e/wire_client.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// What the clocks of a busy machine may add to a bound.
constexpr milliseconds slack = 1500ms;

nanoseconds now() { return std::chrono::steady_clock::now().time_since_epoch(); }

nanoseconds begun_at(const Stage& stage, const std::string& worker) {
  for (const LedgerEntry& entry : stage.ledger(worker)) {
    if (entry.event == LedgerEvent::kBegun) return entry.at;
  }
  return nanoseconds::max();
}

/// Freezes the worker that holds the only message and answers how long it took until another one began with it.
nanoseconds freeze_and_measure(Stage& stage, Process& holder, const std::string& other) {
  const nanoseconds frozen = now();
  EXPECT_TRUE(holder.freeze());
  EXPECT_TRUE(stage.wait_for(other, LedgerEvent::kBegun, 1));
  return begun_at(stage, other) - frozen;
}

void a_frozen_worker_loses_its_lease(Stage& stage, milliseconds timeout, milliseconds heartbeat) {
  auto frozen = stage.worker("frozen", "jobs");
  auto producer = stage.producer("producer", "jobs", {"--count", "1", "--all", ";stubborn=1;gate=" + stage.gate()});
  ASSERT_TRUE(stage.wait_for("frozen", LedgerEvent::kBegun, 1));
  auto other = stage.worker("other", "jobs");
  ASSERT_TRUE(wait_until([&] { return stage.group("jobs", "g").value_or(GroupInfo{}).workers == 2; }));

  const auto taken = freeze_and_measure(stage, frozen, "other");
  // Its last sign of life was at most one heartbeat old.
  EXPECT_GE(taken, timeout - heartbeat - 100ms);
  EXPECT_LE(taken, timeout + slack);

  stage.open_gate();
  ASSERT_TRUE(stage.wait_for("other", LedgerEvent::kConfirmed, 1));
  frozen.thaw();
  ASSERT_TRUE(stage.wait_for("frozen", LedgerEvent::kFinished, 1));  // it worked to the end, too late
  ASSERT_TRUE(wait_until([&] { return stage.group("jobs", "g").value_or(GroupInfo{}).workers == 2; })) << "in its new session";
  EXPECT_TRUE(ends_well(frozen));
  // Refused in any case: as stale in its new session, because it was sent in the one that had ended, or by the answer to the
  // new session's Resume, when that was there before the work was done. Or the old connection took it along: unconfirmed.
  double refused = 0;
  for (const char* fate : {"stale", "lost", "unconfirmed"}) refused += static_cast<double>(stage.final_number("frozen", fate));
  const auto page = stage.metrics();
  for (const char* code : {"stale_lease", "unknown_session", "hello_required", "session_expired"})
    refused += page.sum("takt_requests_refused_total", {"code=\"" + std::string(code) + "\""});
  EXPECT_GE(refused, 1.0);
  EXPECT_EQ(stage.final_number("frozen", "done"), 0u);
  EXPECT_EQ(stage.count("frozen", LedgerEvent::kConfirmed), 0u);
  EXPECT_TRUE(ends_well(other));
  EXPECT_EQ(stage.final_number("other", "done"), 1u);
  const auto metrics = stage.metrics();
  EXPECT_EQ(metrics.sum("takt_messages_acked_total", {"topic=\"jobs\""}), 1);
  EXPECT_EQ(metrics.sum("takt_messages_redelivered_total", {"cause=\"lost\""}), 1);
  EXPECT_GE(metrics.sum("takt_sessions_timed_out_total"), 1);
}

#ifdef WITH_DEFAULT_TIMEOUT

TEST(Leases, AFrozenWorkerLosesThemWithinTheDefaultTimeoutOfTenSeconds) {
  Stage stage;
  a_frozen_worker_loses_its_lease(stage, 10s, 3s);
}

#else

TEST(Leases, AFrozenWorkerLosesThemWithinTheSessionTimeoutAndItsLateAckIsStale) {
  Stage stage({"session.timeout=1500ms", "session.heartbeat=400ms"});
  a_frozen_worker_loses_its_lease(stage, 1500ms, 400ms);
}

TEST(Leases, AKilledWorkerLosesThemAtOnce) {
  Stage stage;  // a session timeout of 10 s
  auto victim = stage.worker("victim", "jobs", {"--concurrency", "1", "--prefetch", "5"});
  auto producer = stage.producer("producer", "jobs", {"--count", "5", "--batch", "5", "--all", ";gate=" + stage.gate()});
  ASSERT_TRUE(wait_until([&] { return stage.group("jobs", "g").value_or(GroupInfo{}).leased == 5; }));
  ASSERT_TRUE(stage.wait_for("victim", LedgerEvent::kBegun, 1));
  auto heir = stage.worker("heir", "jobs", {"--concurrency", "5"});
  ASSERT_TRUE(wait_until([&] { return stage.group("jobs", "g").value_or(GroupInfo{}).workers == 2; }));

  const nanoseconds killed = now();
  victim.kill();
  ASSERT_TRUE(stage.wait_for("heir", LedgerEvent::kBegun, 5));
  EXPECT_LE(begun_at(stage, "heir") - killed, 3s);
  stage.open_gate();
  EXPECT_TRUE(stage.wait_for("heir", LedgerEvent::kConfirmed, 5));
  EXPECT_TRUE(ends_well(heir));
}

TEST(Leases, AnAckThatWentDownWithItsBrokerAndTheLeaseIsUnconfirmed) {
  Stage stage;
  auto worker = stage.worker("worker", "jobs");
  auto producer = stage.producer("producer", "jobs", {"--count", "1", "--all", ";gate=" + stage.gate()});
  ASSERT_TRUE(stage.wait_for("worker", LedgerEvent::kBegun, 1));
  ASSERT_EQ(::kill(stage.broker().pid(), SIGSTOP), 0);
  stage.open_gate();
  ASSERT_TRUE(stage.wait_for("worker", LedgerEvent::kFinished, 1));
  std::this_thread::sleep_for(1s);  // nothing that this test can see tells that the ack is on its way
  stage.broker().kill();
  std::filesystem::remove_all(stage.broker().data());
  stage.broker().start();
  ASSERT_TRUE(wait_until([&] { return stage.group("jobs", "g").value_or(GroupInfo{}).workers == 1; }));
  EXPECT_TRUE(ends_well(worker));
  EXPECT_EQ(stage.final_number("worker", "unconfirmed"), 1u);
  EXPECT_EQ(stage.final_number("worker", "done") + stage.final_number("worker", "stale"), 0u);
}

TEST(Leases, TheBrokerRefusesALateAckAsStaleAndCountsIt) {
  Stage stage({"session.timeout=1s", "session.heartbeat=300ms"});
  WireClient silent(stage.broker().server());
  const auto join = [&] {
    silent.send(proto::Hello{ClientId(77), proto::ClientKind::kWorker, "silent", "test"});
    ASSERT_TRUE(silent.receive<proto::HelloReply>(patience));
    silent.send(proto::Subscribe{PartitionId(0), SubscriptionId(1), "jobs", "g", proto::StartFrom::kEarliest});
    ASSERT_TRUE(silent.receive<proto::Subscribed>(patience));
  };
  join();
  silent.send(proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, 1, 1 << 20, 0});
  auto producer = stage.producer("producer", "jobs", {"--count", "1"});
  const auto delivered = silent.receive<proto::Deliver>(patience);
  ASSERT_TRUE(delivered);
  const auto ended = silent.receive<proto::SessionEnded>(patience);  // no heartbeats from us
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->reason, ErrorCode::kSessionExpired);

  join();
  const auto& range = delivered->ranges.at(0);
  silent.send(proto::Ack{PartitionId(0), SubscriptionId(1), {{range.slot, range.token, {{0, 1}}}}});
  const auto acked = silent.receive<proto::Acked>(patience);
  ASSERT_TRUE(acked);
  EXPECT_TRUE(acked->done.empty());
  EXPECT_EQ(acked->stale.size(), 1u);
  EXPECT_EQ(stage.metrics().sum("takt_messages_stale_acks_total", {"topic=\"jobs\""}), 1);
  EXPECT_EQ(stage.metrics().sum("takt_messages_acked_total", {"topic=\"jobs\""}), 0);
}

#endif

}  // namespace
}  // namespace takt::e2e
