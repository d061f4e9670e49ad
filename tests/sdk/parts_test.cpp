#include <gtest/gtest.h>

#include "proto/record.h"
#include "worker-sdk/cpp/src/address.h"
#include "worker-sdk/cpp/src/batcher.h"
#include "worker-sdk/cpp/src/bits.h"
#include "worker-sdk/cpp/src/record_encoder.h"

namespace takt::sdk {
namespace {

using namespace std::chrono_literals;

std::vector<proto::IndexRun> runs_of(const Bits& bits) {
  std::vector<proto::IndexRun> runs;
  bits.for_each_run([&](proto::IndexRun run) { runs.push_back(run); });
  return runs;
}

TEST(Bits, RunsCrossWordsAndReachTheEnd) {
  Bits bits;
  bits.set({60, 10});
  bits.set({128, 64});
  bits.set({1023, 1});
  EXPECT_EQ(runs_of(bits), (std::vector<proto::IndexRun>{{60, 10}, {128, 64}, {1023, 1}}));
  EXPECT_EQ(bits.count(), 75u);
  EXPECT_EQ(runs_of(Bits::first(1024)), (std::vector<proto::IndexRun>{{0, 1024}}));
  EXPECT_TRUE(runs_of(Bits{}).empty());
}

TEST(Bits, SubtractionTakesAway) {
  Bits bits = Bits::first(10) - Bits::one(4);
  EXPECT_EQ(runs_of(bits), (std::vector<proto::IndexRun>{{0, 4}, {5, 5}}));
}

TEST(Address, IsCompletedAndChecked) {
  EXPECT_EQ(parse_address("tcp://127.0.0.1:7400").value(), "tcp://127.0.0.1:7400");
  EXPECT_EQ(parse_address("takt://broker").value(), "tcp://broker:7400");
  EXPECT_EQ(parse_address("broker:9").value(), "tcp://broker:9");
  EXPECT_EQ(parse_address("tcp://[::1]").value(), "tcp://[::1]:7400");
  EXPECT_EQ(parse_address("ipc:///run/takt.sock").value(), "ipc:///run/takt.sock");
}

TEST(Address, SaysWhichPartIsWrong) {
  const auto message = [](std::string_view server) {
    const auto address = parse_address(server);
    return address ? *address : address.error().text();
  };
  EXPECT_EQ(message(""), "TK5004 bad_address: server '': the address is empty; write it as tcp://127.0.0.1:7400");
  EXPECT_EQ(message("http://x:1"),
            "TK5004 bad_address: server 'http://x:1': the scheme 'http' is not known; write it as tcp://127.0.0.1:7400");
  EXPECT_EQ(
      message("tcp://x:70000"),
      "TK5004 bad_address: server 'tcp://x:70000': the port '70000' is not a number from 1 to 65535; write it as tcp://127.0.0.1:7400");
  EXPECT_EQ(message("tcp://:7400"), "TK5004 bad_address: server 'tcp://:7400': the host is missing; write it as tcp://127.0.0.1:7400");
  EXPECT_EQ(message("::1"), "TK5004 bad_address: server '::1': an IPv6 host needs brackets; write it as tcp://127.0.0.1:7400");
  EXPECT_EQ(message("tcp://x:7400/q"),
            "TK5004 bad_address: server 'tcp://x:7400/q': only host and port may follow the scheme; write it as tcp://127.0.0.1:7400");
}

struct Batching : ::testing::Test {
  Time now{1h};
  Batcher batcher{{1ms, 1000, 10}};

  Batcher::Added add(std::string_view topic, std::size_t payload_bytes, Batcher::Urgency urgency = Batcher::Urgency::kMayLinger) {
    const std::vector<std::byte> payload(payload_bytes);
    return batcher.add({std::string(topic), Lane(0)}, as_bytes("m"), payload, {}, urgency, now);
  }
};

TEST_F(Batching, ABatchLingersAndThenLeavesWhole) {
  EXPECT_TRUE(add("a", 10).opened);
  EXPECT_FALSE(add("a", 10).opened);
  EXPECT_TRUE(batcher.take_ready(now).empty());
  EXPECT_EQ(batcher.next_deadline(), now + 1ms);
  const auto ready = batcher.take_ready(now + 1ms);
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].sections.count(), 2u);
  EXPECT_FALSE(batcher.next_deadline());
}

TEST_F(Batching, AMessageThatDoesNotFitOpensTheNextBatch) {
  add("a", 600);
  const auto added = add("a", 600);
  EXPECT_TRUE(added.sealed);
  EXPECT_TRUE(added.opened);
  EXPECT_EQ(batcher.take_full().size(), 1u);
  EXPECT_EQ(batcher.take_all().size(), 1u);
}

TEST_F(Batching, TheCountSealsToo) {
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(add("a", 1).sealed);
  EXPECT_TRUE(add("a", 1).sealed);
}

TEST_F(Batching, TopicsAndLanesHaveBatchesOfTheirOwnInOrderOfOpening) {
  add("b", 1);
  add("a", 1);
  batcher.add({"a", Lane(3)}, as_bytes("m"), {}, {}, Batcher::Urgency::kMayLinger, now);
  const auto all = batcher.take_all();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].stream.topic, "b");
  EXPECT_EQ(all[2].stream.lane, Lane(3));
}

TEST_F(Batching, SomebodyWhoWaitsDoesNotLinger) {
  add("a", 1);
  add("a", 1, Batcher::Urgency::kNow);
  const auto ready = batcher.take_ready(now);
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].sections.count(), 2u);
}

TEST_F(Batching, CallbacksKnowTheirMessage) {
  add("a", 1);
  batcher.add({"a", Lane(0)}, as_bytes("m"), {}, [](Result<Receipt>) {}, Batcher::Urgency::kMayLinger, now);
  const auto all = batcher.take_all();
  ASSERT_EQ(all[0].callbacks.size(), 1u);
  EXPECT_EQ(all[0].callbacks[0].first, 1u);
}

TEST(RecordEncoder, KeepsThePlainFormAndWritesTheRest) {
  RecordEncoder encoder;
  const ByteView plain = encoder.encode("photo.resize", {});
  EXPECT_EQ(proto::decode_record(plain).value().kind, "photo.resize");
  EXPECT_EQ(encoder.encode("photo.resize", {}).data(), plain.data());
  SendOptions options;
  options.tags = {"urgent"};
  options.attributes = {{"tenant", std::string("acme")}, {"width", std::int64_t{640}}};
  options.content_type = "application/json";
  const auto record = proto::decode_record(encoder.encode("k", options)).value();
  EXPECT_EQ(record.tags, options.tags);
  EXPECT_EQ(record.attributes, options.attributes);
  EXPECT_EQ(record.content_type, "application/json");
}

}  // namespace
}  // namespace takt::sdk
