// The public API as a user sees it, without a broker.

#include <gtest/gtest.h>
#include <takt/takt.h>

namespace takt {
namespace {

using namespace std::chrono_literals;

struct ResizePhoto {
  static constexpr std::string_view kind = "photo.resize";
  std::string source;
  int width = 1280;
  std::optional<std::string> format;
  MSGPACK_DEFINE_MAP(source, width, format)
};

/// The same kind as an older producer might write it.
struct Widthless {
  static constexpr std::string_view kind = "photo.resize";
  std::string source;
  std::string width;
  MSGPACK_DEFINE_MAP(source, width)
};

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
std::span<const std::byte> bytes(const msgpack::sbuffer& buffer) { return std::as_bytes(std::span(buffer.data(), buffer.size())); }

template <class T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : result.error().text();
}

TEST(Payload, ComesBackAsItWas) {
  const auto packed = pack_payload(ResizePhoto{"in/1.jpg", 640, "webp"});
  const auto job = unpack_payload<ResizePhoto>(bytes(packed));
  ASSERT_TRUE(job);
  EXPECT_EQ(job->source, "in/1.jpg");
  EXPECT_EQ(job->width, 640);
  EXPECT_EQ(job->format, "webp");
}

TEST(Payload, AMismatchNamesKindAndField) {
  const auto packed = pack_payload(Widthless{"in/1.jpg", "wide"});
  EXPECT_EQ(error_of(unpack_payload<ResizePhoto>(bytes(packed))),
            "TK5005 bad_payload: photo.resize: field 'width': expected integer, got string");
}

TEST(Payload, WhatIsNoPayloadIsRefusedWithAReason) {
  EXPECT_EQ(error_of(unpack_payload<ResizePhoto>({})), "TK5005 bad_payload: photo.resize: the payload is empty, expected a msgpack map");
  EXPECT_EQ(error_of(unpack_payload<ResizePhoto>(bytes("\x2a"))),
            "TK5005 bad_payload: photo.resize: expected a map of fields, got integer");
  EXPECT_EQ(error_of(unpack_payload<ResizePhoto>(bytes("\x80\x80"))),
            "TK5005 bad_payload: photo.resize: the payload goes on after its msgpack value");
  EXPECT_EQ(error_of(unpack_payload<ResizePhoto>(bytes("\x81"))),
            "TK5005 bad_payload: photo.resize: the payload ends inside its msgpack value");
  EXPECT_EQ(error_of(unpack_payload<ResizePhoto>(bytes("\xdf\x7f\xff\xff\xff"))),
            "TK5005 bad_payload: photo.resize: the payload is not msgpack");
}

TEST(MessageIdText, IsReadBackAndNothingElseIs) {
  EXPECT_EQ((MessageId{3, 1042}.text()), "3-1042");
  EXPECT_EQ(MessageId::parse("3-1042"), (MessageId{3, 1042}));
  for (const std::string_view bad : {"", "3", "3-", "-1", "3-1x", "a-1", "3 -1"}) EXPECT_FALSE(MessageId::parse(bad)) << bad;
}

TEST(ClientOptionsCheck, NamesTheOption) {
  const auto error = [](ClientOptions options) { return error_of(Client::open(std::move(options))); };
  EXPECT_EQ(error({.server = "tcp//x"}).substr(0, 18), "TK5004 bad_address");
  EXPECT_EQ(error({.linger = -1ms}), "TK5007 bad_option: ClientOptions.linger: it must be 0 to 10 s");
  EXPECT_EQ(error({.batch_bytes = 10}), "TK5007 bad_option: ClientOptions.batch_bytes: 10 is not within 1 KiB and 1 MiB");
  EXPECT_EQ(error({.batch_messages = 0}), "TK5007 bad_option: ClientOptions.batch_messages: 0 is not within 1 and 10,000");
  EXPECT_EQ(error({.batches_in_flight = 1001}), "TK5007 bad_option: ClientOptions.batches_in_flight: 1001 is not within 1 and 1,000");
  EXPECT_EQ(error({.send_timeout = 0ms}), "TK5007 bad_option: ClientOptions.send_timeout: it must be longer than 0");
  EXPECT_EQ(error({.buffer_bytes_max = 1}),
            "TK5007 bad_option: ClientOptions.buffer_bytes_max: it must hold at least one batch (batch_bytes)");
}

struct WithoutBroker : ::testing::Test {
  // A port that nobody listens on: the system gives port 1 to nobody.
  ClientOptions options(std::chrono::milliseconds send_timeout) {
    ClientOptions options;
    options.server = "tcp://127.0.0.1:1";
    options.send_timeout = send_timeout;
    options.buffer_bytes_max = 2048;
    options.batch_bytes = 1024;
    return options;
  }
};

TEST_F(WithoutBroker, ASendFailsInTimeAndSaysThatNothingWasSent) {
  auto client = Client::open(options(150ms));
  ASSERT_TRUE(client);
  const auto receipt = client->send(ResizePhoto{"a", 1, {}}, {.topic = "photos"});
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().name, "not_connected");
  EXPECT_EQ(receipt.error().outcome, ErrorOutcome::kFailed);
  EXPECT_NE(receipt.error().message.find("tcp://127.0.0.1:1"), std::string::npos) << receipt.error().message;
}

