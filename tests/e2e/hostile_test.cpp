// Bytes that no client of ours would send, at the real broker's client port. It must stay up, keep its memory, and serve
// an honest client meanwhile.

#include <gtest/gtest.h>
#include <takt/client.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <random>

#include "proto/section.h"
#include "tests/e2e/served.h"
#include "tests/e2e/stage.h"
#include "tests/e2e/wire_client.h"
#include "tests/support/zmtp.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;
using takt::testing::append;
using takt::testing::append_frame;
using takt::testing::Bytes;
using takt::testing::bytes_of;
using takt::testing::More;
using takt::testing::port_of;
using takt::testing::random_bytes;
using takt::testing::RawSocket;
using takt::testing::zmtp_frame;
using takt::testing::zmtp_greeting;
using takt::testing::zmtp_ready;

/// A sanitized broker pays for each byte with shadows of it.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t memory_factor = 8;
#else
constexpr std::uint64_t memory_factor = 1;
#endif

/// A raw peer after the ZMTP handshake.
std::unique_ptr<RawSocket> shake_hands(std::uint16_t port, const std::string& identity = {}) {
  auto socket = std::make_unique<RawSocket>(port);
  Bytes bytes = zmtp_greeting();
  append(bytes, zmtp_ready(identity));
  socket->send(bytes);
  socket->receive(64, 5s);
  return socket;
}

std::uint64_t resident_kib(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; in >> word;) {
    std::uint64_t kib = 0;
    if (word == "VmRSS:" && in >> kib) return kib;
  }
  return 0;
}

class Hostile : public ::testing::Test {
 protected:
  std::uint16_t port() { return port_of(stage.broker().server()); }

  Stage stage;
  std::mt19937 random{20240607};
};

TEST_F(Hostile, RandomBytes) {
  for (std::size_t i = 0; i < 200; ++i) {
    RawSocket socket(port());
    socket.send(random_bytes(random, 1 + random() % 4096));
  }
  expect_served(stage);
}

TEST_F(Hostile, AHandshakeCutAtEveryByte) {
  Bytes whole = zmtp_greeting();
  append(whole, zmtp_ready());
  append(whole, zmtp_frame(bytes_of({0x94, 1, 1, 1, 0x90})));
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    RawSocket socket(port());
    socket.send(std::span(whole).first(cut));
  }
  expect_served(stage);
}

TEST_F(Hostile, AHandshakeWithOneByteWrong) {
  Bytes whole = zmtp_greeting();
  append(whole, zmtp_ready());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Bytes wrong = whole;
    wrong[at] ^= static_cast<std::byte>(1 + random() % 255);
    RawSocket socket(port());
    socket.send(wrong);
    socket.send(zmtp_frame(random_bytes(random, 40)));
  }
  expect_served(stage);
}

TEST_F(Hostile, GarbageFramesAfterAHonestHandshake) {
  auto socket = shake_hands(port());
  for (int i = 0; i < 500; ++i) {
    const std::size_t frames = 1 + random() % 6;
    for (std::size_t k = 0; k < frames; ++k) {
      if (!socket->send(zmtp_frame(random_bytes(random, random() % 200), k + 1 < frames ? More::kFollows : More::kLast)))
        socket = shake_hands(port());
    }
  }
  expect_served(stage);
  EXPECT_GE(stage.metrics().sum("takt_requests_refused_total"), 1);
}

TEST_F(Hostile, AFrameThatAnnouncesMoreThanIsAllowed) {
  for (const int head : {0x7F, 0xFF, 0x00}) {
    auto socket = shake_hands(port());
    socket->send(bytes_of({2, head, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}));
    socket->send(random_bytes(random, 1000));
  }
  expect_served(stage);
}

TEST_F(Hostile, AMessageOfFramesWithoutEnd) {
  const auto before = resident_kib(stage.broker().pid());
  auto socket = shake_hands(port());
  Bytes flood;
  for (int i = 0; i < 1000; ++i) append_frame(flood, Bytes(250), More::kFollows);
  std::size_t sent = 0;
  while (sent < (256u << 20) && socket->send(flood)) sent += flood.size();
  EXPECT_LT(sent, 256u << 20) << "the broker must close the connection";
  expect_served(stage);
  EXPECT_LT(resident_kib(stage.broker().pid()), before + memory_factor * (256u << 10));
  EXPECT_EQ(stage.metrics().sum("takt_endless_messages_total"), 1);
}

