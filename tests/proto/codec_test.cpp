#include "proto/codec.h"

#include <gtest/gtest.h>

namespace takt::proto {
namespace {

TEST(Codec, ReadsBackWhatItWrote) {
  Decoder decoder;
  const Publish publish{
      .partition = PartitionId(3), .topic = "photos", .lane = Lane(2), .producer = ProducerId(9), .sequence = Sequence(4), .count = 5};
  const auto decoded = decoder.request(encode(Request(publish), CorrelationId(77)));
  ASSERT_TRUE(decoded) << decoded.error().refusal.message;
  EXPECT_EQ(decoded->correlation, CorrelationId(77));
  EXPECT_EQ(decoded->body, Request(publish));
}

TEST(Codec, NamesMessageAndFieldInARefusal) {
  Decoder decoder;
  const auto decoded = decoder.request(encode(Request(Publish{.topic = "photos", .lane = Lane(9), .count = 1}), CorrelationId(1)));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().refusal.message, "publish: field 'lane': expected 0 to 7, got 9");
}

}  // namespace
}  // namespace takt::proto
