// Single messages, by their ids, over real sockets, restarts and a log whose front is freed.

#include <gtest/gtest.h>
#include <takt/client.h>

#include <algorithm>
#include <array>

#include "tests/e2e/payload.h"
#include "tests/e2e/stage.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;

class Messages : public ::testing::Test {
 protected:
  void open(std::vector<std::string> settings = {}) {
    stage.emplace(std::move(settings));
    auto opened = Client::open({.server = stage->broker().server()});
    ASSERT_TRUE(opened) << opened.error().text();
    client.emplace(*std::move(opened));
    ASSERT_TRUE(stage->admin().put_group("jobs", "g", {}));
  }
  MessageId send(const std::string& payload, std::optional<std::chrono::milliseconds> delay = {}) {
    SendOptions options{.topic = "jobs"};
    if (delay) options.delay = *delay;
    const auto receipt = client->send_bytes(job_kind, std::as_bytes(std::span(payload)), options);
    EXPECT_TRUE(receipt) << receipt.error().text();
    return receipt ? receipt->id : MessageId{};
  }
  template <class Ask>
  MessageStatus one(Ask&& ask) {
    const Result<std::vector<MessageStatus>> statuses = ask(stage->admin());
    EXPECT_TRUE(statuses && statuses->size() == 1) << statuses.error().text();
    return statuses && !statuses->empty() ? statuses->front() : MessageStatus{};
  }
  MessageStatus show(const MessageId& id) {
    return one([&](Admin& admin) { return admin.messages(std::array{id}); });
  }
  MessageStatus cancel(const MessageId& id) {
    return one([&](Admin& admin) { return admin.cancel(std::array{id}); });
  }
  MessageStatus run_now(const MessageId& id) {
    return one([&](Admin& admin) { return admin.run_now(std::array{id}); });
  }
  void restart() {
    stage->broker().kill();
    stage->broker().start();
  }
  std::vector<std::string> begun() const {
    std::vector<std::string> payloads;
    for (const LedgerEntry& entry : stage->ledger("worker"))
      if (entry.event == LedgerEvent::kBegun) payloads.push_back(entry.payload);
    return payloads;
  }
  std::optional<Stage> stage;
  std::optional<Client> client;
};

