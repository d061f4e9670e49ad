// Each rule of a field broken once: the code, and a message that names message and field.

#include <gtest/gtest.h>

#include "proto/limits.h"
#include "tests/proto/raw_msgpack.h"
#include "tests/proto/samples.h"

namespace takt::proto {
namespace {

struct Seen {
  ErrorCode code;
  std::string message;
  friend bool operator==(const Seen&, const Seen&) = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) { return out << error_label(seen.code) << ": " << seen.message; }

Seen seen_of(const auto& decoded) {
  if (decoded) return {ErrorCode{0}, "accepted"};
  return {decoded.error().refusal.code, decoded.error().refusal.message};
}
Seen refusal_of(const Request& request) { return seen_of(Decoder().request(encode(request, CorrelationId(1)))); }
Seen refusal_of(const Reply& reply) { return seen_of(Decoder().reply(encode(reply, CorrelationId(1)))); }
Seen refusal_of_bytes(ByteView envelope) { return seen_of(Decoder().request(envelope)); }

Seen bad_field(std::string message) { return {ErrorCode::kBadField, std::move(message)}; }

/// The sample of type M, changed.
template <class M>
Request changed(auto&& change) {
  for (DecodedRequest& sample : request_samples()) {
    if (M* message = std::get_if<M>(&sample.body)) {
      change(*message);
      return *message;
    }
  }
  ADD_FAILURE();
  return M{};
}

TEST(CodecRefusal, NamesTheNumberThatIsOutOfItsRange) {
  EXPECT_EQ(refusal_of(changed<Publish>([](Publish& m) { m.lane = Lane(9); })), bad_field("publish: field 'lane': expected 0 to 7, got 9"));
  EXPECT_EQ(refusal_of(changed<Publish>([](Publish& m) { m.count = 0; })), bad_field("publish: field 'count': expected 1 to 65536, got 0"));
  EXPECT_EQ(refusal_of(changed<Publish>([](Publish& m) { m.count = 65'537; })),
            bad_field("publish: field 'count': expected 1 to 65536, got 65537"));
  EXPECT_EQ(refusal_of(changed<PutGroup>([](PutGroup& m) { m.settings.attempts_max = 0; })),
            bad_field("put_group: field 'settings.attempts_max': expected 1 to 1000, got 0"));
  EXPECT_EQ(refusal_of(changed<PutGroup>([](PutGroup& m) { m.settings.attempts_max = 1001; })),
            bad_field("put_group: field 'settings.attempts_max': expected 1 to 1000, got 1001"));
  EXPECT_EQ(refusal_of(changed<Publish>([](Publish& m) { m.producer_epoch = 0; })),
            bad_field("publish: field 'producer_epoch': expected 1 to 4294967295, got 0"));
  EXPECT_EQ(refusal_of(changed<Fail>([](Fail& m) { m.index = 1024; })), bad_field("fail: field 'index': expected 0 to 1023, got 1024"));
  EXPECT_EQ(refusal_of(changed<Fail>([](Fail& m) { m.delay_ms = limits::span_ms_max + 1; })),
            bad_field("fail: field 'delay_ms': expected 0 to 3155760000000, got 3155760000001"));
  EXPECT_EQ(refusal_of(changed<PutSchedule>([](PutSchedule& m) { m.settings.jitter_ms = limits::jitter_ms_max + 1; })),
            bad_field("put_schedule: field 'settings.jitter_ms': expected 0 to 86400000, got 86400001"));
  EXPECT_EQ(refusal_of(changed<ChangeMessages>([](ChangeMessages& m) { m.due_ms = limits::due_ms_max + 1; })),
            bad_field("change_messages: field 'due_ms': expected 1 to 253402300799999, got 253402300800000"));
  EXPECT_EQ(refusal_of(changed<ChangeMessages>([](ChangeMessages& m) { m.due_ms.reset(); })),
            bad_field("change_messages: field 'due_ms': expected an instant of a reschedule, and nil else"));
  EXPECT_EQ(refusal_of(changed<PutSchedule>([](PutSchedule& m) { m.settings.end_ms = *m.settings.start_ms - 1; })),
            bad_field("put_schedule: field 'settings.end_ms': expected an end that is not before start_ms"));
  EXPECT_EQ(refusal_of(changed<Peek>([](Peek& m) { m.messages_max = 0; })),
            bad_field("peek: field 'messages_max': expected 1 to 65536, got 0"));
  EXPECT_EQ(refusal_of(changed<Peek>([](Peek& m) { m.from = Offset(limits::place_max + 1); })),
            bad_field("peek: field 'from': expected 0 to 9223372036854775807, got 9223372036854775808"));
}

TEST(CodecRefusal, NamesTheEnumeratorThatDoesNotExist) {
  EXPECT_EQ(refusal_of(changed<Hello>([](Hello& m) { m.kind = ClientKind{3}; })), bad_field("hello: field 'kind': expected 0 to 2, got 3"));
  EXPECT_EQ(refusal_of(changed<Publish>([](Publish& m) { m.acks = Acks{3}; })), bad_field("publish: field 'acks': expected 0 to 2, got 3"));
  EXPECT_EQ(refusal_of(changed<Subscribe>([](Subscribe& m) { m.from = StartFrom{2}; })),
            bad_field("subscribe: field 'from': expected 0 to 1, got 2"));
  EXPECT_EQ(refusal_of(changed<Credit>([](Credit& m) { m.kind = CreditKind{2}; })),
            bad_field("credit: field 'kind': expected 0 to 1, got 2"));
  EXPECT_EQ(refusal_of(changed<Fail>([](Fail& m) { m.outcome = FailOutcome{0}; })),
            bad_field("fail: field 'outcome': expected 1 to 3, got 0"));
  EXPECT_EQ(refusal_of(changed<Fail>([](Fail& m) { m.outcome = FailOutcome{4}; })),
            bad_field("fail: field 'outcome': expected 1 to 3, got 4"));
  EXPECT_EQ(refusal_of(changed<PutGroup>([](PutGroup& m) { m.from = StartFrom{9}; })),
            bad_field("put_group: field 'from': expected 0 to 1, got 9"));
}

TEST(CodecRefusal, KnowsNoOtherRunsThanImmediateAndScheduled) {
  EXPECT_EQ(refusal_of(changed<Publish>([](Publish& m) { m.run_class = RunClass::kControl; })),
            bad_field("publish: field 'run_class': expected 1 to 2, got 0"));
  EXPECT_EQ(refusal_of(changed<Publish>([](Publish& m) { m.run_class = RunClass{3}; })),
            bad_field("publish: field 'run_class': expected 1 to 2, got 3"));
}

TEST(CodecRefusal, RefusesListsThatAreEmptyOrTooLong) {
  EXPECT_EQ(refusal_of(changed<Ack>([](Ack& m) { m.entries.clear(); })),
            bad_field("ack: field 'entries': expected 1 to 65536 entries, got 0"));
  EXPECT_EQ(refusal_of(changed<Ack>([](Ack& m) { m.entries[1].runs.clear(); })),
            bad_field("ack: field 'entries[1].runs': expected 1 to 1024 entries, got 0"));
  EXPECT_EQ(refusal_of(changed<Ack>([](Ack& m) { m.entries[0].runs.resize(1025, {.first = 0, .count = 1}); })),
            bad_field("ack: field 'entries[0].runs': expected 1 to 1024 entries, got 1025"));
  EXPECT_EQ(refusal_of(changed<Complete>([](Complete& m) { m.done.clear(); })),
            bad_field("complete: field 'done': expected 1 to 1024 entries, got 0"));
  EXPECT_EQ(refusal_of(changed<Complete>([](Complete& m) { m.follow_ups.clear(); })),
            bad_field("complete: field 'follow_ups': expected 1 to 64 entries, got 0"));
  EXPECT_EQ(refusal_of(changed<Complete>([](Complete& m) { m.follow_ups.resize(65, m.follow_ups[0]); })),
            bad_field("complete: field 'follow_ups': expected 1 to 64 entries, got 65"));
  EXPECT_EQ(refusal_of(changed<Resume>([](Resume& m) { m.held.resize(65'537, m.held[0]); })),
            bad_field("resume: field 'held': expected 0 to 65536 entries, got 65537"));
  EXPECT_EQ(refusal_of(Reply(MetadataReply{.partitions = {{}}, .slots = {1, 2}})),
            bad_field("metadata_reply: field 'slots': expected 1024 entries, got 2"));
  EXPECT_EQ(refusal_of(Reply(Deliver{})), bad_field("deliver: field 'ranges': expected 1 to 65536 entries, got 0"));
}

TEST(CodecRefusal, RefusesMorePartitionsThanSlots) {
  EXPECT_EQ(refusal_of(Reply(HelloReply{.partitions = 1'025})), bad_field("hello_reply: field 'partitions': expected 1 to 1024, got 1025"));
}

TEST(CodecRefusal, NamesTheEntryOfAListAndTheFieldWithinIt) {
  EXPECT_EQ(refusal_of(changed<Complete>([](Complete& m) {
              m.follow_ups.resize(4, m.follow_ups[0]);
              m.follow_ups[3].lane = Lane(8);
            })),
            bad_field("complete: field 'follow_ups[3].lane': expected 0 to 7, got 8"));
  EXPECT_EQ(refusal_of(changed<Ack>([](Ack& m) { m.entries[0].runs[1] = {.first = 1, .count = 0}; })),
            bad_field("ack: field 'entries[0].runs[1].count': expected 1 to 1024, got 0"));
  EXPECT_EQ(refusal_of(changed<Resume>([](Resume& m) { m.held[0].count = 1025; })),
            bad_field("resume: field 'held[0].count': expected 1 to 1024, got 1025"));
}

TEST(CodecRefusal, RefusesWhatNoSingleFieldCanTell) {
  EXPECT_EQ(refusal_of(changed<Ack>([](Ack& m) { m.entries[0].runs[1] = {.first = 1000, .count = 25}; })),
            bad_field("ack: field 'entries[0].runs[1].count': expected an end within the 1024 places of a lease range"));
  EXPECT_EQ(refusal_of(changed<Credit>([](Credit& m) { m.messages = 0; })),
            bad_field("credit: field 'messages': expected at least 1 in a one-shot credit"));
  EXPECT_EQ(refusal_of(changed<Credit>([](Credit& m) { m.bytes = 0; })),
            bad_field("credit: field 'bytes': expected at least 1 in a one-shot credit"));
  const DeliveredRange full{.stretch = {.count = limits::lease_range_max}};
  EXPECT_EQ(refusal_of(Reply(Deliver{.ranges = std::vector<DeliveredRange>(65, full)})),
            bad_field("deliver: field 'ranges': expected at most 65536 messages together"));
  EXPECT_EQ(refusal_of(Reply(Deliver{.ranges = {{.stretch = {.count = 1025}}}})),
            bad_field("deliver: field 'ranges[0].stretch': expected at most 1024 messages in a lease range"));
}

TEST(CodecRefusal, AStandingCreditOfNothingIsAPause) {
  EXPECT_EQ(refusal_of(Request(Credit{.kind = CreditKind::kStanding, .messages = 0, .bytes = 0})).message, "accepted");
}

TEST(CodecRefusal, RefusesBadNames) {
  const std::string rule = "; a name has 1 to 200 of the characters A-Z a-z 0-9 . _ -";
  EXPECT_EQ(refusal_of(changed<Publish>([](Publish& m) { m.topic = ""; })),
            (Seen{ErrorCode::kBadName, "publish: field 'topic': topic name is empty" + rule}));
  EXPECT_EQ(refusal_of(changed<Publish>([](Publish& m) { m.topic = "pho tos"; })),
            (Seen{ErrorCode::kBadName, "publish: field 'topic': topic name 'pho tos' has ' '" + rule}));
  EXPECT_EQ(refusal_of(changed<Subscribe>([](Subscribe& m) { m.group = "r\xC3\xA9sizers"; })),
            (Seen{ErrorCode::kBadName, "subscribe: field 'group': group name 'r\\xc3\\xa9sizers' has '\\xc3'" + rule}));
  EXPECT_EQ(refusal_of(changed<DeleteTopic>([](DeleteTopic& m) { m.topic.assign(201, 'a'); })),
            (Seen{ErrorCode::kBadName, "delete_topic: field 'topic': topic name has 201 bytes" + rule}));
  EXPECT_EQ(refusal_of(changed<DeleteTopic>([](DeleteTopic& m) { m.topic.assign(200, 'a'); })).message, "accepted");
  EXPECT_EQ(refusal_of(Request(ListGroups{})).message, "accepted");
  EXPECT_EQ(refusal_of(Request(ListGroups{.topic = "/"})).code, ErrorCode::kBadName);
}

TEST(CodecRefusal, RefusesTextThatIsTooLongOrNotUtf8) {
  EXPECT_EQ(refusal_of(changed<Hello>([](Hello& m) { m.name.assign(201, 'x'); })),
            bad_field("hello: field 'name': expected at most 200 bytes, got 201"));
  EXPECT_EQ(refusal_of(changed<Hello>([](Hello& m) { m.software = "a\xFF"; })),
            bad_field("hello: field 'software': expected UTF-8, got 'a\\xff'"));
  EXPECT_EQ(refusal_of(changed<Fail>([](Fail& m) { m.text.assign(4097, 'x'); })),
            bad_field("fail: field 'text': expected at most 4096 bytes, got 4097"));
}

TEST(CodecRefusal, RefusesTheWrongType) {
  const auto unsubscribe = [](auto&& second) {
    RawMsgpack raw;
    raw.head(MessageType::kUnsubscribe).array(2).number(3);
    second(raw);
    return refusal_of_bytes(raw);
  };
  const auto expect = [&](std::string_view got, auto&& second) {
    EXPECT_EQ(unsubscribe(second), bad_field("unsubscribe: field 'subscription': expected a number, got " + std::string(got)));
  };
  expect("nil", [](RawMsgpack& raw) { raw.nil(); });
  expect("a boolean", [](RawMsgpack& raw) { raw.byte(0xC3); });
  expect("a negative number", [](RawMsgpack& raw) { raw.byte(0xFF); });
  expect("a floating-point number", [](RawMsgpack& raw) { raw.byte(0xCA).raw("abcd"); });
  expect("text", [](RawMsgpack& raw) { raw.text("1"); });
  expect("binary", [](RawMsgpack& raw) { raw.byte(0xC4).byte(1).raw("1"); });
  expect("an extension value", [](RawMsgpack& raw) { raw.byte(0xD4).byte(1).raw("1"); });
  expect("an array", [](RawMsgpack& raw) { raw.array(0); });
  expect("a map", [](RawMsgpack& raw) { raw.map(0); });
  EXPECT_EQ(unsubscribe([](RawMsgpack& raw) { raw.number(std::uint64_t{1} << 32); }),
            bad_field("unsubscribe: field 'subscription': expected 0 to 4294967295, got 4294967296"));
}

TEST(CodecRefusal, RefusesTheWrongTypeOfTextBooleanAndBody) {
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().head(MessageType::kDeleteTopic).array(1).byte(0xC4).byte(1).raw("a")),
            bad_field("delete_topic: field 'topic': expected text, got binary"));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().head(MessageType::kHeartbeat).map(0)), bad_field("heartbeat: expected an array, got a map"));
  const auto topic_done = Decoder().reply(RawMsgpack().head(MessageType::kTopicDone).array(1).byte(1));
  EXPECT_EQ(seen_of(topic_done), bad_field("topic_done: field 'created': expected a boolean, got a number"));
}

TEST(CodecRefusal, RefusesTheWrongNumberOfFields) {
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().head(MessageType::kHeartbeat).array(1).nil()), bad_field("heartbeat: expected 0 fields, got 1"));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().head(MessageType::kUnsubscribe).array(1).number(3)),
            bad_field("unsubscribe: expected 2 fields, got 1"));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().head(MessageType::kPutTopic).array(2).text("a").array(2).number(0).number(0)),
            bad_field("put_topic: field 'settings': expected 3 fields, got 2"));
}

TEST(CodecRefusal, TakesPositiveNumbersInSignedFormats) {
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().head(MessageType::kUnsubscribe).array(2).byte(0xD0).byte(3).byte(0xD1).byte(0).byte(1)).message,
            "accepted");
}

TEST(CodecRefusal, RefusesAnotherVersionWhateverElseItHolds) {
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().array(2).byte(2).nil()),
            (Seen{ErrorCode::kUnsupportedVersion, "envelope: protocol version 2, only 1 is spoken here"}));
}

