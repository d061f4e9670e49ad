// What a worker is promised, with the real gateway and partition behind a real socket.

#include <atomic>
#include <csignal>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "tests/sdk/live.h"

namespace takt {
namespace {

using namespace std::chrono_literals;

TEST_F(Live, AHandlerSeesTagsAttributesAndItsPlace) {
  SendOptions options{.topic = "jobs", .tags = {"urgent"}, .attributes = {{"tenant", std::string("acme")}}, .priority = 3};
  const auto receipt = client.send(Job{1}, options);
  ASSERT_TRUE(receipt);
  std::atomic<int> good{0};
  Worker one = worker();
  one.handle<Job>([&](Context& context, const Job&) {
    good += context.tags() == std::vector<std::string>{"urgent"};
    good += context.attribute("tenant") == Attribute(std::string("acme"));
    good += !context.attribute("nobody");
    good += context.id() == receipt->id;
    good += context.message().priority() == 3;
    good += context.fencing_token() != 0;
  });
  Running running(one);
  ASSERT_TRUE(wait_until([&] { return one.metrics().done == 1; }));
  EXPECT_EQ(good, 6);
}

TEST_F(Live, APayloadThatDoesNotFitIsDeadAtOnce) {
  const auto bytes = pack_payload(Other{"seven"});
  ASSERT_TRUE(client.send_bytes("job", std::as_bytes(std::span(bytes.data(), bytes.size())), to_jobs));
  Worker one = worker();
  one.handle<Job>([](Context&, const Job&) { ADD_FAILURE() << "must not be called"; });
  Running running(one);
  ASSERT_TRUE(wait_until([&] { return one.metrics().dead == 1; }));
  EXPECT_EQ(one.metrics().decode_errors, 1u);
  EXPECT_EQ(group().dead, 1u);
}

TEST_F(Live, AnExceptionIsARetryAndAPermanentOneIsDead) {
  std::atomic<int> calls{0};
  Worker one = worker();
  one.handle<Job>([&](Context& context, const Job& job) {
    ++calls;
    if (job.number == 0) throw permanent_error("never");
    if (context.attempt() < 3) throw std::runtime_error("not yet");
  });
  Running running(one);
  send(0, 2);
  ASSERT_TRUE(wait_until([&] { return one.metrics().done == 1 && one.metrics().dead == 1; }));
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(one.metrics().retried, 2u);
  EXPECT_EQ(one.metrics().exceptions, 3u);
}

TEST_F(Live, AMessageHasItsOwnRetries) {
  SendOptions own = to_jobs;
  own.attempts_max = 2;
  own.retry = RetryPolicy{.kind = RetryPolicy::Kind::kList, .base = 0ms, .cap = 0ms, .delays = {300ms}, .jitter_percent = 0};
  ASSERT_TRUE(client.send(Job{1}, own));
  std::mutex mutex;
  std::vector<std::chrono::steady_clock::time_point> calls;
  Worker one = worker();
  one.handle<Job>([&](Context&, const Job&) {
    const std::lock_guard lock(mutex);
    calls.push_back(std::chrono::steady_clock::now());
    throw std::runtime_error("not yet");
  });
  Running running(one);
  ASSERT_TRUE(wait_until([&] { return one.metrics().dead == 1; }));
  ASSERT_EQ(calls.size(), 2u) << "its group would have given it more";
  EXPECT_GE(calls[1] - calls[0], 300ms) << "the worker's own backoff is shorter";
  EXPECT_EQ(client.send(Job{1}, {.topic = "jobs", .attempts_max = 0}).error().label(), "TK5007 bad_option");
  EXPECT_EQ(client.send(Job{1}, {.topic = "jobs", .retry = RetryPolicy{.base = 2s, .cap = 1s}}).error().label(), "TK5007 bad_option");
}

TEST_F(Live, AnUnknownKindGoesToAWorkerThatKnowsIt) {
  Worker stranger = worker();
  stranger.handle<Other>([](Context&, const Other&) {});
  Running running(stranger);
  send(0, 1);
  ASSERT_TRUE(wait_until([&] { return stranger.metrics().unknown_kinds >= 1; }));
  Worker friendly = worker();
  friendly.handle<Job>([](Context& context, const Job&) { EXPECT_EQ(context.attempt(), 1u); });
  Running also(friendly);
  EXPECT_TRUE(wait_until([&] { return friendly.metrics().done == 1; }));
}

TEST_F(Live, MessagesOfUnknownKindsDoNotHoldUpTheOthers) {
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(client.send_async(Other{"x"}, to_jobs));
  ASSERT_TRUE(client.flush(60s));
  send(0, 20);
  Worker one = worker();
  one.handle<Job>([](Context&, const Job&) {});
  Running running(one);
  EXPECT_TRUE(wait_until([&] { return one.metrics().done == 20; }));
  EXPECT_GE(one.metrics().unknown_kinds, 200u);
}

TEST_F(Live, FollowUpsComeWithTheAckAndNotWithARetry) {
  Worker first = worker();
  first.handle<Job>([](Context& context, const Job& job) -> Outcome {
    EXPECT_TRUE(context.send(Job{100 + job.number}, {.topic = "thumbs"}));
    return context.attempt() == 1 ? retry("once more") : done();
  });
  std::mutex mutex;
  std::vector<int> seen;
  Worker second = worker({.topic = "thumbs"});
  second.handle<Job>([&](Context&, const Job& job) {
    const std::lock_guard lock(mutex);
    seen.push_back(job.number);
  });
  Running a(first);
  Running b(second);
  send(1, 1);
  ASSERT_TRUE(wait_until([&] { return first.metrics().follow_ups == 1 && second.metrics().done == 1; }));
  EXPECT_EQ(seen, (std::vector<int>{101}));
  EXPECT_EQ(first.metrics().retried, 1u);
}

TEST_F(Live, EachMessageTravelsAloneWhenABatchHoldsOne) {
  Client single = *Client::open({.server = broker.server(), .batch_messages = 1, .batches_in_flight = 1'000});
  constexpr int count = 1'500;
  std::atomic<int> answered{0};
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(single.send_async(Job{i}, to_jobs, [&](const Result<Receipt>& receipt) { answered += receipt ? 1 : 0; }));
  }
  ASSERT_TRUE(single.flush(20s));
  EXPECT_EQ(answered, count);
  EXPECT_EQ(single.metrics().batches, static_cast<std::uint64_t>(count));
  EXPECT_EQ(client.send(Job{}, to_jobs)->offset, static_cast<std::uint64_t>(count));
}

TEST(LiveBounds, FollowUpsBeyondTheBrokersBoundsAreRefusedWhenTheyAreSent) {
  sdk::LoopBroker broker("tcp://127.0.0.1:0", {.batch_bytes_max = 65'536, .batch_messages_max = 500});
  Worker worker = *Worker::open({.server = broker.server(), .subscriptions = {{.topic = "jobs"}}});
  std::string by_metadata;
  std::string by_bytes;
  std::string by_count;
  worker.handle<Job>([&](Context& context, const Job&) {
    Attributes large;
    for (int i = 0; i < 16; ++i) large.emplace_back("a" + std::to_string(i), std::string(1000, 'x'));
    if (const auto sent = context.send(Job{}, {.topic = "thumbs", .attributes = large}); !sent) by_metadata = sent.error().name;
    const std::string half(32'768, 'x');
    const auto send_half = [&] { return context.send_bytes("half", std::as_bytes(std::span(half)), {.topic = "thumbs"}); };
    EXPECT_TRUE(send_half());
    if (const auto sent = send_half(); !sent) by_bytes = sent.error().text();
    for (int i = 1; i < 500; ++i) EXPECT_TRUE(context.send(Job{i}, {.topic = "thumbs"}));
    if (const auto sent = context.send(Job{}, {.topic = "thumbs"}); !sent) by_count = sent.error().text();
  });
  Running running(worker);
  Client client = *Client::open({.server = broker.server()});
  ASSERT_TRUE(client.send(Job{}, {.topic = "jobs"}));
  ASSERT_TRUE(wait_until([&] { return worker.metrics().done == 1; }));
  const WorkerStats stats = running.stop();
  EXPECT_EQ(stats.metrics.follow_ups, 500u);
  EXPECT_EQ(stats.metrics.refused, 0u);
  EXPECT_EQ(by_metadata, "bad_option");
  const std::string text = "TK2010 batch_too_large: the follow-ups of one message may be ";
  EXPECT_EQ(by_bytes, text + "65536 bytes together; send the rest as their follow-ups");
  EXPECT_EQ(by_count, text + "500 messages together; send the rest as their follow-ups");
}

TEST_F(Live, ABatchHandlerAcksInRunsAndMayFailSingleOnes) {
  send(0, 300);
  std::mutex mutex;
  std::map<std::uint64_t, std::uint32_t> attempts;
  Worker one = worker();
  one.handle_batch([&](std::span<const Delivered> messages, BatchOutcome& outcome) {
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < messages.size(); ++i) {
      attempts[messages[i].offset()] = messages[i].attempt();
      if (messages[i].offset() == 7 && messages[i].attempt() == 1) outcome.set(i, retry_in(0ms, "not this one"));
    }
  });
  Running running(one);
  ASSERT_TRUE(wait_until([&] { return one.metrics().done == 300; }));
  EXPECT_EQ(attempts[7], 2u);
  EXPECT_EQ(attempts[8], 1u);
  EXPECT_EQ(one.metrics().retried, 1u);
}

TEST_F(Live, PullHandlesEverything) {
  send(0, 50);
  Worker one = worker({.topic = "jobs", .concurrency = 3, .mode = Mode::kPull});
  one.handle<Job>([](Context&, const Job&) {});
  Running running(one);
  EXPECT_TRUE(wait_until([&] { return one.metrics().done == 50; }));
}

TEST_F(Live, StopGivesBackAtOnceWhatWasNotBegunAndFinishesWhatWas) {
  send(0, 5);
  std::atomic<bool> begun{false};
  std::atomic<bool> finish{false};
  Worker one = worker({.topic = "jobs", .prefetch = 10});
  one.handle<Job>([&](Context&, const Job&) {
    begun = true;
    begun.notify_all();
    finish.wait(false);
  });
  std::optional<Running> running(std::in_place, one);
  begun.wait(false);
  one.stop();
  Worker two = worker();
  two.handle<Job>([](Context& context, const Job&) { EXPECT_EQ(context.attempt(), 1u); });
  Running other(two);
  EXPECT_TRUE(wait_until([&] { return two.metrics().done == 4; }));
  finish = true;
  finish.notify_all();
  const WorkerStats stats = running->stop();
  EXPECT_EQ(stats.metrics.done, 1u);
  EXPECT_EQ(stats.metrics.released, 4u);
  EXPECT_EQ(stats.abandoned, 0u);
}

TEST_F(Live, AfterTheGraceTheStopTokenFires) {
  send(0, 1);
  std::atomic<bool> begun{false};
  Worker one = worker({.topic = "jobs"}, 0ms);
  one.handle<Job>([&](Context& context, const Job&) -> Outcome {
    begun = true;
    EXPECT_TRUE(wait_until([&] { return context.stop_requested(); }));
    return release();
  });
  Running running(one);
  ASSERT_TRUE(wait_until([&] { return begun.load(); }));
  EXPECT_EQ(running.stop().metrics.released, 1u);
  EXPECT_TRUE(wait_until([&] { return group().ready == 1; }));
}

TEST_F(Live, ASnoozedJobComesLaterAsTheSameAttempt) {
  send(0, 1);
  std::atomic<int> runs{0};
  std::atomic<std::uint32_t> attempt{0};
  const auto begun = std::chrono::steady_clock::now();
  Worker one = worker();
  one.handle<Job>([&](Context& context, const Job&) {
    attempt = context.attempt();
    return ++runs == 1 ? snooze(300ms) : done();
  });
  Running running(one);
  EXPECT_TRUE(wait_until([&] { return runs == 2; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 300ms);
  EXPECT_EQ(attempt, 1u);
}

TEST_F(Live, ALostLeaseFiresTheStopTokenAndItsOutcomeIsStale) {
  send(0, 1);
  std::atomic<bool> begun{false};
  Worker one = worker();
  one.handle<Job>([&](Context& context, const Job&) {
    begun = true;
    EXPECT_TRUE(wait_until([&] { return context.stop_requested(); }));
  });
  Running running(one);
  ASSERT_TRUE(wait_until([&] { return begun.load(); }));
  // With its topic the message is gone; the next Resume can't claim it.
  ASSERT_TRUE(Admin::open({.server = broker.server()})->delete_topic("jobs"));
  broker.end_sessions();
  EXPECT_TRUE(wait_until([&] { return one.metrics().stale == 1; }));
  EXPECT_EQ(one.metrics().leases_lost, 1u);
}

TEST_F(Live, OverRestartsNothingIsLostAndNothingRunsTwice) {
  std::mutex mutex;
  std::map<int, int> runs;
  Worker one = worker({.topic = "jobs", .concurrency = 2});
  one.handle<Job>([&](Context&, const Job& job) {
    const std::lock_guard lock(mutex);
    ++runs[job.number];
  });
  Running running(one);
  std::atomic<int> stored{0};
  int sent = 0;
  const auto send_some = [&] {
    for (int i = 0; i < 300; ++i) {
      EXPECT_TRUE(client.send_async(Job{sent++}, to_jobs, [&](Result<Receipt> receipt) { stored += receipt.has_value(); }));
    }
  };
  for (int round = 0; round < 4; ++round) {
    const int before = stored;
    send_some();
    ASSERT_TRUE(wait_until([&] { return stored > before; }));  // in the middle of it
    broker.restart();
    send_some();
  }
  ASSERT_TRUE(client.flush(60s));
  EXPECT_EQ(stored, sent);
  ASSERT_TRUE(wait_until([&] {
    const std::lock_guard lock(mutex);
    return runs.size() == static_cast<std::size_t>(sent);
  }));
  running.stop();
  for (const auto& [number, times] : runs) EXPECT_EQ(times, 1) << number;
  EXPECT_GE(client.metrics().connections, 2u);
}

TEST_F(Live, SignalsStopAWorkerThatAskedForIt) {
  WorkerOptions options;
  options.server = broker.server();
  options.subscriptions = {{.topic = "jobs"}};
  options.handle_signals = true;
  Worker one = *Worker::open(options);
  one.handle<Job>([](Context&, const Job&) { ASSERT_EQ(::raise(SIGTERM), 0); });
  send(0, 1);
  const auto stats = one.run();
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->metrics.done, 1u);
}

}  // namespace
}  // namespace takt
