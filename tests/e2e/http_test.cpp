// /metrics, /livez and /readyz of a real broker.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/e2e/stage.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;
using takt::testing::http_get;
using takt::testing::RawSocket;

TEST(Http, MetricsAreInOrderAndCountWhatHappened) {
  Stage stage({"store.checkpoint_interval=100ms"});
  auto worker = stage.worker("worker", "jobs", {"--concurrency", "2"});
  auto producer =
      stage.producer("producer", "jobs", {"--count", "300", "--batch", "50", "--work-every", "10", "--work", ";fail=1;delay=5"});
  ASSERT_TRUE(stage.wait_for("worker", LedgerEvent::kConfirmed, 300));
  ASSERT_FALSE(stage.group("no-such-topic", "g"));
  ASSERT_TRUE(wait_until([&] { return stage.metrics().sum("takt_store_checkpoints_total") > 0; }));
  const MetricsPage page = stage.metrics();
  for (const auto& fault : page.faults) ADD_FAILURE() << fault;
  EXPECT_EQ(page.sum("takt_messages_enqueued_total", {"topic=\"jobs\""}), 300);
  EXPECT_EQ(page.sum("takt_messages_acked_total", {"topic=\"jobs\"", "group=\"g\""}), 300);
  EXPECT_EQ(page.sum("takt_messages_delivered_total", {"topic=\"jobs\""}), 330);
  EXPECT_EQ(page.sum("takt_messages_retried_total", {"topic=\"jobs\""}), 30);
  EXPECT_EQ(page.sum("takt_group_workers", {"group=\"g\""}), 1);
  EXPECT_TRUE(page.samples.contains("takt_group_alone_seconds{topic=\"jobs\",group=\"g\"}"));
  EXPECT_GE(page.sum("takt_requests_refused_total", {"code=\"unknown_topic\""}), 1);
  EXPECT_GT(page.sum("takt_store_commit_seconds_count"), 0);
  EXPECT_GT(page.sum("process_resident_memory_bytes"), 1e6);
  EXPECT_TRUE(ends_well(worker));
}

TEST(Http, PromtoolAcceptsTheMetrics) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not installed";
  Stage stage;
  const auto answer = http_get(stage.broker().http_port(), "/metrics");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->content_type, "text/plain; version=0.0.4; charset=utf-8");
  const auto file = stage.folder() / "metrics.txt";
  std::ofstream(file) << answer->body;
  EXPECT_EQ(std::system(("promtool check metrics < " + file.string()).c_str()), 0);
}

TEST(Http, SaysAliveAndReadyAndNothingElse) {
  Stage stage;
  const auto status = [&](const std::string& path) {
    const auto answer = http_get(stage.broker().http_port(), path);
    return answer ? answer->status : 0;
  };
  EXPECT_EQ(status("/livez"), 200);
  EXPECT_EQ(status("/readyz"), 200);
  EXPECT_EQ(status("/metrics"), 200);
  EXPECT_EQ(status("/"), 404);
  EXPECT_EQ(status("/metrics/../../etc/passwd"), 404);
}

double resident_bytes(Stage& stage) { return stage.metrics().sum("process_resident_memory_bytes"); }

/// Sends until the broker closes or 100 MB are through; false in the latter case.
bool is_cut_off(RawSocket& socket, const std::string& chunk) {
  for (std::size_t sent = 0; sent < 100'000'000; sent += chunk.size())
    if (!socket.send(chunk)) return true;
  return false;
}

TEST(Http, HeadersWithoutEndAreCutOff) {
  Stage stage;
  const double before = resident_bytes(stage);
  RawSocket socket(stage.broker().http_port());
  ASSERT_TRUE(socket.send("GET /livez HTTP/1.1\r\n"));
  EXPECT_TRUE(is_cut_off(socket, "X: " + std::string(8'000, 'a') + "\r\n"));
  EXPECT_LT(resident_bytes(stage), before + 20e6);
}

TEST(Http, AChunkedBodyWithoutEndIsCutOff) {
  Stage stage;
  const double before = resident_bytes(stage);
  RawSocket socket(stage.broker().http_port());
  ASSERT_TRUE(socket.send("POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_TRUE(is_cut_off(socket, "10000\r\n" + std::string(65'536, 'a') + "\r\n"));
  EXPECT_LT(resident_bytes(stage), before + 20e6);
}

TEST(Http, SlowConnectionsTakeNothingFromAProbe) {
  Stage stage;
  std::vector<std::unique_ptr<RawSocket>> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<RawSocket>(stage.broker().http_port()));
    slow.back()->send("GET /livez HTTP/1.1\r\nX: ");
  }
  for (int i = 0; i < 20; ++i) {
    const auto asked = std::chrono::steady_clock::now();
    // A probe is cut off like any other when its request does not come at once, and probes are asked again.
    auto answer = http_get(stage.broker().http_port(), "/livez");
    for (int again = 0; again < 2 && !answer; ++again) answer = http_get(stage.broker().http_port(), "/livez");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_LT(std::chrono::steady_clock::now() - asked, 4s);   // less than the patience with the slow ones
    for (auto& socket : slow) socket->send("a");
  }
}

TEST(Http, ASlowRequestEndsAfterItsTimeHoweverOftenAByteComes) {
  Stage stage;
  RawSocket socket(stage.broker().http_port());
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(socket.send("GET /livez HTTP/1.1\r\nX: "));
  ASSERT_TRUE(wait_until([&] { return !socket.send("a"); }));
  EXPECT_GT(std::chrono::steady_clock::now() - began, 4s);
}

TEST(Http, IsNotReadyAnyMoreOnceTheBrokerDrains) {
  Stage stage;
  auto producer = stage.producer("producer", "jobs", {"--batch", "100"});
  ASSERT_TRUE(stage.wait_for("producer", LedgerEvent::kSent, 1000));
  stage.broker().terminate();
  int last = 200;
  while (stage.broker().is_running()) {
    const auto answer = http_get(stage.broker().http_port(), "/readyz");
    const int status = answer ? answer->status : 0;
    EXPECT_TRUE(status == 200 || status == 503 || status == 0) << status;
    EXPECT_FALSE(status == 200 && last != 200) << "ready again while it drains";
    last = status;
  }
  const auto end = stage.broker().wait_end(patience);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->is_success()) << end->text();
  EXPECT_NE(last, 200);
  producer.kill();  // it would wait for a broker
}

}  // namespace
}  // namespace takt::e2e
