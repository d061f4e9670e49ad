// A whole broker in this process: real sockets, real LMDB, a raw ZeroMQ client.

#include "broker/runtime/broker.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>

#include "proto/codec.h"
#include "proto/record.h"
#include "proto/section.h"
#include "tests/support/temp_folder.h"

namespace takt::runtime {
namespace {

using namespace std::chrono_literals;

class Client {
 public:
  explicit Client(const std::string& endpoint) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_DEALER)) {
    const int linger = 0;
    const int patience = 20'000;
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &patience, sizeof patience);
    zmq_connect(socket_, endpoint.c_str());
  }
  ~Client() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  void send(const proto::Request& request, std::uint64_t correlation, const proto::Sections* sections = nullptr) {
    const auto envelope = proto::encode(request, CorrelationId(correlation));
    zmq_send(socket_, envelope.data(), envelope.size(), sections ? ZMQ_SNDMORE : 0);
    if (!sections) return;
    zmq_send(socket_, sections->metadata.data(), sections->metadata.size(), ZMQ_SNDMORE);
    zmq_send(socket_, sections->payload.data(), sections->payload.size(), 0);
  }
  /// The next reply of type T; others are skipped. None: nothing came for 20 s.
  template <class T>
  std::optional<T> receive() {
    for (;;) {
      std::vector<std::vector<std::byte>> frames;
      for (bool more = true; more;) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, socket_, 0) < 0) return std::nullopt;
        const auto* data = static_cast<const std::byte*>(zmq_msg_data(&message));
        frames.emplace_back(data, data + zmq_msg_size(&message));
        more = zmq_msg_more(&message) != 0;
        zmq_msg_close(&message);
      }
      auto reply = decoder_.reply(frames[0]);
      if (!reply) return std::nullopt;
      if (auto* body = std::get_if<T>(&reply->body)) {
        last_frames = std::move(frames);
        return std::move(*body);
      }
    }
  }
  bool hello(std::uint64_t id) {
    send(proto::Hello{ClientId(id), proto::ClientKind::kWorker, "w", "test"}, 1);
    return receive<proto::HelloReply>().has_value();
  }
  std::optional<proto::Published> publish(std::uint64_t sequence, std::uint32_t count, std::size_t bytes = 100) {
    proto::SectionBuilder builder;
    std::vector<std::byte> record;
    proto::append_record(record, {.kind = "k", .tags = {}, .attributes = {}, .traceparent = {}, .parent_id = {}, .content_type = {}});
    const std::vector<std::byte> payload(bytes, std::byte{5});
    for (std::uint32_t i = 0; i < count; ++i) builder.add(record, payload);
    const proto::Sections sections = builder.take();
    proto::Publish body;
    body.topic = "t";
    body.producer = ProducerId(3);
    body.sequence = Sequence(sequence);
    body.count = count;
    body.metadata_checksum = proto::section_checksum(sections.metadata);
    body.payload_checksum = proto::section_checksum(sections.payload);
    send(body, 100 + sequence, &sections);
    return receive<proto::Published>();
  }
  std::optional<proto::Subscribed> subscribe(std::uint32_t credit) {
    send(proto::Subscribe{PartitionId(0), SubscriptionId(1), "t", "g", proto::StartFrom::kEarliest}, 2);
    auto subscribed = receive<proto::Subscribed>();
    if (subscribed) send(proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, credit, 1u << 20, 0}, 3);
    return subscribed;
  }

  std::vector<std::vector<std::byte>> last_frames;

 private:
  void* context_;
  void* socket_;
  proto::Decoder decoder_;
};

std::string http_get(const std::string& endpoint, const std::string& path) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  std::string answer;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    if (::send(fd, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size())) {
      char buffer[65536];
      for (ssize_t got; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) answer.append(buffer, static_cast<std::size_t>(got));
    }
  }
  ::close(fd);
  return answer;
}

class BrokerTest : public ::testing::Test {
 protected:
  BrokerTest() {
    config.listen = "tcp://127.0.0.1:0";
    config.http = "127.0.0.1:0";
    config.data = (folder.path() / "data").string();
    config.store.map_bytes = std::size_t{1} << 30;
    config.store.bytes_max = std::size_t{1} << 29;
    config.store.disk_free_min = 0;
    config.session.recover_grace = Duration::zero();
  }
  ::testing::AssertionResult start() {
    stopped = std::promise<ShardState>();
    auto started = Broker::start(config, {"test", [this](ShardState state) { stopped.set_value(state); }});
    if (!started) return ::testing::AssertionFailure() << started.error().message;
    broker = std::move(*started);
    return ::testing::AssertionSuccess();
  }
  ShardState drain() {
    auto end = stopped.get_future();
    broker->drain();
    const ShardState state = end.wait_for(20s) == std::future_status::ready ? end.get() : ShardState::kServing;
    broker.reset();
    return state;
  }

  testing::TempFolder folder;
  Config config;
  std::promise<ShardState> stopped;
  std::unique_ptr<Broker> broker;
};