TEST_F(Hostile, AMessageOfEmptyFramesWithoutEnd) {
  const auto before = resident_kib(stage.broker().pid());
  auto socket = shake_hands(port());
  Bytes flood;
  for (int i = 0; i < 500'000; ++i) append_frame(flood, {}, More::kFollows);
  std::size_t sent = 0;
  while (sent < (128u << 20) && socket->send(flood)) sent += flood.size();
  EXPECT_LT(sent, 128u << 20) << "the broker must close the connection";
  expect_served(stage);
  EXPECT_LT(resident_kib(stage.broker().pid()), before + memory_factor * (512u << 10));
  EXPECT_EQ(stage.metrics().sum("takt_endless_messages_total"), 1);
}

TEST_F(Hostile, AMessageOfVeryManyFrames) {
  ASSERT_TRUE(stage.admin().topics());   // has its connection from here on
  const auto before = stage.metrics().sum("takt_connections");
  auto socket = shake_hands(port());
  Bytes flood;
  for (int i = 0; i < 500'000; ++i) append_frame(flood, {}, More::kFollows);
  append(flood, zmtp_frame({}));
  socket->send(flood);
  EXPECT_TRUE(wait_until([&] { return stage.metrics().sum("takt_endless_messages_total") == 1; }));
  EXPECT_TRUE(wait_until([&] { return stage.metrics().sum("takt_connections") == before; }));
  expect_served(stage);
}

TEST_F(Hostile, AClientThatAsksAndNeverReads) {
  const auto before = resident_kib(stage.broker().pid());
  auto socket = shake_hands(port());
  Bytes requests;
  for (int i = 0; i < 10'000; ++i) append(requests, zmtp_frame(proto::encode(proto::ListTopics{}, CorrelationId(7))));
  int rounds = 0;
  while (rounds < 1'000 && socket->send(requests)) ++rounds;
  EXPECT_LT(rounds, 1'000) << "the broker must close the connection";
  // Under a sanitizer the flood of requests may cost it the connection before the flood of answers does.
  const auto page = stage.metrics();
  EXPECT_GE(page.sum("takt_slow_peers_dropped_total") + page.sum("takt_endless_messages_total") +
                page.sum("takt_requests_refused_total", {"code=\"busy\""}),
            1);
  expect_served(stage);
  EXPECT_LT(resident_kib(stage.broker().pid()), before + memory_factor * (256u << 10));
}

TEST_F(Hostile, AnHonestClientInAHurryIsNotTakenForOne) {
  auto client = Client::open({.server = stage.broker().server(), .send_timeout = 60s});
  ASSERT_TRUE(client);
  const Bytes payload = random_bytes(random, 100'000);
  const std::vector<RawMessage> messages(1500, RawMessage{"k", payload});
  EXPECT_EQ(client->send_many_async(messages, {.topic = "honest"}).count, messages.size());
  EXPECT_TRUE(client->flush(patience));
  EXPECT_EQ(client->metrics().sent, messages.size());
  EXPECT_EQ(client->metrics().connections, 1u);
  EXPECT_EQ(stage.metrics().sum("takt_endless_messages_total"), 0);
}

TEST_F(Hostile, AClientThatGuessesTheNextRoutingIdentity) {
  std::vector<std::unique_ptr<RawSocket>> sockets;
  for (int next = 0; next < 20; ++next) {
    std::string identity{'\0', '\x6b', '\x8b', '\x45', static_cast<char>(0x67 + next)};
    sockets.push_back(shake_hands(port(), identity));
    sockets.push_back(shake_hands(port()));
  }
  expect_served(stage);
}

TEST_F(Hostile, ManyClientsWithARoutingIdLeaveNothingBehind) {
  constexpr int count = 2'000;
  const auto wave = [&] {
    for (int i = 0; i < count; ++i) {
      const auto socket = shake_hands(port(), i % 2 == 0 ? "twin" : "other" + std::to_string(i));
      socket->send(zmtp_frame(proto::encode(proto::Heartbeat{}, CorrelationId(1))));
    }
  };
  wave();
  const auto before = resident_kib(stage.broker().pid());
  for (int i = 0; i < 4; ++i) wave();
  EXPECT_LT(resident_kib(stage.broker().pid()), before + memory_factor * (32u << 10));   // 11 KB for each would be 88 MB
  EXPECT_TRUE(wait_until([&] { return stage.metrics().sum("takt_routing_ids_ignored_total") == 5 * count; }));
  expect_served(stage);
}

TEST_F(Hostile, PublishesWhoseSectionsLie) {
  WireClient client(stage.broker().server());
  client.send(proto::Hello{ClientId(6), proto::ClientKind::kProducer, "liar", "test"});
  ASSERT_TRUE(client.receive<proto::HelloReply>(patience));
  std::size_t refused = 0;
  for (std::uint64_t i = 1; i <= 200; ++i) {
    const Bytes metadata = random_bytes(random, random() % 64);
    const Bytes payload = random_bytes(random, random() % 64);
    proto::Publish publish;
    publish.topic = "jobs";
    publish.producer = ProducerId(3);
    publish.sequence = Sequence(i);
    publish.count = static_cast<std::uint32_t>(i % 3 == 0 ? 0xFFFFFFFF : 1 + random() % 8);
    publish.metadata_checksum = proto::section_checksum(metadata);
    publish.payload_checksum = i % 2 == 0 ? 17 : proto::section_checksum(payload);
    client.send_frames(std::vector<Bytes>{proto::encode(publish, CorrelationId(i)), metadata, payload});
    const auto error = client.receive<proto::Error>(20s);
    refused += error ? 1 : 0;
    if (!error) break;
  }
  EXPECT_EQ(refused, 200u);
  expect_served(stage);
  const auto topics = stage.admin().topics();
  ASSERT_TRUE(topics);
  for (const TopicInfo& topic : *topics) EXPECT_EQ(topic.name, "honest");
}

/// More than it has descriptors for: it must neither stop nor turn in circles.
TEST(HostileDescriptors, RunningOutOfThemKeepsNobodyBusy) {
  const takt::testing::TempFolder folder;
  BrokerProcess broker({.folder = folder.path(), .descriptors_max = 300});
  const auto cpu_seconds = [&] {
    std::optional<takt::testing::HttpAnswer> answer;
    if (!wait_until([&] { return (answer = takt::testing::http_get(broker.http_port(), "/metrics")).has_value(); })) return 0.0;
    return takt::testing::read_metrics(answer->body).sum("process_cpu_seconds_total");
  };
  std::vector<std::unique_ptr<RawSocket>> sockets;
  for (int i = 0; i < 1'000; ++i) sockets.push_back(std::make_unique<RawSocket>(port_of(broker.server())));
  const double before = cpu_seconds();
  EXPECT_FALSE(wait_until([&] { return !broker.is_running(); }, 2s));
  EXPECT_LT(cpu_seconds() - before, 1.0);   // of two seconds; a thread that turns takes all of them
}

}  // namespace
}  // namespace takt::e2e
