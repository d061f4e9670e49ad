// What a producer and an operator are promised, with the real gateway and partition behind a real socket.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "tests/sdk/live.h"

namespace takt {
namespace {

using namespace std::chrono_literals;

TEST_F(Live, ReceiptsNameConsecutiveMessages) {
  const auto first = client.send(Job{1}, to_jobs);
  const auto second = client.send(Job{2}, to_jobs);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->offset, 0u);
  EXPECT_EQ(second->offset, 1u);
  EXPECT_GT(second->id.position, first->id.position);
  EXPECT_FALSE(second->duplicate);
}

TEST_F(Live, EveryJobIsHandledOnceByItsType) {
  std::mutex mutex;
  std::multiset<int> seen;
  Worker one = worker({.topic = "jobs", .concurrency = 4});
  one.handle<Job>([&](Context& context, const Job& job) {
    EXPECT_EQ(context.topic(), "jobs");
    EXPECT_EQ(context.attempt(), 1u);
    const std::lock_guard lock(mutex);
    seen.insert(job.number);
  });
  Running running(one);
  send(0, 500);
  ASSERT_TRUE(wait_until([&] { return one.metrics().done == 500; }));
  EXPECT_EQ(seen.size(), 500u);
  EXPECT_EQ(std::set<int>(seen.begin(), seen.end()).size(), 500u);
  EXPECT_EQ(running.stop().metrics.delivered, 500u);
}

TEST_F(Live, CallbacksComeOnceEachAndFlushWaitsForThem) {
  std::atomic<int> stored{0};
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(client.send_async(Job{i}, to_jobs, [&](Result<Receipt> receipt) { stored += receipt ? 1 : 1000; }));
  }
  ASSERT_TRUE(client.flush(60s));
  EXPECT_EQ(stored, 1000);
  EXPECT_EQ(client.metrics().buffered_bytes, 0u);
}

TEST_F(Live, AMessageDoesNotLingerWhenNothingIsOnItsWay) {
  Client patient = *Client::open({.server = broker.server(), .linger = 10s});   // the longest there is
  std::atomic<int> stored = 0;
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(patient.send_async(Job{1}, to_jobs, [&](const Result<Receipt>& result) { stored += result.has_value() ? 1 : 0; }));
  EXPECT_TRUE(wait_until([&] { return stored == 1; }));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
}

TEST_F(Live, ACallbackMayNotWaitForItsOwnThread) {
  std::vector<std::string> refused;
  const auto note = [&](const auto& result) { refused.push_back(result ? "" : result.error().name); };
  ASSERT_TRUE(client.send_async(Job{1}, to_jobs, [&](Result<Receipt>) {
    note(client.send(Job{2}, to_jobs));
    note(client.flush(1s));
    note(client.wait_connected(1s));
    note(client.close(1s));
    EXPECT_TRUE(client.send_async(Job{3}, to_jobs));
  }));
  ASSERT_TRUE(client.flush(60s));
  ASSERT_TRUE(client.close(60s));
  EXPECT_EQ(refused, std::vector<std::string>(4, "bad_option"));
  EXPECT_EQ(client.metrics().sent, 2u);
}

TEST_F(Live, AnExceptionOutOfACallbackIsFlushesError) {
  std::atomic<int> called{0};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(client.send_async(Job{i}, to_jobs, [&](Result<Receipt>) {
      ++called;
      throw std::runtime_error("no disk");
    }));
  }
  const auto flushed = client.flush(60s);
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().text(), "TK5007 bad_option: a callback of send_async threw: no disk");
  EXPECT_TRUE(client.flush(60s));
  EXPECT_EQ(called, 2);
  EXPECT_EQ(client.metrics().callback_exceptions, 2u);
  EXPECT_EQ(client.metrics().sent, 2u);
}

TEST_F(Live, ADurationWithoutEndIsOne) {
  constexpr auto forever = std::chrono::milliseconds::max();
  Client patient = *Client::open({.server = broker.server(), .send_timeout = forever});
  EXPECT_TRUE(patient.wait_connected(forever));
  EXPECT_TRUE(patient.send(Job{1}, to_jobs));
  EXPECT_TRUE(patient.send_async(Job{2}, to_jobs));
  EXPECT_TRUE(patient.flush(forever));
  EXPECT_TRUE(Admin::open({.server = broker.server(), .timeout = forever})->topics());
  WorkerOptions options;
  options.server = broker.server();
  options.subscriptions = {{.topic = "jobs"}};
  options.connect_timeout = options.shutdown_grace = options.shutdown_force = forever;
  options.backoff = takt::Backoff{forever, forever};
  Worker one = *Worker::open(options);
  one.handle<Job>([forever](Context&, const Job& job) { return job.number == 1 ? retry("later") : retry_in(forever, "never"); });
  Running running(one);
  EXPECT_TRUE(wait_until([&] { return one.metrics().retried == 2; }));
  EXPECT_EQ(group().retrying, 2u);
  EXPECT_TRUE(patient.close(forever));
}

