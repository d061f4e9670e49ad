// kill -9 in the very instant of a confirmation: what the caller was told is on the disk by then, not soon.

#include <gtest/gtest.h>
#include <signal.h>
#include <takt/client.h>

#include <future>

#include "tests/e2e/payload.h"
#include "tests/e2e/stage.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;

constexpr int kills = 10;
constexpr std::size_t payload_bytes = 15u << 20;   // its append takes some milliseconds on any disk

std::uint64_t stored(Stage& stage) {
  const auto topics = stage.admin().topics();
  return topics && !topics->empty() ? topics->front().enqueued : 0;
}

TEST(Confirmed, AMessageIsThereAfterAKillInTheInstantOfItsConfirmation) {
  Stage stage({"limits.message_bytes=16MiB", "limits.batch_bytes=16MiB"});
  const std::vector<std::byte> payload(payload_bytes);
  for (int kill = 1; kill <= kills; ++kill) {
    auto client = Client::open({.server = stage.broker().server()});
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->wait_connected(patience));   // it takes such messages once the broker has said so
    std::promise<bool> confirmed;
    const auto killer = [&, broker = stage.broker().pid()](const Result<Receipt>& receipt) {
      ::kill(broker, SIGKILL);
      confirmed.set_value(receipt.has_value());
    };
    ASSERT_TRUE(client->send_async_bytes(job_kind, payload, {.topic = "jobs"}, killer));
    ASSERT_TRUE(confirmed.get_future().get());
    stage.broker().kill();   // it is dying already; returns when it is gone
    stage.broker().start();
    ASSERT_EQ(stored(stage), static_cast<std::uint64_t>(kill));
  }
}

}  // namespace
}  // namespace takt::e2e