TEST(CodecRefusal, RefusesWhatIsNotAnEnvelope) {
  const auto malformed = [](std::string message) { return Seen{ErrorCode::kMalformedFrame, std::move(message)}; };
  EXPECT_EQ(refusal_of_bytes(RawMsgpack()), malformed("envelope: ends inside a value, after 0 bytes"));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().text("GET / HTTP/1.1")),
            malformed("envelope: expected an array of 4: version, type, correlation id, body"));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().array(0)), malformed("envelope: expected the protocol version, a number, first"));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().array(3).byte(1).byte(2).byte(3)),
            malformed("envelope: expected 4 elements, or 6 with sections, got 3"));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().array(4).byte(1).nil().byte(3).array(0)),
            malformed("envelope: expected the message type, a number, second"));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().array(4).byte(1).byte(2).nil().array(0)),
            malformed("envelope: expected the correlation id, a number, third"));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().head(MessageType::kHeartbeat).byte(0xC1)), malformed("envelope: byte 12 is not msgpack"));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().head(MessageType::kHeartbeat).array(0).byte(0)),
            malformed("envelope: 1 bytes follow after its end"));
}

TEST(CodecRefusal, RefusesSectionsInAnEnvelopeThatHasNoneOrThatAreNoBytes) {
  const auto refused = [](const RawMsgpack& bytes, std::string message) {
    const auto read = Decoder().request(bytes);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().refusal.code, ErrorCode::kMalformedFrame);
    EXPECT_EQ(read.error().refusal.message, message);
    EXPECT_EQ(read.error().correlation, CorrelationId(9));
  };
  const auto six = [](MessageType type) { return RawMsgpack().array(6).byte(1).byte(static_cast<std::uint8_t>(type)).byte(9); };
  refused(six(MessageType::kHeartbeat).array(0).binary("m").binary("p"), "envelope: heartbeat has no sections: expected 4 elements, got 6");
  const auto publish = [&] {
    return six(MessageType::kPublish).array(11).byte(0).text("t").byte(0).byte(1).byte(2).byte(7).byte(1).byte(1).byte(1).byte(0).byte(0);
  };
  EXPECT_TRUE(Decoder().request(publish().binary("m").binary("")));
  const std::string expected = "envelope: publish: expected its metadata and payload section, both binary, after the body";
  refused(publish().binary("m").nil(), expected);
  refused(publish().text("m").binary("p"), expected);
  refused(publish().array(1).binary("m").binary("p"), expected);
}