TEST_F(Messages, AreCancelledRescheduledAndRunNowAcrossKills) {
  open({"session.recover_grace=0s"});
  const MessageId cancelled = send("cancelled", 1h);
  const MessageId postponed = send("postponed", 1h);
  const MessageId hurried = send("hurried", 1h);
  const MessageId waiting = send("waiting", 1h);
  const MessageId queued = send("queued");
  EXPECT_EQ(cancel(cancelled).state, MessageState::kCancelled);
  const auto later = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 48h;
  const MessageStatus moved = one([&](Admin& admin) { return admin.reschedule(std::array{postponed}, later); });
  EXPECT_TRUE(moved.changed);
  EXPECT_EQ(moved.due, later);
  EXPECT_TRUE(run_now(hurried).changed);
  for (int life = 0; life < 3; ++life) {
    restart();
    ASSERT_TRUE(wait_until([&] { return stage->admin().broker().has_value(); }));
    EXPECT_EQ(show(cancelled).state, MessageState::kCancelled) << life;
    EXPECT_FALSE(cancel(cancelled).changed);
    EXPECT_EQ(show(postponed).state, MessageState::kScheduled) << life;
    EXPECT_EQ(show(postponed).due, later) << life;
    EXPECT_EQ(show(waiting).state, MessageState::kScheduled) << life;
    EXPECT_EQ(show(hurried).state, MessageState::kQueued) << life;
    EXPECT_EQ(show(queued).state, MessageState::kQueued) << life;
    EXPECT_EQ(show({0, queued.position + 10'000}).state, MessageState::kUnknown);
    EXPECT_EQ(show({7, 1}).state, MessageState::kUnknown) << "no such partition";
  }
  auto worker = stage->worker("worker", "jobs");
  ASSERT_TRUE(stage->wait_for("worker", LedgerEvent::kConfirmed, 2));
  EXPECT_TRUE(run_now(waiting).changed);
  EXPECT_FALSE(stage->admin().reschedule(std::array{postponed}, {})) << "1970 is no due";
  ASSERT_TRUE(stage->wait_for("worker", LedgerEvent::kConfirmed, 3));
  const auto all = begun();
  EXPECT_EQ(std::ranges::count_if(all, [](const std::string& payload) { return payload.starts_with("cancelled"); }), 0);
  const MessageStatus done = show(hurried);
  ASSERT_EQ(done.groups.size(), 1u);
  EXPECT_EQ(done.groups[0].state, GroupState::kDone);
  EXPECT_TRUE(done.groups[0].time);
  EXPECT_EQ(stage->metrics().sum("takt_messages_cancelled_total"), 0) << "counted since the start";
  EXPECT_GE(stage->metrics().sum("takt_messages_rescheduled_total"), 1);
  EXPECT_TRUE(ends_well(worker));
}

TEST_F(Messages, SayWhoHasThemAndAreNotTakenFromWhoHasThem) {
  open();
  const MessageId id = send("slow;gate=" + stage->gate());
  auto worker = stage->worker("worker", "jobs");
  ASSERT_TRUE(stage->wait_for("worker", LedgerEvent::kBegun, 1));
  const MessageStatus leased = show(id);
  ASSERT_EQ(leased.groups.size(), 1u);
  EXPECT_EQ(leased.groups[0].state, GroupState::kLeased);
  EXPECT_EQ(leased.groups[0].worker, "worker");
  EXPECT_TRUE(leased.groups[0].time);
  EXPECT_FALSE(cancel(id).changed);
  stage->open_gate();
  ASSERT_TRUE(stage->wait_for("worker", LedgerEvent::kConfirmed, 1));
  EXPECT_EQ(show(id).groups.at(0).state, GroupState::kDone);
  EXPECT_TRUE(ends_well(worker));
}

TEST_F(Messages, AreFoundWhenTheLogBeforeThemIsFreed) {
  open({"store.checkpoint_interval=100ms", "store.checkpoint_bytes=1MiB", "store.front_bytes=1MiB"});
  const MessageId done = send("done");
  const MessageId cancelled = send("cancelled", 1h);
  const MessageId hurried = send("hurried", 1h);
  auto worker = stage->worker("worker", "jobs", {"--concurrency", "2"});
  const std::string ballast(100'000, 'x');
  std::size_t sent = 1;
  const auto is_carried = [&] { return stage->metrics().sum("takt_store_carried_messages_total") >= 2; };
  while (!is_carried() && sent < 2000) send(std::to_string(sent++) + ";" + ballast);
  ASSERT_TRUE(is_carried());
  ASSERT_TRUE(stage->wait_for("worker", LedgerEvent::kConfirmed, sent));
  ASSERT_TRUE(wait_until([&] { return show(done).state == MessageState::kGone; })) << text_of(show(done).state);
  EXPECT_EQ(show(cancelled).state, MessageState::kScheduled);
  EXPECT_EQ(show(cancelled).topic, "jobs");
  EXPECT_EQ(cancel(cancelled).state, MessageState::kCancelled);
  EXPECT_TRUE(run_now(hurried).changed);
  ASSERT_TRUE(stage->wait_for("worker", LedgerEvent::kConfirmed, sent + 1));
  restart();
  ASSERT_TRUE(wait_until([&] { return stage->admin().broker().has_value(); }));
  EXPECT_EQ(show(cancelled).state, MessageState::kCancelled);
  EXPECT_TRUE(ends_well(worker));
  const auto all = begun();
  EXPECT_EQ(std::ranges::count_if(all, [](const std::string& payload) { return payload.starts_with("hurried"); }), 1);
  EXPECT_EQ(std::ranges::count_if(all, [](const std::string& payload) { return payload.starts_with("cancelled"); }), 0);
}

}  // namespace
}  // namespace takt::e2e
