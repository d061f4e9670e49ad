// Bytes from somebody who means harm, or from a broken wire.

#include <gtest/gtest.h>

#include <random>

#include "proto/limits.h"
#include "tests/proto/raw_msgpack.h"
#include "tests/proto/samples.h"

namespace takt::proto {
namespace {

ErrorCode code_of(ByteView envelope) {
  const auto decoded = Decoder().request(envelope);
  return decoded ? ErrorCode{0} : decoded.error().refusal.code;
}

std::vector<std::vector<std::byte>> all_samples() {
  std::vector<std::vector<std::byte>> encoded;
  for (const DecodedRequest& sample : request_samples()) encoded.push_back(encode(sample.body, sample.correlation));
  for (const DecodedReply& sample : reply_samples()) encoded.push_back(encode(sample.body, sample.correlation));
  return encoded;
}

TEST(CodecHostile, ADeclaredCountCostsNothing) {
  EXPECT_EQ(code_of(RawMsgpack().array(0xFFFF'FFFF)), ErrorCode::kMalformedFrame);
  EXPECT_EQ(code_of(RawMsgpack().map(0xFFFF'FFFF)), ErrorCode::kMalformedFrame);
  EXPECT_EQ(code_of(RawMsgpack().head(MessageType::kAck).array(3).byte(0).byte(0).array(0xFFFF'FFFF)), ErrorCode::kMalformedFrame);
}

TEST(CodecHostile, NestedCountsAreWeighedTogether) {
  RawMsgpack raw;
  raw.array(4);
  for (int i = 0; i < 6; ++i) raw.array(30);   // each alone would fit into the bytes that follow
  for (int i = 0; i < 60; ++i) raw.byte(0);
  const auto decoded = Decoder().request(raw);
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().refusal.message.find("declares 30 elements"), std::string::npos) << decoded.error().refusal.message;
}

TEST(CodecHostile, ATextThatPromisesMoreThanItHasIsRefused) {
  EXPECT_EQ(
      code_of(RawMsgpack().head(MessageType::kDeleteTopic).array(1).byte(0xDB).byte(0xFF).byte(0xFF).byte(0xFF).byte(0xFF).raw("abc")),
      ErrorCode::kMalformedFrame);
}

TEST(CodecHostile, NestingStopsAtItsLimit) {
  const auto nested = [](std::size_t levels) {
    RawMsgpack raw;
    for (std::size_t i = 0; i < levels; ++i) raw.byte(0x91);
    raw.nil();
    return raw;
  };
  EXPECT_EQ(code_of(nested(limits::depth_max)), ErrorCode::kMalformedFrame);   // deep enough to read, but no envelope
  EXPECT_EQ(code_of(nested(limits::depth_max + 1)), ErrorCode::kTooDeep);
  EXPECT_EQ(code_of(nested(1'000'000)), ErrorCode::kTooDeep);
}

TEST(CodecHostile, AFrameBeyondItsBoundIsNotRead) {
  const std::vector<std::byte> just(limits::envelope_bytes_max);
  const std::vector<std::byte> over(limits::envelope_bytes_max + 1);
  EXPECT_EQ(code_of(just), ErrorCode::kMalformedFrame);
  EXPECT_EQ(code_of(over), ErrorCode::kFrameTooLarge);
}

TEST(CodecHostile, TooManyValuesAreRefused) {
  const auto values = [](std::size_t tokens) {
    RawMsgpack raw;
    raw.array(static_cast<std::uint32_t>(tokens - 1));
    for (std::size_t i = 0; i + 1 < tokens; ++i) raw.byte(1);
    return raw;
  };
  EXPECT_EQ(code_of(values(limits::tokens_max)), ErrorCode::kMalformedFrame);   // read whole, but no envelope
  EXPECT_EQ(code_of(values(limits::tokens_max + 1)), ErrorCode::kFrameTooLarge);
}

TEST(CodecHostile, EveryTruncationIsRefused) {
  Decoder decoder;
  for (const auto& whole : all_samples()) {
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
      // A copy of its own, so that a sanitizer sees a read past its end.
      const std::vector<std::byte> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));
      const auto request = decoder.request(part);
      const auto reply = decoder.reply(part);
      ASSERT_FALSE(request) << bytes;
      ASSERT_FALSE(reply) << bytes;
      EXPECT_EQ(request.error().refusal.code, ErrorCode::kMalformedFrame);
    }
  }
}

TEST(CodecHostile, FlippedBitsAreRefusedOrReadAsWhatTheySay) {
  std::mt19937_64 random(20240501);
  Decoder decoder;
  const auto samples = all_samples();
  std::size_t read = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::vector<std::byte> bytes = samples[random() % samples.size()];
    for (auto flips = 1 + random() % 3; flips > 0; --flips) bytes[random() % bytes.size()] ^= static_cast<std::byte>(1u << (random() % 8));
    if (const auto request = decoder.request(bytes)) {
      ++read;
      const auto again = decoder.request(encode(request->body, request->correlation));
      ASSERT_TRUE(again) << again.error().refusal.message;
      ASSERT_EQ(again->body, request->body);
    }
    if (const auto reply = decoder.reply(bytes)) {
      ++read;
      const auto again = decoder.reply(encode(reply->body, reply->correlation));
      ASSERT_TRUE(again) << again.error().refusal.message;
      ASSERT_EQ(again->body, reply->body);
    }
  }
  EXPECT_GT(read, 1000u);
}

TEST(CodecHostile, ADecoderIsAsGoodAsNewAfterARefusal) {
  Decoder decoder;
  const auto good = encode(Request(Heartbeat{}), CorrelationId(5));
  ASSERT_FALSE(decoder.request(RawMsgpack().array(4).byte(1).byte(2)));
  EXPECT_TRUE(decoder.request(good));
  ASSERT_FALSE(decoder.request(RawMsgpack().array(0xFFFF'FFFF)));
  EXPECT_TRUE(decoder.request(good));
}

}  // namespace
}  // namespace takt::proto
