#include "tests/transport/desk_bench.h"

namespace takt::transport {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

/// Every test runs before Hello and with a session: a frame that cannot be read is refused the same way in both states.
class DeskMalformed : public DeskBench, public testing::WithParamInterface<bool> {
 protected:
  DeskMalformed() {
    if (GetParam()) hello(a, 1);
    prior.clear();
  }
  void expect(ErrorCode code) {
    EXPECT_EQ(take_error(a), code);
    EXPECT_EQ(desk.stats().refusals.at(code), 1u);
    EXPECT_TRUE(prior.empty() && later.empty());
    EXPECT_TRUE(dropped.empty());
  }
};

INSTANTIATE_TEST_SUITE_P(BeforeAndAfterHello, DeskMalformed, testing::Bool(),
                         [](const auto& state) { return state.param ? "AfterHello" : "BeforeHello"; });

TEST_P(DeskMalformed, NoFrameAtAll) {
  send_raw(a, {});
  expect(ErrorCode::kMalformedFrame);
}
TEST_P(DeskMalformed, AnEmptyEnvelope) {
  send_raw(a, {{}});
  expect(ErrorCode::kMalformedFrame);
}
TEST_P(DeskMalformed, BytesThatAreNoMsgpack) {
  send_raw(a, {bytes({0xC1, 0xC1})});
  expect(ErrorCode::kMalformedFrame);
}
TEST_P(DeskMalformed, AnEnvelopeOfANewerVersion) {
  auto frame = proto::encode(proto::Request(proto::Heartbeat{}), CorrelationId(77));
  ASSERT_EQ(frame[1], std::byte{proto::protocol_version});
  frame[1] = std::byte{9};
  send_raw(a, {frame});
  expect(ErrorCode::kUnsupportedVersion);
}
TEST_P(DeskMalformed, AnUnknownType) {
  auto frame = proto::encode(proto::Request(proto::Heartbeat{}), CorrelationId(1));
  frame[2] = std::byte{0x7E};
  send_raw(a, {frame});
  expect(ErrorCode::kUnknownType);
}
TEST_P(DeskMalformed, ARepliesTypeInARequestsPlace) {
  send_raw(a, {proto::encode(proto::Reply(proto::HeartbeatReply{}), CorrelationId(1))});
  expect(ErrorCode::kUnknownType);
}
TEST_P(DeskMalformed, ARefusalIsAddressedWhenTheCorrelationCanBeRead) {
  const auto frame = proto::encode(proto::Request(proto::Heartbeat{}), CorrelationId(77));
  send_raw(a, {frame, frame});
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].correlation, CorrelationId(77));
  expect(ErrorCode::kFrameCount);
}
TEST_P(DeskMalformed, TrailingBytes) {
  auto frame = proto::encode(proto::Request(proto::Heartbeat{}), CorrelationId(1));
  frame.push_back(std::byte{0xC0});
  send_raw(a, {frame});
  expect(ErrorCode::kMalformedFrame);
}
TEST_P(DeskMalformed, EveryTruncationOfAPublishEnvelope) {
  const auto sections = messages(1);
  const auto whole = proto::encode(proto::Request(publish_of(sections, 1)), CorrelationId(1));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    send_raw(a, {{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)}, sections.metadata, sections.payload});
    EXPECT_TRUE(take_error(a).has_value()) << length;
  }
  EXPECT_TRUE(prior.empty() && later.empty());
}
TEST_P(DeskMalformed, AnEnvelopeAboveItsBound) {
  send_raw(a, {std::vector<std::byte>(limits::envelope_bytes_max + 1, std::byte{0xC0})});
  expect(ErrorCode::kFrameTooLarge);
}
TEST_P(DeskMalformed, TooManyFrames) {
  const auto frame = proto::encode(proto::Request(proto::Heartbeat{}), CorrelationId(1));
  send_raw(a, {frame, frame, frame, frame});
  expect(ErrorCode::kFrameCount);
}
TEST_P(DeskMalformed, APublishWithItsSectionsInTheEnvelopeAndBehindIt) {
  const auto sections = messages(1);
  const auto envelope = proto::encode(proto::Request(publish_of(sections, 1)), CorrelationId(1), {sections.metadata, sections.payload});
  send_raw(a, {envelope, sections.metadata, sections.payload});
  expect(ErrorCode::kFrameCount);
}
TEST_P(DeskMalformed, APublishWithoutItsSections) {
  const auto sections = messages(1);
  send_raw(a, {proto::encode(proto::Request(publish_of(sections, 1)), CorrelationId(1))});
  expect(ErrorCode::kFrameCount);
}

