#include <gtest/gtest.h>

#include <set>

#include "tests/proto/random_message.h"
#include "tests/proto/samples.h"

namespace takt::proto {
namespace {

Result<DecodedRequest, DecodeFailure> decode(Decoder& decoder, const Request&, ByteView bytes) { return decoder.request(bytes); }
Result<DecodedReply, DecodeFailure> decode(Decoder& decoder, const Reply&, ByteView bytes) { return decoder.reply(bytes); }

template <class Variant, class M>
void expect_random_round_trips(Decoder& decoder) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    RandomFields random(seed);
    const Variant sent = random.message<M>();
    const CorrelationId correlation(seed << (seed % 57));
    const auto read = decode(decoder, sent, encode(sent, correlation));
    ASSERT_TRUE(read) << "seed " << seed << ": " << read.error().refusal.message;
    EXPECT_EQ(read->correlation, correlation);
    EXPECT_EQ(read->body, sent) << name_of(M::type) << " seed " << seed;
  }
}

template <class Variant>
struct EachOf;
template <class... M>
struct EachOf<std::variant<M...>> {
  static void expect_random_round_trips(Decoder& decoder) { (proto::expect_random_round_trips<std::variant<M...>, M>(decoder), ...); }
  static std::vector<MessageType> types() { return {M::type...}; }
};

template <class Decoded>
std::vector<MessageType> types_of(const std::vector<Decoded>& samples) {
  std::vector<MessageType> types;
  for (const Decoded& sample : samples) types.push_back(type_of(sample.body));
  return types;
}

TEST(CodecRoundTrip, SamplesCoverEveryMessage) {
  EXPECT_EQ(types_of(request_samples()), EachOf<Request>::types());
  EXPECT_EQ(types_of(reply_samples()), EachOf<Reply>::types());
}

TEST(CodecRoundTrip, ReadsBackEveryRequestWithVariedValues) {
  Decoder decoder;
  EachOf<Request>::expect_random_round_trips(decoder);
}

TEST(CodecRoundTrip, ReadsBackEveryReplyWithVariedValues) {
  Decoder decoder;
  EachOf<Reply>::expect_random_round_trips(decoder);
}

TEST(CodecRoundTrip, EveryTypeHasItsOwnNumberAndName) {
  std::set<std::uint8_t> numbers;
  std::set<std::string_view> names;
  std::size_t count = 0;
  for (const auto& types : {EachOf<Request>::types(), EachOf<Reply>::types()}) {
    for (const MessageType type : types) {
      ++count;
      numbers.insert(static_cast<std::uint8_t>(type));
      names.insert(name_of(type));
    }
  }
  EXPECT_EQ(numbers.size(), count);
  EXPECT_EQ(names.size(), count);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(CodecRoundTrip, TheReplyToRequestNIsNWithTheHighBit) {
  const std::vector<MessageType> requests = EachOf<Request>::types();
  const std::vector<MessageType> replies = EachOf<Reply>::types();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(static_cast<int>(requests[i]) | 0x80, static_cast<int>(replies[i])) << name_of(requests[i]);
  }
}

TEST(CodecRoundTrip, OnlyMessagesWithSectionsHaveThreeFrames) {
  for (const auto& types : {EachOf<Request>::types(), EachOf<Reply>::types()}) {
    for (const MessageType type : types) {
      const bool carries = type == MessageType::kPublish || type == MessageType::kComplete || type == MessageType::kPutSchedule ||
                           type == MessageType::kDeliver || type == MessageType::kPeeked;
      EXPECT_EQ(frame_count(type), carries ? 3u : 1u) << name_of(type);
    }
  }
}

TEST(CodecRoundTrip, AResumeOfAWholeWorkerFits) {
  Decoder decoder;
  Resume resume;
  for (std::uint32_t i = 0; i < limits::entries_max; ++i) {
    resume.held.push_back({.lane = Lane(7), .first = Offset(limits::place_max - i), .count = 1, .token = LeaseToken(~std::uint64_t{i})});
  }
  const auto read = decoder.request(encode(Request(resume), CorrelationId(~std::uint64_t{0})));
  ASSERT_TRUE(read) << read.error().refusal.message;
  EXPECT_EQ(read->body, Request(resume));
}

TEST(CodecRoundTrip, AMovedDecoderGoesOnReading) {
  Decoder first;
  const auto bytes = encode(Request(Heartbeat{}), CorrelationId(1));
  ASSERT_TRUE(first.request(bytes));
  Decoder second = std::move(first);
  EXPECT_TRUE(second.request(bytes));
}

}  // namespace
}  // namespace takt::proto