TEST_F(BrokerTest, CarriesAMessageFromProducerToWorkerAndKeepsTheAckOverARestart) {
  ASSERT_TRUE(start());
  {
    Client producer(broker->client_endpoint());
    ASSERT_TRUE(producer.hello(1));
    const auto published = producer.publish(1, 3);
    ASSERT_TRUE(published);
    EXPECT_EQ(published->count, 3u);
    const auto again = producer.publish(1, 3);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->duplicate);

    Client worker(broker->client_endpoint());
    ASSERT_TRUE(worker.hello(2));
    ASSERT_TRUE(worker.subscribe(2));
    std::uint32_t got = 0;
    while (got < 2) {
      const auto delivered = worker.receive<proto::Deliver>();
      ASSERT_TRUE(delivered);
      proto::Ack ack{PartitionId(0), SubscriptionId(1), {}};
      for (const auto& range : delivered->ranges) {
        ack.entries.push_back({range.slot, range.token, {{0, range.stretch.count}}});
        got += range.stretch.count;
      }
      if (got <= 2) {
        worker.send(ack, 10);
        ASSERT_TRUE(worker.receive<proto::Acked>());
      }
    }
  }
  EXPECT_EQ(drain(), ShardState::kStopped);
  ASSERT_TRUE(start());
  Client worker(broker->client_endpoint());
  ASSERT_TRUE(worker.hello(4));
  ASSERT_TRUE(worker.subscribe(10));
  const auto delivered = worker.receive<proto::Deliver>();
  ASSERT_TRUE(delivered);
  ASSERT_EQ(delivered->ranges.size(), 1u);
  EXPECT_EQ(delivered->ranges[0].stretch.first_offset, Offset(2));
  EXPECT_EQ(delivered->ranges[0].stretch.count, 1u);
  const proto::SectionView view(worker.last_frames.at(1), worker.last_frames.at(2), 1);
  EXPECT_EQ(view.payload(0).size(), 100u);
  EXPECT_EQ(drain(), ShardState::kStopped);
}

TEST_F(BrokerTest, AKilledWorkersLeasesGoToAnotherAtOnce) {
  ASSERT_TRUE(start());
  Client producer(broker->client_endpoint());
  ASSERT_TRUE(producer.hello(1));
  ASSERT_TRUE(producer.publish(1, 1));
  auto first = std::make_unique<Client>(broker->client_endpoint());
  ASSERT_TRUE(first->hello(2));
  ASSERT_TRUE(first->subscribe(1));
  ASSERT_TRUE(first->receive<proto::Deliver>());
  Client second(broker->client_endpoint());
  ASSERT_TRUE(second.hello(3));
  ASSERT_TRUE(second.subscribe(1));
  const auto before = std::chrono::steady_clock::now();
  first.reset();
  const auto delivered = second.receive<proto::Deliver>();
  ASSERT_TRUE(delivered);
  EXPECT_EQ(delivered->ranges.at(0).attempt, 2u);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 9s);   // the session timeout is 10 s
}

TEST_F(BrokerTest, ShowsHealthAndMetrics) {
  ASSERT_TRUE(start());
  Client producer(broker->client_endpoint());
  ASSERT_TRUE(producer.hello(1));
  ASSERT_TRUE(producer.publish(1, 7));
  const std::string endpoint = broker->http_endpoint();
  EXPECT_NE(http_get(endpoint, "/livez").find("200 OK"), std::string::npos);
  EXPECT_NE(http_get(endpoint, "/readyz").find("ready"), std::string::npos);
  const std::string page = http_get(endpoint, "/metrics");
  EXPECT_NE(page.find("takt_messages_enqueued_total{topic=\"t\"} 7\n"), std::string::npos) << page;
  EXPECT_NE(page.find("takt_connections 1\n"), std::string::npos) << page;
  EXPECT_NE(http_get(endpoint, "/nothing").find("404"), std::string::npos);
}

TEST_F(BrokerTest, WritesItsEndpointsWhereToolsFindThem) {
  ASSERT_TRUE(start());
  std::ifstream in(config.data + "/endpoints");
  std::string clients, http;
  std::getline(in, clients);
  std::getline(in, http);
  EXPECT_EQ(clients, "clients " + broker->client_endpoint());
  EXPECT_EQ(http, "http " + broker->http_endpoint());
}

TEST_F(BrokerTest, LargeBatchesAndABacklogPassWhole) {
  config.store.cache_bytes = 1u << 20;
  ASSERT_TRUE(start());
  Client producer(broker->client_endpoint());
  ASSERT_TRUE(producer.hello(1));
  constexpr std::uint32_t batches = 40;
  constexpr std::uint32_t each = 200;
  for (std::uint64_t i = 1; i <= batches; ++i) ASSERT_TRUE(producer.publish(i, each, 1000)) << i;
  Client worker(broker->client_endpoint());
  ASSERT_TRUE(worker.hello(2));
  ASSERT_TRUE(worker.subscribe(1000));
  std::uint32_t got = 0;
  while (got < batches * each) {
    const auto delivered = worker.receive<proto::Deliver>();
    ASSERT_TRUE(delivered) << got;
    proto::Ack ack{PartitionId(0), SubscriptionId(1), {}};
    for (const auto& range : delivered->ranges) {
      ack.entries.push_back({range.slot, range.token, {{0, range.stretch.count}}});
      got += range.stretch.count;
    }
    worker.send(ack, 10);
  }
  EXPECT_EQ(got, batches * each);
}

TEST_F(BrokerTest, SaysWhoHasTheDataFolder) {
  ASSERT_TRUE(start());
  const auto second = Broker::start(config, {"test", [](ShardState) {}});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("TK4001 store_failed"), std::string::npos) << second.error().message;
  EXPECT_NE(second.error().message.find(config.data), std::string::npos) << second.error().message;
  EXPECT_TRUE(std::filesystem::exists(config.data + "/endpoints")) << "the running broker's file stays";
}

}  // namespace
}  // namespace takt::runtime
