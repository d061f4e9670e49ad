// A connection that breaks between a request and its answer: the client cannot know what became of it, and repeats it. A
// relay between client and broker loses what the test tells it to lose, so that both cases are certain to come.

#include <gtest/gtest.h>
#include <takt/client.h>
#include <takt/worker.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <numeric>
#include <random>
#include <thread>

#include "tests/e2e/payload.h"
#include "tests/e2e/stage.h"
#include "tests/support/relay.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;
using takt::testing::port_of;
using takt::testing::Relay;
using From = Relay::From;
using Receipts = std::vector<Result<Receipt>>;

/// What is on its way when the connection breaks.
struct Load {
  std::size_t messages = 1;
  std::uint32_t batch_messages = 1;
};
constexpr std::array loads{Load{1, 1}, Load{500, 1}, Load{100, 100}, Load{3'000, 50}};
constexpr int rounds = 5;

std::ostream& operator<<(std::ostream& out, const Load& load) {
  return out << load.messages << " messages, " << load.batch_messages << " in a batch";
}

constexpr std::size_t payload_bytes = 200;
constexpr std::size_t wire_bytes_max = 300;   // of a message with its share of all that goes with it

std::vector<std::string> payloads_for(const std::string& topic, std::size_t count) {
  std::vector<std::string> payloads;
  for (std::size_t i = 0; i < count; ++i) {
    payloads.push_back(topic + "-" + std::to_string(i) + ";");
    payloads.back().resize(payload_bytes, '.');
  }
  return payloads;
}

std::size_t bytes_of(const std::vector<std::string>& payloads) {
  return std::accumulate(payloads.begin(), payloads.end(), std::size_t{0},
                         [](std::size_t sum, const auto& one) { return sum + one.size(); });
}

std::string place(const MessageId& id, std::uint64_t offset) { return id.text() + " at offset " + std::to_string(offset); }

std::vector<std::string> places_of(const std::vector<PeekedMessage>& messages) {
  std::vector<std::string> places;
  for (const PeekedMessage& message : messages) places.push_back(place(message.id, message.offset));
  return places;
}

std::vector<std::string> places_of(const Receipts& receipts) {
  std::vector<std::string> places;
  for (const auto& receipt : receipts) places.push_back(receipt ? place(receipt->id, receipt->offset) : receipt.error().text());
  return places;
}

std::vector<std::string> payloads_of(const std::vector<PeekedMessage>& messages) {
  std::vector<std::string> payloads;
  for (const PeekedMessage& message : messages) payloads.push_back(message.payload);
  return payloads;
}

std::size_t duplicates_among(const Receipts& receipts) {
  return static_cast<std::size_t>(
      std::count_if(receipts.begin(), receipts.end(), [](const auto& receipt) { return receipt && receipt->duplicate; }));
}

class LostAnswers : public ::testing::Test {
 protected:
  Client connected_client(const Load& load) {
    // All that a load may be cut into is on its way at once.
    auto client = Client::open(
        {.server = relay.server(), .batch_messages = load.batch_messages, .batches_in_flight = 1'000, .send_timeout = 2 * patience});
    if (!client || !client->wait_connected(patience)) throw std::runtime_error("no client");
    return *std::move(client);
  }
  static std::future<Receipts> send(Client& client, const std::string& topic, const std::vector<std::string>& payloads) {
    return std::async(std::launch::async, [&client, &payloads, topic] {
      std::vector<RawMessage> messages;
      for (const std::string& payload : payloads) messages.push_back({job_kind, std::as_bytes(std::span(payload))});
      return client.send_all_bytes(messages, {.topic = topic});
    });
  }

  /// Not through the relay: what the broker has.
  std::uint64_t stored(const std::string& topic) {
    const auto topics = stage.admin().topics();
    if (!topics) throw std::runtime_error(topics.error().text());
    const auto found = std::find_if(topics->begin(), topics->end(), [&](const TopicInfo& info) { return info.name == topic; });
    return found == topics->end() ? 0 : found->enqueued;
  }
  std::vector<PeekedMessage> messages_of(const std::string& topic) {
    std::vector<PeekedMessage> messages;
    for (PeekPage page{.messages = {}, .next = 0, .end = 1}; page.next < page.end;) {
      auto answer = stage.admin().peek({.topic = topic, .from = page.next, .messages_max = 1'000});
      if (!answer) throw std::runtime_error(answer.error().text());
      page = *std::move(answer);
      std::move(page.messages.begin(), page.messages.end(), std::back_inserter(messages));
    }
    return messages;
  }

  /// In the order of sending, each with a receipt that names its place.
  void expect_each_once(const std::string& topic, const std::vector<std::string>& payloads, const Receipts& receipts) {
    const auto messages = messages_of(topic);
    EXPECT_EQ(payloads_of(messages), payloads);
    EXPECT_EQ(places_of(receipts), places_of(messages));
  }

  // The relay alone breaks connections, and nothing travels that the test did not send.
  Stage stage{{"session.timeout=10m", "session.heartbeat=5m"}};
  Relay relay{port_of(stage.broker().server())};
};

TEST_F(LostAnswers, WhatWasStoredIsAnsweredAsADuplicateAtItsPlace) {
  for (const Load& load : loads) {
    SCOPED_TRACE(load);
    Client client = connected_client(load);
    for (int round = 0; round < rounds; ++round) {
      const std::string topic = std::to_string(load.messages) + "-stored-" + std::to_string(round);
      const auto payloads = payloads_for(topic, load.messages);
      // In some rounds the client has got an answer's first bytes by then.
      relay.swallow(From::kBroker, static_cast<std::size_t>(round));
      auto sending = send(client, topic, payloads);
      ASSERT_TRUE(wait_until([&] { return stored(topic) >= payloads.size(); }));
      const auto originals = places_of(messages_of(topic));
      relay.cut();
      const Receipts receipts = sending.get();
      expect_each_once(topic, payloads, receipts);
      EXPECT_EQ(places_of(receipts), originals);
      EXPECT_EQ(duplicates_among(receipts), payloads.size());
      ASSERT_FALSE(HasFailure());
    }
    EXPECT_TRUE(client.flush(patience));   // what it has counted is in its metrics by then
    EXPECT_EQ(client.metrics().duplicates, rounds * load.messages);
    EXPECT_EQ(client.metrics().connections, 1u + rounds);
  }
}

TEST_F(LostAnswers, WhatTheBrokerNeverSawIsStoredOnceAndIsNoDuplicate) {
  for (const Load& load : loads) {
    SCOPED_TRACE(load);
    Client client = connected_client(load);
    for (int round = 0; round < rounds; ++round) {
      const std::string topic = std::to_string(load.messages) + "-unseen-" + std::to_string(round);
      const auto payloads = payloads_for(topic, load.messages);
      relay.swallow(From::kClient, static_cast<std::size_t>(round));
      auto sending = send(client, topic, payloads);
      ASSERT_TRUE(wait_until([&] { return relay.swallowed(From::kClient) >= bytes_of(payloads); }));
      EXPECT_EQ(stored(topic), 0u);
      relay.cut();
      const Receipts receipts = sending.get();
      expect_each_once(topic, payloads, receipts);
      EXPECT_EQ(duplicates_among(receipts), 0u);
      ASSERT_FALSE(HasFailure());
    }
    EXPECT_TRUE(client.flush(patience));
    EXPECT_EQ(client.metrics().duplicates, 0u);
    EXPECT_TRUE(wait_until([&] { return client.metrics().resent_batches >= static_cast<std::uint64_t>(rounds); }));
    EXPECT_EQ(client.metrics().connections, 1u + rounds);
  }
}

TEST_F(LostAnswers, ACutAtAnyByteOfTheBatchesStoresEachMessageOnce) {
  const Load load{2'000, 50};
  std::mt19937_64 random(3);
  Client client = connected_client(load);
  for (int round = 0; round < 4 * rounds; ++round) {
    const std::string topic = "cut-" + std::to_string(round);
    const auto payloads = payloads_for(topic, load.messages);
    const std::size_t seen = random() % bytes_of(payloads);
    SCOPED_TRACE("round " + std::to_string(round) + ", cut at byte " + std::to_string(seen));
    // All but the batch that is cut in two.
    const std::size_t whole = seen / wire_bytes_max - std::min<std::size_t>(seen / wire_bytes_max, load.batch_messages);
    relay.swallow(From::kClient, seen);
    relay.swallow(From::kBroker);
    auto sending = send(client, topic, payloads);
    ASSERT_TRUE(wait_until([&] { return relay.swallowed(From::kClient) > 0 && stored(topic) >= whole; }));
    relay.cut();
    const Receipts receipts = sending.get();
    expect_each_once(topic, payloads, receipts);
    EXPECT_GE(duplicates_among(receipts), whole);
    EXPECT_LE(duplicates_among(receipts), seen / payload_bytes);
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_EQ(client.metrics().connections, 1u + 4 * rounds);
}

/// A worker behind the relay that holds all of its jobs when the test begins, and ends them as the test says.
class LostOutcomes : public LostAnswers {
 protected:
  static constexpr std::uint32_t jobs = 8;
  enum class With : std::uint8_t { kAck, kFollowUp };

  LostOutcomes() {
    auto client = Client::open({.server = stage.broker().server()});
    auto opened = Worker::open({.server = relay.server(), .subscriptions = {{.topic = "jobs", .group = "g", .concurrency = jobs}}});
    if (!client || !opened) throw std::runtime_error("no client, or no worker");
    worker.emplace(*std::move(opened));
    worker->handle_any([this, how = finishing.get_future().share()](Context& context) {
      ++begun;
      if (std::shared_future(how).get() == With::kAck) return done();
      return context.send_bytes(job_kind, context.message().payload(), {.topic = "follow-ups"}) ? done() : dead("no follow-up");
    });
    running = std::jthread([this] { ended = worker->run(); });
    for (const auto& receipt : send(*client, "jobs", payloads).get()) EXPECT_TRUE(receipt) << receipt.error().text();
    EXPECT_TRUE(wait_until([&] { return begun == jobs; }));
  }
  ~LostOutcomes() override { worker->stop(); }

  void finish(With with) { finishing.set_value(with); }
  /// By the worker that began them, before and after the cut the same.
  void expect_all_done_once() {
    EXPECT_TRUE(wait_until([&] { return worker->metrics().done == jobs; }));
    EXPECT_TRUE(stage.is_drained("jobs", "g"));
    EXPECT_EQ(stage.group("jobs", "g").value_or(GroupInfo{}).done, jobs);
    EXPECT_EQ(begun, jobs);
    worker->stop();
    running.join();
    ASSERT_TRUE(*ended) << ended->error().text();
    const WorkerMetrics& metrics = (*ended)->metrics;
    EXPECT_EQ(metrics.connections, 2u);
    EXPECT_EQ(metrics.stale + metrics.refused + metrics.dead + metrics.leases_lost, 0u);
  }
  void expect_each_followed_up_once() {
    auto follow_ups = payloads_of(messages_of("follow-ups"));
    std::sort(follow_ups.begin(), follow_ups.end());   // handlers end in any order
    EXPECT_EQ(follow_ups, payloads);
    EXPECT_EQ((*ended)->metrics.follow_ups, jobs);
  }

  const std::vector<std::string> payloads = payloads_for("job", jobs);   // in the order of the alphabet
  std::atomic<std::uint32_t> begun = 0;
  std::promise<With> finishing;
  std::optional<Worker> worker;
  std::optional<Result<WorkerStats>> ended;
  std::jthread running;
};

TEST_F(LostOutcomes, AFollowUpThatWasStoredIsNotStoredAgain) {
  relay.swallow(From::kBroker);
  finish(With::kFollowUp);
  ASSERT_TRUE(wait_until([&] { return stored("follow-ups") >= jobs; }));
  relay.cut();
  expect_all_done_once();
  expect_each_followed_up_once();
}

TEST_F(LostOutcomes, AFollowUpThatTheBrokerNeverSawIsStoredOnce) {
  relay.swallow(From::kClient);
  finish(With::kFollowUp);
  ASSERT_TRUE(wait_until([&] { return relay.swallowed(From::kClient) >= bytes_of(payloads); }));
  EXPECT_EQ(stored("follow-ups"), 0u);
  relay.cut();
  expect_all_done_once();
  expect_each_followed_up_once();
}

TEST_F(LostOutcomes, AnAckThatTheBrokerNeverSawIsSentAgain) {
  relay.swallow(From::kClient);
  finish(With::kAck);
  ASSERT_TRUE(wait_until([&] { return relay.swallowed(From::kClient) > 0; }));
  EXPECT_EQ(stage.group("jobs", "g").value_or(GroupInfo{}).leased, jobs);
  relay.cut();
  expect_all_done_once();
}

}  // namespace
}  // namespace takt::e2e