class DeskContent : public DeskBench {
 protected:
  DeskContent() { hello(a, 1); }
  void expect(ErrorCode code, const proto::Request& request, proto::Sections sections) {
    send(a, request, 1, std::move(sections));
    EXPECT_EQ(take_error(a), code);
    EXPECT_TRUE(later.empty());
    EXPECT_EQ(desk.stats().replies_reserved, 0u);
    EXPECT_EQ(desk.stats().publish_bytes_in_flight, 0u);
  }
};

TEST_F(DeskContent, RefusesAPayloadThatWasDamagedOnTheWay) {
  auto sections = messages(2);
  const auto request = publish_of(sections, 2);
  sections.payload[0] ^= std::byte{1};
  expect(ErrorCode::kChecksumMismatch, request, std::move(sections));
}
TEST_F(DeskContent, RefusesMetadataThatWasDamagedOnTheWay) {
  auto sections = messages(2);
  const auto request = publish_of(sections, 2);
  sections.metadata.back() ^= std::byte{1};
  expect(ErrorCode::kChecksumMismatch, request, std::move(sections));
}
TEST_F(DeskContent, RefusesSectionsInTheEnvelopeThatWereDamagedOnTheWay) {
  auto sections = messages(2);
  const proto::Request request = publish_of(sections, 2);
  sections.payload[0] ^= std::byte{1};
  send_raw(a, {proto::encode(request, CorrelationId(1), {sections.metadata, sections.payload})});
  EXPECT_EQ(take_error(a), ErrorCode::kChecksumMismatch);
  EXPECT_TRUE(later.empty());
}
TEST_F(DeskContent, RefusesSectionsThatDoNotHoldTheMessagesTheyClaim) {
  auto sections = messages(2);
  sections.payload.push_back(std::byte{1});   // belongs to no message
  const auto request = publish_of(sections, 2);
  expect(ErrorCode::kBadSection, request, std::move(sections));
}
TEST_F(DeskContent, RefusesAnotherPartition) {
  auto sections = messages(1);
  auto request = publish_of(sections, 1);
  request.partition = PartitionId(1);
  expect(ErrorCode::kUnknownPartition, request, std::move(sections));
}
TEST_F(DeskContent, RefusesFollowUpsThatDoNotFitTheirFrames) {
  auto sections = messages(1);
  proto::Complete complete;
  complete.producer = ProducerId(1);
  complete.sequence = Sequence(1);
  complete.done = {{0, 1}};
  proto::FollowUp part;
  part.topic = "next";
  part.count = 1;
  part.metadata_length = static_cast<std::uint32_t>(sections.metadata.size());
  part.payload_length = static_cast<std::uint32_t>(sections.payload.size());
  part.metadata_checksum = proto::section_checksum(sections.metadata);
  part.payload_checksum = proto::section_checksum(sections.payload);
  complete.follow_ups = {part};

  auto longer = sections;
  longer.payload.push_back(std::byte{1});
  expect(ErrorCode::kBadSection, complete, longer);
  complete.follow_ups[0].payload_length += 10;
  expect(ErrorCode::kBadSection, complete, sections);
  complete.follow_ups[0].payload_length -= 10;
  send(a, complete, 1, sections);
  EXPECT_FALSE(take_error(a));
  EXPECT_TRUE(std::holds_alternative<proto::Complete>(std::get<core::ClientRequest>(prior.back()).body));
}

}  // namespace
}  // namespace takt::transport