TEST(CodecRefusal, RefusesSectionsInTheEnvelopeOfAReply) {
  const auto read =
      Decoder().reply(RawMsgpack().array(6).byte(1).byte(0x7F).byte(9).array(3).byte(1).text("t").byte(0).binary("m").binary("p"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().refusal.message, "envelope: a reply's sections stand in frames of their own");
}

TEST(CodecRefusal, RefusesTypesOfTheOtherDirectionAndUnknownOnes) {
  EXPECT_EQ(refusal_of_bytes(encode(Reply(HeartbeatReply{}), CorrelationId(1))),
            (Seen{ErrorCode::kUnknownType, "envelope: type 130 (heartbeat_reply) is not a request"}));
  EXPECT_EQ(seen_of(Decoder().reply(encode(Request(Heartbeat{}), CorrelationId(1)))),
            (Seen{ErrorCode::kUnknownType, "envelope: type 2 (heartbeat) is not a reply"}));
  EXPECT_EQ(refusal_of_bytes(RawMsgpack().byte(0x94).byte(1).number(258).byte(9).array(0)),
            (Seen{ErrorCode::kUnknownType, "envelope: type 258 is not a request"}));
}

TEST(CodecRefusal, TellsTheCorrelationIdWhenItCouldBeRead) {
  const auto correlation = [](ByteView envelope) { return Decoder().request(envelope).error().correlation; };
  EXPECT_EQ(correlation(RawMsgpack().head(MessageType::kHeartbeat).array(1).nil()), CorrelationId(9));
  EXPECT_EQ(correlation(RawMsgpack().head(MessageType::kHeartbeat)), CorrelationId(9));
  EXPECT_EQ(correlation(RawMsgpack().head(MessageType{0x3F}).array(0)), CorrelationId(9));
  EXPECT_EQ(correlation(RawMsgpack().array(4).byte(2).byte(2).byte(9).array(0)), std::nullopt);
  EXPECT_EQ(correlation(RawMsgpack().byte(0x94).byte(1)), std::nullopt);
}

}  // namespace
}  // namespace takt::proto