TEST(LiveIpV6, ABracketedAddressIsReached) {
  const int probe = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  const bool there = probe >= 0 && bind(probe, reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) == 0;
  if (probe >= 0) close(probe);
  if (!there) GTEST_SKIP() << "this machine has no ::1";
  const sdk::LoopBroker broker("tcp://[::1]:0");
  EXPECT_TRUE(broker.server().starts_with("tcp://[::1]:")) << broker.server();
  EXPECT_TRUE(Client::open({.server = broker.server()})->send(Job{1}, {.topic = "jobs"}));
}

TEST_F(Live, WithAcksZeroASendIsDoneWhenItLeaves) {
  auto fast = Client::open({.server = broker.server(), .acks = Acks::kNone});
  ASSERT_TRUE(fast);
  const auto receipt = fast->send(Job{1}, to_jobs);
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->id.position, 0u);
  ASSERT_TRUE(fast->close());
  Worker one = worker();
  one.handle<Job>([](Context&, const Job&) {});
  Running running(one);
  EXPECT_TRUE(wait_until([&] { return one.metrics().done == 1; }));
}

TEST_F(Live, WithAcksZeroABrokerThatDoesNotReadFillsNoMemory) {
  constexpr std::size_t payload_bytes = 256u << 10;
  Client fast = *Client::open({.server = broker.server(), .acks = Acks::kNone, .buffer_bytes_max = 4u << 20});
  ASSERT_TRUE(fast.wait_connected(20s));
  broker.stall();
  const std::vector<std::byte> payload(payload_bytes);
  const auto bytes_gone = [&] { return fast.metrics().sent * payload_bytes; };
  std::uint64_t accepted = 0;
  // Until nothing leaves any more. Of what left, the kernel's buffers and the broker's own queue hold a share.
  for (std::size_t before = 1; bytes_gone() != before;) {
    before = bytes_gone();
    const auto until = std::chrono::steady_clock::now() + 1s;
    while (std::chrono::steady_clock::now() < until && accepted < 800) {
      if (fast.try_send_bytes("job", payload, to_jobs)) {
        ++accepted;
      } else {
        std::this_thread::sleep_for(1ms);
      }
    }
  }
  EXPECT_GT(bytes_gone(), std::size_t{16} << 20);
  EXPECT_LT(bytes_gone(), std::size_t{64} << 20);
  broker.go_on();
  EXPECT_TRUE(fast.flush(20s));
  EXPECT_EQ(fast.metrics().sent, accepted);
}

// Whoever is not woken when the queue has room again waits for the next heartbeat, up to 3 s for every 16 MiB.
TEST_F(Live, WithAcksZeroWhatIsQueuedLeavesAsTheBrokerReads) {
  Client fast = *Client::open({.server = broker.server(), .acks = Acks::kNone, .buffer_bytes_max = 4u << 20});
  const std::vector<std::byte> payload(256u << 10);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(fast.send_async_bytes("job", payload, to_jobs));
  EXPECT_TRUE(fast.flush(20s));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 20s);
}

TEST_F(Live, AScheduleSendsItsMessageByItself) {
  auto admin = Admin::open({.server = broker.server()});
  ASSERT_TRUE(admin);
  const ScheduleSettings settings{.rule = "@every 1s", .jitter = 1ms, .overlap = Overlap::kAllow};
  using Outcome = PutScheduleResult::Outcome;
  EXPECT_EQ(admin->put_schedule("tick", settings, Job{7}, to_jobs).value().outcome, Outcome::kCreated);
  EXPECT_EQ(admin->put_schedule("tick", settings, Job{7}, to_jobs).value().outcome, Outcome::kUnchanged);
  EXPECT_EQ(admin->put_schedule("tick", settings, Job{8}, to_jobs).value().outcome, Outcome::kChanged);

  std::mutex mutex;
  std::vector<std::string> ids;
  Worker one = worker({.topic = "jobs"});
  one.handle<Job>([&](Context& context, const Job& job) {
    EXPECT_EQ(job.number, 8);
    ASSERT_TRUE(context.occurrence());
    EXPECT_EQ(context.occurrence()->schedule, "tick");
    const std::lock_guard lock(mutex);
    ids.push_back(context.occurrence()->id());
  });
  Running running(one);
  ASSERT_TRUE(wait_until([&] { return one.metrics().done >= 2; }));
  EXPECT_TRUE(admin->pause_schedule("tick").value());
  const ScheduleDetails details = admin->schedule("tick", 5).value();
  EXPECT_TRUE(details.info.paused);
  EXPECT_TRUE(details.upcoming.empty());
  ASSERT_GE(details.history.size(), 2u);
  EXPECT_EQ(details.history[0].outcome, PastOccurrence::Outcome::kOnTime);
  EXPECT_EQ(details.history[1].planned.time, details.history[0].planned.time - 1s);
  EXPECT_EQ(admin->trigger_schedule("tick").value().outcome, PastOccurrence::Outcome::kManual);
  EXPECT_TRUE(admin->resume_schedule("tick").value());
  EXPECT_EQ(admin->schedules().value().size(), 1u);
  EXPECT_TRUE(admin->delete_schedule("tick"));
  EXPECT_EQ(admin->delete_schedule("tick").error().name, "unknown_schedule");
  running.stop();
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size());
}

