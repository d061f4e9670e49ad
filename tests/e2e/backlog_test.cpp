// A worker that comes late to a backlog is given all that its credit allows at once. It must not be taken for one that
// doesn't read.

#include <gtest/gtest.h>
#include <takt/client.h>
#include <takt/worker.h>

#include <atomic>
#include <future>

#include "tests/e2e/stage.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;

struct Backlog {
  std::size_t messages;
  std::size_t payload_bytes;
  std::uint32_t prefetch;   ///< 0: the SDK chooses
};

class BacklogTest : public ::testing::TestWithParam<Backlog> {};

TEST_P(BacklogTest, ReachesABatchWorkerOnceAndKeepsItsConnection) {
  Stage stage;
  auto client = Client::open({.server = stage.broker().server(), .send_timeout = patience});
  ASSERT_TRUE(client);
  const std::vector<std::byte> payload(GetParam().payload_bytes, std::byte{'x'});
  const std::vector<RawMessage> messages(1'000, RawMessage{"k", payload});
  for (std::size_t sent = 0; sent < GetParam().messages; sent += messages.size())
    ASSERT_EQ(client->send_many_async(messages, {.topic = "backlog"}).count, messages.size());
  ASSERT_TRUE(client->flush(patience));

  auto worker = Worker::open(
      {.server = stage.broker().server(), .subscriptions = {{.topic = "backlog", .group = "g", .prefetch = GetParam().prefetch}}});
  ASSERT_TRUE(worker);
  std::atomic<std::size_t> handled = 0;
  worker->handle_batch([&](std::span<const Delivered> batch) { handled += batch.size(); });
  auto ended = std::async(std::launch::async, [&] { return worker->run(); });
  EXPECT_TRUE(wait_until([&] { return stage.group("backlog", "g").value_or(GroupInfo{}).done == GetParam().messages; }));
  worker->stop();
  ASSERT_TRUE(ended.get());
  EXPECT_EQ(handled, GetParam().messages);
  EXPECT_EQ(stage.metrics().sum("takt_slow_peers_dropped_total"), 0);
  EXPECT_EQ(stage.metrics().sum("takt_messages_redelivered_total"), 0);
}

INSTANTIATE_TEST_SUITE_P(Backlogs, BacklogTest,
                         ::testing::Values(Backlog{60'000, 600, 0}, Backlog{60'000, 900, 0}, Backlog{100'000, 150, 65'536}));

}  // namespace
}  // namespace takt::e2e