TEST_F(WithoutBroker, AMessageThatCannotBeSentIsRefusedAtOnceAndNamesTheField) {
  auto client = Client::open(options(30s));
  ASSERT_TRUE(client);
  const auto error = [&](const SendOptions& send, std::string_view kind = "k") {
    return error_of(client->send_bytes(kind, bytes("x"), send));
  };
  EXPECT_EQ(error({}), "TK5007 bad_option: SendOptions.topic: it is empty; name it, with 1 to 200 characters of A-Z a-z 0-9 . _ -");
  EXPECT_EQ(error({.topic = "a b"}).substr(0, 15), "TK1009 bad_name");
  EXPECT_EQ(error({.topic = "t", .priority = 8}),
            "TK5007 bad_option: SendOptions.priority: 8 is not one of 0 (default) to 7 (most urgent)");
  EXPECT_EQ(error({.topic = "t", .tags = {"x", "x"}}), "TK5007 bad_option: SendOptions.tags: 'x' is there twice");
  EXPECT_EQ(error({.topic = "t", .attributes = {{"", true}}}), "TK5007 bad_option: SendOptions.attributes: a name is empty");
  EXPECT_EQ(error({.topic = "t"}, ""), "TK5007 bad_option: kind: it is empty; give the payload's type a stable name such as photo.resize");
  const std::string large(2u << 20, 'x');
  EXPECT_EQ(error_of(client->send_bytes("k", bytes(large), {.topic = "t"})).substr(0, 24), "TK2009 message_too_large");
  EXPECT_TRUE(client->close(0ms));
}

TEST_F(WithoutBroker, AFullBufferRefusesTryAndMakesSendAsyncWait) {
  auto client = Client::open(options(50ms));
  ASSERT_TRUE(client);
  const std::string payload(1500, 'x');
  ASSERT_TRUE(client->try_send_bytes("k", bytes(payload), {.topic = "t"}));
  EXPECT_EQ(error_of(client->try_send_bytes("k", bytes(payload), {.topic = "t"})).substr(0, 17), "TK5006 queue_full");
  // The first message is given up at its deadline, which makes room or ends the wait; never more than the bound is kept.
  (void)client->send_async_bytes("k", bytes(payload), {.topic = "t"});
  EXPECT_LE(client->metrics().buffered_bytes, 2048u);
}

TEST_F(WithoutBroker, EveryCallbackIsCalledOnceAlsoAtTheEnd) {
  std::atomic<int> called{0};
  {
    auto client = Client::open(options(30s));
    ASSERT_TRUE(client);
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(client->send_async_bytes("k", bytes("x"), {.topic = "t"}, [&](Result<Receipt> result) {
        EXPECT_FALSE(result);
        ++called;
      }));
    }
    EXPECT_FALSE(client->close(0ms));
    EXPECT_EQ(error_of(client->send_async_bytes("k", bytes("x"), {.topic = "t"})).substr(0, 13), "TK5003 closed");
  }
  EXPECT_EQ(called, 5);
}

TEST_F(WithoutBroker, AnAdminCallFailsInTime) {
  auto admin = Admin::open({.server = "tcp://127.0.0.1:1", .timeout = 100ms});
  ASSERT_TRUE(admin);
  EXPECT_EQ(error_of(admin->topics()).substr(0, 20), "TK5002 not_connected");
  EXPECT_EQ(error_of(admin->put_topic("", {})).substr(0, 16), "TK5007 bad_optio");
}

TEST(WorkerOptionsCheck, NamesTheOption) {
  const auto error = [](WorkerOptions options) { return error_of(Worker::open(std::move(options))); };
  EXPECT_EQ(error({}), "TK5007 bad_option: WorkerOptions.subscriptions: it is empty; name at least one topic and group");
  EXPECT_EQ(error({.subscriptions = {{.topic = "a", .concurrency = 0}}}),
            "TK5007 bad_option: WorkerOptions.subscriptions[0].concurrency: 0 is not within 1 and 1,024");
  EXPECT_EQ(error({.subscriptions = {{.topic = "a"}, {.topic = "a"}}}),
            "TK5007 bad_option: WorkerOptions.subscriptions: topic 'a' and group 'default' are there twice; raise concurrency instead");
  EXPECT_EQ(error({.subscriptions = {{.topic = "a"}}, .backoff = takt::Backoff{10s, 1s}}),
            "TK5007 bad_option: WorkerOptions.backoff: first must not be negative, nor longest shorter than first");
}

TEST(WorkerRun, NeedsAHandlerAndABrokerInTime) {
  auto idle = Worker::open({.subscriptions = {{.topic = "a"}}});
  ASSERT_TRUE(idle);
  EXPECT_EQ(error_of(idle->run()).substr(0, 17), "TK5008 no_handler");
  auto worker = Worker::open({.server = "tcp://127.0.0.1:1", .subscriptions = {{.topic = "a"}}, .connect_timeout = 100ms});
  ASSERT_TRUE(worker);
  worker->handle_any([](Context&) { return done(); });
  EXPECT_EQ(error_of(worker->run()).substr(0, 20), "TK5002 not_connected");
}

}  // namespace
}  // namespace takt