TEST_F(Live, AScheduleIsRefusedByTheSettingThatIsWrong) {
  auto admin = Admin::open({.server = broker.server()});
  ASSERT_TRUE(admin);
  const auto refusal = [&](const ScheduleSettings& settings, const SendOptions& message) {
    const auto put = admin->put_schedule("s", settings, Job{}, message);
    return put ? std::string("taken") : put.error().message;
  };
  EXPECT_EQ(refusal({.rule = "61 * * * *"}, to_jobs).substr(0, 46), "put_schedule: field 'settings.rule': minute: '");
  EXPECT_EQ(refusal({.rule = "@daily", .jitter = 25h}, to_jobs), "ScheduleSettings.jitter: it must be 0 to a day");
  EXPECT_EQ(refusal({.rule = "@daily", .catch_up_max = 0}, to_jobs), "ScheduleSettings.catch_up_max: it must be 1 to 100");
  EXPECT_EQ(refusal({.rule = "@daily"}, {.topic = "jobs", .delay = 1s}), "SendOptions: the message of a schedule has neither delay nor at");
  EXPECT_EQ(refusal({.rule = "@daily",
                     .start = Instant(std::chrono::sys_days(std::chrono::year(2027) / 1 / 2)),
                     .end = Instant(std::chrono::sys_days(std::chrono::year(2027) / 1 / 1))},
                    to_jobs),
            "ScheduleSettings.end: it is before start");
  EXPECT_EQ(Occurrence({"s", Instant(std::chrono::sys_days(std::chrono::year(2027) / 1 / 1) + 3723004ms)}).id(),
            "s@2027-01-01T01:02:03.004Z");
}

TEST_F(Live, AdminSeesAndChangesTopicsAndGroups) {
  auto admin = Admin::open({.server = broker.server()});
  ASSERT_TRUE(admin);
  EXPECT_EQ(admin->broker().value().partitions, 1u);
  EXPECT_TRUE(admin->put_topic("jobs", {.keep = 1h}).value());
  EXPECT_FALSE(admin->put_topic("jobs", {.bytes_max = 1 << 20}).value());
  const RetryPolicy retry{.kind = RetryPolicy::Kind::kList, .delays = {1s, 1min}, .jitter_percent = 0, .give_up = 1h, .deaths_max = 5};
  EXPECT_TRUE(admin->put_group("jobs", "resize", {.attempts_max = 3, .retry = retry}).value());
  send(0, 3);
  const auto topics = admin->topics().value();
  ASSERT_EQ(topics.size(), 1u);
  EXPECT_EQ(topics[0].messages, 3u);
  EXPECT_EQ(topics[0].settings.bytes_max, 1u << 20);
  const auto groups = admin->groups("jobs").value();
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].attempts_max, 3u);
  EXPECT_EQ(groups[0].retry.kind, RetryPolicy::Kind::kList);
  EXPECT_EQ(groups[0].retry.delays, (std::vector<std::chrono::milliseconds>{1s, 1min}));
  EXPECT_EQ(groups[0].retry.jitter_percent, 0u);
  EXPECT_EQ(groups[0].retry.give_up, 1h);
  EXPECT_EQ(groups[0].retry.deaths_max, 5u);
  EXPECT_EQ(groups[0].ready, 3u);

  const auto page = admin->peek({.topic = "jobs", .from = 1}).value();
  ASSERT_EQ(page.messages.size(), 2u);
  EXPECT_EQ(page.messages[0].kind, "job");
  EXPECT_EQ(page.messages[0].offset, 1u);
  EXPECT_EQ(page.next, 3u);

  EXPECT_TRUE(admin->delete_group("jobs", "resize"));
  EXPECT_EQ(admin->delete_group("jobs", "resize").error().name, "unknown_group");
  EXPECT_EQ(admin->delete_topic("nothing").error().outcome, ErrorOutcome::kRefused);
}

}  // namespace
}  // namespace takt
