// The gateway over real loopback sockets, with a sink in place of the partition.

#include "broker/transport/zmq_gateway.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <condition_variable>
#include <deque>
#include <iostream>
#include <mutex>
#include <thread>

#include "tests/support/raw_socket.h"
#include "tests/support/zmtp.h"
#include "tests/transport/desk_bench.h"

namespace takt::transport {
namespace {

using namespace std::chrono_literals;

Time steady_now() { return Time(std::chrono::steady_clock::now().time_since_epoch()); }

class CollectingSink final : public CommandSink {
 public:
  bool post(CommandBatch& batch) override {
    {
      const std::lock_guard lock(mutex_);
      if (!accepts_) {
        ++refusals_;
        changed_.notify_all();
        return false;
      }
      for (auto& command : batch.prior) commands_.push_back(std::move(command));
      for (auto& command : batch.later) commands_.push_back(std::move(command));
      batch = {};
    }
    changed_.notify_all();
    return true;
  }
  void accept(bool yes) {
    const std::lock_guard lock(mutex_);
    accepts_ = yes;
  }
  bool wait_for_refusal() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return refusals_ > 0; });
  }
  /// Waits for a command of kind T that `fits`, and gives it out.
  template <class T, class Fits>
  std::optional<T> wait_for(Fits&& fits) {
    std::unique_lock lock(mutex_);
    std::optional<T> found;
    changed_.wait_for(lock, 20s, [&] {
      for (auto& command : commands_)
        if (auto* item = std::get_if<T>(&command); item && fits(*item)) {
          found = std::move(*item);
          command = core::BlocksLoaded{};
          return true;
        }
      return false;
    });
    return found;
  }

  /// Requests of type Body that have come and were not given out.
  template <class Body>
  std::size_t requests_of() {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(commands_, [](const core::Command& command) {
      const auto* request = std::get_if<core::ClientRequest>(&command);
      return request != nullptr && std::holds_alternative<Body>(request->body);
    }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<core::Command> commands_;
  bool accepts_ = true;
  std::size_t refusals_ = 0;
};

class Client {
 public:
  Client(void* context, const std::string& endpoint, const std::string& routing_id = {}) : socket_(zmq_socket(context, ZMQ_DEALER)) {
    if (!routing_id.empty()) zmq_setsockopt(socket_, ZMQ_ROUTING_ID, routing_id.data(), routing_id.size());
    const int linger = 0;
    const int patience = 20'000;
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &patience, sizeof patience);
    zmq_connect(socket_, endpoint.c_str());
  }
  ~Client() { close(); }
  void close() {
    if (socket_ != nullptr) zmq_close(std::exchange(socket_, nullptr));
  }
  void send(const proto::Request& request, std::uint64_t correlation, proto::Sections sections = {}) {
    const auto frames = frames_of(request, CorrelationId(correlation), std::move(sections));
    for (std::size_t i = 0; i < frames.size(); ++i)
      zmq_send(socket_, frames[i].bytes.data(), frames[i].size(), i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
  }
  std::optional<proto::DecodedReply> receive() {
    std::optional<proto::DecodedReply> decoded;
    for (bool first = true;; first = false) {
      zmq_msg_t message;
      zmq_msg_init(&message);
      if (zmq_msg_recv(&message, socket_, 0) < 0) return std::nullopt;
      if (first) {
        auto reply = decoder_.reply({static_cast<const std::byte*>(zmq_msg_data(&message)), zmq_msg_size(&message)});
        if (reply) decoded = std::move(*reply);
      }
      const bool more = zmq_msg_more(&message) != 0;
      zmq_msg_close(&message);
      if (!more) return decoded;
    }
  }

 private:
  void* socket_;
  proto::Decoder decoder_;
};

class ZmqGatewayTest : public ::testing::Test {
 protected:
  explicit ZmqGatewayTest(Duration hello_timeout = 10s, std::size_t connections_max = 4) : context_(zmq_ctx_new()) {
    ZmqGatewaySettings settings;
    settings.listen = "tcp://127.0.0.1:0";
    settings.clock = steady_now;
    settings.connections_max = connections_max;
    settings.hello_timeout = hello_timeout;
    auto opened = ZmqGateway::open(settings, sink_);
    if (!opened) throw std::runtime_error(opened.error().message);
    gateway_ = std::move(*opened);
    gateway_->start();
  }
  ~ZmqGatewayTest() override {
    gateway_.reset();
    zmq_ctx_term(context_);
  }
  SessionId hello(Client& client, std::uint64_t id) {
    client.send(proto::Hello{ClientId(id), proto::ClientKind::kTool, "t", "test"}, 1);
    const auto reply = client.receive();
    const auto* body = reply ? std::get_if<proto::HelloReply>(&reply->body) : nullptr;
    return body ? body->session : SessionId(0);
  }
  DeskStats stats() { return gateway_->stats().get(); }
  std::uint16_t port() const {
    const std::string endpoint = gateway_->endpoint();
    return static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
  }
  /// A connection whose greeting and READY are answered within `patience`, or none.
  std::optional<takt::testing::RawSocket> shake_hands(std::chrono::milliseconds patience) const {
    takt::testing::RawSocket raw(port());
    takt::testing::Bytes bytes = takt::testing::zmtp_greeting();
    takt::testing::append(bytes, takt::testing::zmtp_ready());
    if (!raw.send(bytes) || raw.receive(bytes.size(), patience).size() < bytes.size()) return std::nullopt;
    return raw;
  }
  static void reset(takt::testing::RawSocket socket) {
    const linger at_once{1, 0};
    ::setsockopt(socket.handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  /// A TCP connection that says nothing.
  int connect_raw() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port());
    const int raw = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(::connect(raw, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return raw;
  }

  void* context_;
  CollectingSink sink_;
  std::unique_ptr<ZmqGateway> gateway_;
};

TEST_F(ZmqGatewayTest, CarriesARequestInAndItsReplyOut) {
  Client client(context_, gateway_->endpoint());
  const SessionId session = hello(client, 1);
  ASSERT_NE(session, SessionId(0));
  auto sections = messages(3, 1000);
  const auto publish = publish_of(sections, 3);
  client.send(publish, 9, sections);
  const auto request = sink_.wait_for<core::ClientRequest>([](const auto& r) { return r.correlation == CorrelationId(9); });
  ASSERT_TRUE(request);
  EXPECT_TRUE(std::ranges::equal(request->payload.bytes, sections.payload));
  std::vector<core::Outgoing> batch;
  batch.push_back({session, CorrelationId(9), proto::Published{PartitionId(0), Position(4), Offset(2), 3, false}, {}});
  gateway_->post(std::move(batch));
  const auto reply = client.receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(std::get<proto::Published>(reply->body).first_position, Position(4));
}

TEST_F(ZmqGatewayTest, TheLargestResumeArrives) {
  Client client(context_, gateway_->endpoint());
  ASSERT_NE(hello(client, 1), SessionId(0));
  proto::Resume resume{PartitionId(0), SubscriptionId(1), {}};
  for (std::uint32_t i = 0; i < limits::entries_max; ++i)
    resume.held.push_back({Lane(0), Offset(std::uint64_t{i} * 2 + (std::uint64_t{1} << 40)), 1, LeaseToken(~std::uint64_t{0} - i)});
  ASSERT_GT(proto::encode(proto::Request(resume), CorrelationId(2)).size(), limits::batch_bytes_default + 128 * 1024);
  client.send(resume, 2);
  const auto request = sink_.wait_for<core::ClientRequest>([](const auto& r) { return r.correlation == CorrelationId(2); });
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<proto::Resume>(request->body).held.size(), limits::entries_max);
}

TEST_F(ZmqGatewayTest, LearnsOfAClosedConnectionAtOnceAndNotFromTheTimeout) {
  Client client(context_, gateway_->endpoint());
  const SessionId session = hello(client, 1);
  const Time before = steady_now();
  client.close();
  const auto lost = sink_.wait_for<core::SessionLost>([&](const auto& l) { return l.session == session; });
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->how, core::SessionEnd::kDisconnected);
  EXPECT_LT(steady_now() - before, 9s);   // the session timeout is 10 s
}

/// Room for clients that are closed already and not yet gone: libzmq closes a socket when it comes to it.
class ManyConnections : public ZmqGatewayTest {
 protected:
  ManyConnections() : ZmqGatewayTest(10s, 64) {}
};

TEST_F(ManyConnections, AReusedDescriptorDoesNotEndTheNewerSession) {
  for (std::uint64_t i = 1; i <= 30; ++i) {
    Client client(context_, gateway_->endpoint());
    ASSERT_NE(hello(client, i), SessionId(0));
    client.send(proto::Heartbeat{}, 2);
    const auto reply = client.receive();
    ASSERT_TRUE(reply && std::holds_alternative<proto::HeartbeatReply>(reply->body)) << i;
  }
}

TEST_F(ZmqGatewayTest, ClosesConnectionsAboveTheirLimitAndKeepsTheOthers) {
  Client client(context_, gateway_->endpoint());
  ASSERT_NE(hello(client, 1), SessionId(0));
  std::vector<int> raw;
  for (int i = 0; i < 8; ++i) raw.push_back(connect_raw());
  // The last one is above the limit whatever the order: it reads the broker's greeting at most, and then the end.
  char sink[256];
  while (::recv(raw.back(), sink, sizeof sink, 0) > 0) {}
  EXPECT_GE(stats().connections_refused, 1u);
  client.send(proto::Heartbeat{}, 2);
  const auto reply = client.receive();
  EXPECT_TRUE(reply && std::holds_alternative<proto::HeartbeatReply>(reply->body));
  for (const int fd : raw) ::close(fd);
}

class ZmqGatewayStrangers : public ZmqGatewayTest {
 protected:
  ZmqGatewayStrangers() : ZmqGatewayTest(2s) {}
};

TEST_F(ZmqGatewayStrangers, ClosesAConnectionWithoutASessionAfterItsTimeAndKeepsTheOthers) {
  Client client(context_, gateway_->endpoint());
  ASSERT_NE(hello(client, 1), SessionId(0));
  const int raw = connect_raw();
  char sink[256];
  while (::recv(raw, sink, sizeof sink, 0) > 0) {}
  ::close(raw);
  Client talker(context_, gateway_->endpoint());
  talker.send(proto::Heartbeat{}, 1);   // heard, but nobody
  ASSERT_TRUE(talker.receive());
  const auto until = steady_now() + 20s;
  while (stats().strangers_dropped < 2 && steady_now() < until) {}
  EXPECT_GE(stats().strangers_dropped, 2u);
  client.send(proto::Heartbeat{}, 2);
  const auto reply = client.receive();
  EXPECT_TRUE(reply && std::holds_alternative<proto::HeartbeatReply>(reply->body));
}

TEST_F(ZmqGatewayTest, StopsReadingWhileThePartitionIsFullAndLosesNothing) {
  Client client(context_, gateway_->endpoint());
  ASSERT_NE(hello(client, 1), SessionId(0));
  sink_.accept(false);
  client.send(proto::DeleteTopic{"t"}, 1);
  ASSERT_TRUE(sink_.wait_for_refusal());
  const auto read = stats().received_messages;
  for (std::uint64_t i = 2; i <= 200; ++i) client.send(proto::DeleteTopic{"t"}, i);
  // What is sent later has reached the gateway, and so would have they.
  const int later = connect_raw();
  const auto until = steady_now() + 20s;
  while (stats().connections < 2 && steady_now() < until) {}
  EXPECT_EQ(stats().received_messages, read);
  ::close(later);
  sink_.accept(true);
  gateway_->room();
  for (std::uint64_t i = 1; i <= 200; ++i)
    ASSERT_TRUE(sink_.wait_for<core::ClientRequest>([&](const auto& r) { return r.correlation == CorrelationId(i); })) << i;
}

/// More requests than libzmq reads while nobody takes them, and then a reset: libzmq doesn't know of it.
TEST_F(ZmqGatewayTest, WhoHasResetItsConnectionIsToldNothingAndItsChangesCount) {
  using namespace takt::testing;
  std::optional<RawSocket> raw = shake_hands(20s);
  ASSERT_TRUE(raw);
  Bytes bytes;
  const auto add = [&](const proto::Request& request, std::uint64_t correlation) {
    append(bytes, zmtp_frame(proto::encode(request, CorrelationId(correlation))));
  };
  add(proto::Hello{ClientId(1), proto::ClientKind::kTool, "t", "test"}, 1);
  ASSERT_TRUE(raw->send(bytes));
  const auto up = sink_.wait_for<core::SessionUp>([](const auto&) { return true; });
  ASSERT_TRUE(up);

  sink_.accept(false);
  bytes.clear();
  add(proto::DeleteTopic{"t"}, 2);
  ASSERT_TRUE(raw->send(bytes));
  ASSERT_TRUE(sink_.wait_for_refusal());
  bytes.clear();
  for (std::uint64_t i = 0; i < 32; ++i) add(proto::ListTopics{}, 100 + i);
  add(proto::DeleteTopic{"u"}, 3);
  for (std::uint64_t i = 32; i < 5'000; ++i) add(proto::ListTopics{}, 100 + i);
  ASSERT_TRUE(raw->send(bytes));
  reset(*std::move(raw));

  const auto until = steady_now() + 20s;
  while (stats().replies_dropped == 0 && steady_now() < until) {
    std::vector<core::Outgoing> batch;
    batch.push_back({up->session, CorrelationId(0), proto::Error{ErrorCode::kBusy, "for nobody", 0}, {}});
    gateway_->post(std::move(batch));
  }
  ASSERT_GT(stats().replies_dropped, 0u);
  sink_.accept(true);
  gateway_->room();
  EXPECT_TRUE(sink_.wait_for<core::ClientRequest>([](const auto& r) { return r.correlation == CorrelationId(3); }));
  EXPECT_TRUE(sink_.wait_for<core::SessionLost>([&](const auto& lost) { return lost.session == up->session; }));
  EXPECT_EQ(sink_.requests_of<proto::ListTopics>(), 0u);
}

/// Room for those that have left and are not known to have.
class Comings : public ZmqGatewayTest {
 protected:
  Comings() : ZmqGatewayTest(60s, 4'000) {}

  /// A connection that sends `requests` and ends, in order or not; false: nobody took it.
  bool comes_and_goes(int requests, bool by_reset) {
    using namespace takt::testing;
    std::optional<RawSocket> raw = shake_hands(2s);
    if (!raw) return false;
    const Bytes request = zmtp_frame(proto::encode(proto::Heartbeat{}, CorrelationId(1)));
    Bytes bytes;
    for (int i = 0; i < requests; ++i) append(bytes, request);
    EXPECT_TRUE(raw->send(bytes));
    if (by_reset) reset(*std::move(raw));
    return true;
  }
  /// How many come and go until newcomers are held; the partition takes nothing meanwhile, so nothing is read.
  int come_until_held(int requests, bool by_reset) {
    sink_.accept(false);
    first_.send(proto::DeleteTopic{"t"}, 2);
    EXPECT_TRUE(sink_.wait_for_refusal());
    int count = 0;
    while (stats().newcomers_held == 0 && count < 3'000 && comes_and_goes(requests, by_reset)) ++count;
    EXPECT_EQ(stats().newcomers_held, 1u);
    return count;
  }
  void expect_service_after_room() {
    Client newcomer(context_, gateway_->endpoint());
    newcomer.send(proto::Hello{ClientId(2), proto::ClientKind::kTool, "t", "test"}, 1);
    sink_.accept(true);
    gateway_->room();
    const auto reply = newcomer.receive();
    EXPECT_TRUE(reply && std::holds_alternative<proto::HelloReply>(reply->body));
    EXPECT_EQ(stats().connections_refused, 0u);
  }
  void SetUp() override { ASSERT_NE(hello(first_, 1), SessionId(0)); }

  Client first_{context_, gateway_->endpoint()};
};

TEST_F(Comings, NewcomersWaitWhileTooManyHaveEndedUnread) {
  EXPECT_GT(come_until_held(1, false), 200);   // some are at their end when they are looked at, and count as ended too soon
  expect_service_after_room();
}

/// More requests than libzmq reads while nobody takes them: it closes nothing.
TEST_F(Comings, AlsoWhileLibzmqDoesNotKnowThatTheyHave) {
  EXPECT_GT(come_until_held(100, true), 200);
  expect_service_after_room();
}

TEST_F(Comings, WhenAllHaveLeftTheDoorOpensByItself) {
  come_until_held(1, false);
  sink_.accept(true);
  gateway_->room();
  first_.close();
  std::this_thread::sleep_for(1s);   // nobody asks for statistics, which would wake it
  EXPECT_TRUE(shake_hands(20s));
}

/// As clients do that choose an id whether they are told one or not.
TEST_F(ZmqGatewayTest, ClientsThatAnnounceOneRoutingIdAreServedEachForItself) {
  const auto before = stats().routing_ids_ignored;
  Client first(context_, gateway_->endpoint(), "me");
  Client second(context_, gateway_->endpoint(), "me");
  const SessionId of_first = hello(first, 1);
  const SessionId of_second = hello(second, 2);
  ASSERT_NE(of_first, SessionId(0));
  ASSERT_NE(of_second, SessionId(0));
  EXPECT_NE(of_first, of_second);
  first.send(proto::Heartbeat{}, 7);
  second.send(proto::Heartbeat{}, 8);
  const auto to_first = first.receive();
  const auto to_second = second.receive();
  ASSERT_TRUE(to_first && to_second);
  EXPECT_EQ(to_first->correlation, CorrelationId(7));
  EXPECT_EQ(to_second->correlation, CorrelationId(8));
  EXPECT_EQ(stats().routing_ids_ignored, before + 2);
}

/// Of ten that would have been taken over while they send, each is closed when its client goes.
TEST_F(ZmqGatewayTest, TwinsThatSendAndLeaveAreClosed) {
  using namespace takt::testing;
  const Bytes request = zmtp_frame(proto::encode(proto::Heartbeat{}, CorrelationId(1)));
  Bytes many;
  for (int i = 0; i < 200; ++i) append(many, request);
  for (int i = 0; i < 10; ++i) {
    Bytes handshake = zmtp_greeting();
    append(handshake, zmtp_ready("twin"));
    std::deque<RawSocket> pair;
    for (int twin = 0; twin < 2; ++twin) {
      RawSocket& raw = pair.emplace_back(port());
      ASSERT_TRUE(raw.send(handshake));
      ASSERT_FALSE(raw.receive(zmtp_greeting().size() + zmtp_ready().size(), 20s).empty());
      raw.send(request);
    }
    pair.front().send(many);
    reset(std::move(pair.front()));
  }
  const auto until = steady_now() + 20s;
  while (stats().connections > 0 && steady_now() < until) {}
  EXPECT_EQ(stats().connections, 0u);
}

TEST_F(ZmqGatewayTest, MessagesForAFullPeerWaitAndArriveInOrder) {
  Client client(context_, gateway_->endpoint());
  const SessionId session = hello(client, 1);
  constexpr std::uint64_t count = 3000;   // far above the socket's high-water mark
  std::vector<core::Outgoing> batch;
  for (std::uint64_t i = 0; i < count; ++i)
    batch.push_back({session, CorrelationId(i), proto::Error{ErrorCode::kBusy, std::string(1000, 'x'), 0}, {}});
  gateway_->post(std::move(batch));
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto reply = client.receive();
    ASSERT_TRUE(reply) << i;
    ASSERT_EQ(reply->correlation, CorrelationId(i));
  }
}

TEST_F(ZmqGatewayTest, SaysWhichAddressIsTaken) {
  ZmqGatewaySettings settings;
  settings.listen = gateway_->endpoint();
  settings.clock = steady_now;
  const auto second = ZmqGateway::open(settings, sink_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find(settings.listen), std::string::npos) << second.error().message;
  EXPECT_NE(second.error().message.find("another process has the port"), std::string::npos) << second.error().message;
}

}  // namespace
}  // namespace takt::transport
