#include "proto/record.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "proto/limits.h"
#include "tests/proto/allocations.h"
#include "tests/proto/raw_msgpack.h"

namespace takt::proto {
namespace {

struct Seen {
  ErrorCode code;
  std::string message;
  friend bool operator==(const Seen&, const Seen&) = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) { return out << error_label(seen.code) << ": " << seen.message; }

std::vector<std::byte> packed(const RecordMetadata& metadata) {
  std::vector<std::byte> record;
  append_record(record, metadata);
  return record;
}
/// What check_record says; decode_record must say the same.
Seen refusal_of(ByteView record) {
  const auto checked = check_record(record);
  const auto decoded = decode_record(record);
  EXPECT_EQ(checked.has_value(), decoded.has_value());
  if (checked) return {ErrorCode{0}, "accepted"};
  EXPECT_EQ(checked.error(), decoded.error());
  return {checked.error().code, checked.error().message};
}
Seen bad_field(const std::string& why) { return {ErrorCode::kBadField, "metadata: " + why}; }

RecordMetadata full() {
  RecordMetadata metadata{.kind = std::string(limits::kind_bytes_max, 'k'),
                          .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          .parent_id = "4294967295-9223372036854775807",
                          .content_type = std::string(limits::content_type_bytes_max, 'c')};
  for (std::size_t i = 0; i < limits::tags_max; ++i)
    metadata.tags.push_back(std::string(limits::tag_bytes_max - 1, 't') + static_cast<char>('a' + i));
  for (std::size_t i = 0; i < limits::attributes_max; ++i) {
    metadata.attributes.emplace_back(std::string(limits::attribute_name_bytes_max - 1, 'n') + static_cast<char>('A' + i),
                                     std::string(60, 'v'));
  }
  return metadata;
}

TEST(Record, ReadsBackWhatItWrote) {
  for (const RecordMetadata& metadata : {RecordMetadata{}, RecordMetadata{.kind = "photo.resize"}, full(),
                                         RecordMetadata{.kind = "k", .schedule = "nightly", .planned = WallTime(std::chrono::hours(1))},
                                         RecordMetadata{.kind = "k",
                                                        .attributes = {{"min", std::numeric_limits<std::int64_t>::min()},
                                                                       {"max", std::numeric_limits<std::int64_t>::max()},
                                                                       {"pi", 3.14},
                                                                       {"two", 2.0},
                                                                       {"no", false},
                                                                       {"empty", ""},
                                                                       {"text", std::string(limits::attribute_value_bytes_max, 'x')}}}}) {
    const auto read = decode_record(packed(metadata));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, metadata);
  }
}

TEST(Record, TellsWhichFieldsAreThere) {
  EXPECT_EQ(check_record(packed({.kind = "k"}))->tags_present, 0u);
  EXPECT_EQ(check_record(packed({.kind = "k", .tags = {"a"}, .content_type = "x"}))->tags_present, (1u << 2) | (1u << 15));
  EXPECT_EQ(check_record(packed(full()))->tags_present, (1u << 2) | (1u << 3) | (1u << 13) | (1u << 14) | (1u << 15));
}

TEST(Record, CheckingAllocatesNothing) {
  const auto record = packed(full());
  const auto simple = packed({.kind = "k"});
  ASSERT_TRUE(check_record(record));   // the thread's first call makes its parser
  const std::size_t before = allocations();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(check_record(record));
    ASSERT_TRUE(check_record(simple));
  }
  EXPECT_EQ(allocations(), before);
}

TEST(Record, RefusesValuesOutOfTheirBounds) {
  EXPECT_EQ(refusal_of(packed({.kind = std::string(201, 'k')})), bad_field("kind: expected at most 200 bytes, got 201"));
  EXPECT_EQ(refusal_of(packed({.kind = "\xFF"})), bad_field("kind: expected UTF-8, got '\\xff'"));
  EXPECT_EQ(refusal_of(packed({.tags = std::vector<std::string>(17, "t")})), bad_field("tags: expected at most 16, got 17"));
  EXPECT_EQ(refusal_of(packed({.tags = {"a", ""}})), bad_field("tags[1]: expected 1 to 64 bytes, got 0"));
  EXPECT_EQ(refusal_of(packed({.tags = {std::string(65, 't')}})), bad_field("tags[0]: expected at most 64 bytes, got 65"));
  EXPECT_EQ(refusal_of(packed({.tags = {"\xC3"}})), bad_field("tags[0]: expected UTF-8, got '\\xc3'"));
  EXPECT_EQ(refusal_of(packed({.tags = {"eu", "us", "eu"}})), bad_field("tags: 'eu' stands there twice"));
  EXPECT_EQ(refusal_of(packed({.attributes = std::vector<std::pair<std::string, AttributeValue>>(33, {"a", true})})),
            bad_field("attributes: expected at most 32, got 33"));
  EXPECT_EQ(refusal_of(packed({.attributes = {{"", true}}})), bad_field("attributes: expected a name of 1 to 64 bytes, got 0"));
  EXPECT_EQ(refusal_of(packed({.attributes = {{std::string(65, 'a'), true}}})),
            bad_field("attribute name: expected at most 64 bytes, got 65"));
  EXPECT_EQ(refusal_of(packed({.attributes = {{"a", true}, {"a", false}}})), bad_field("attributes: 'a' stands there twice"));
  EXPECT_EQ(refusal_of(packed({.attributes = {{"a", std::string(1025, 'v')}}})),
            bad_field("attribute 'a': expected at most 1024 bytes, got 1025"));
  EXPECT_EQ(refusal_of(packed({.attributes = {{"a", "\xFF"}}})), bad_field("attribute 'a': expected UTF-8, got '\\xff'"));
  EXPECT_EQ(refusal_of(packed({.attributes = {{"a", std::numeric_limits<double>::quiet_NaN()}}})),
            bad_field("attribute 'a': expected a finite number"));
  EXPECT_EQ(refusal_of(packed({.attributes = {{"a", std::numeric_limits<double>::infinity()}}})),
            bad_field("attribute 'a': expected a finite number"));
  EXPECT_EQ(refusal_of(packed({.content_type = std::string(256, 'x')})), bad_field("content_type: expected at most 255 bytes, got 256"));
}

TEST(Record, RefusesIdsThatAreNone) {
  for (const std::string_view id :
       {"", "-", "3", "3-", "-3", "3-x", "x-3", "3-1-1", "4294967296-1", "1-9223372036854775808", "3-+1", " 3-1"}) {
    EXPECT_EQ(refusal_of(packed({.parent_id = std::string(id)})),
              bad_field("parent_id: expected a message id such as 3-1042, got '" + std::string(id) + "'"));
  }
  for (const std::string_view trace :
       {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_EQ(refusal_of(packed({.traceparent = std::string(trace)})).code, ErrorCode::kBadField) << trace;
  }
}

TEST(Record, RefusesFieldsWhoseMeaningIsNotThereYet) {
  for (const unsigned tag : {1u, 5u, 6u, 8u, 9u, 10u, 12u}) {
    EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(tag).text("v")).code, ErrorCode::kUnsupportedField) << tag;
  }
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(5).byte(9)),
            (Seen{ErrorCode::kUnsupportedField, "metadata: 'ttl' (5) is not supported by this version; leave it out"}));
}

TEST(Record, RefusesDuesAndDelaysOutOfTheirBounds) {
  const auto with = [](unsigned tag, std::uint64_t ms) { return RawMsgpack().array(3).text("k").byte(tag).number(ms); };
  EXPECT_EQ(refusal_of(with(4, 0)), bad_field("due: expected 1 to 253402300799999 ms since 1970, got 0"));
  EXPECT_EQ(refusal_of(with(4, limits::due_ms_max + 1)),
            bad_field("due: expected 1 to 253402300799999 ms since 1970, got 253402300800000"));
  EXPECT_EQ(refusal_of(with(7, limits::span_ms_max + 1)), bad_field("delay: expected at most 3155760000000 ms, got 3155760000001"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(7).byte(0xFF)), bad_field("delay: expected a number, got a negative number"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(4).text("noon")), bad_field("due: expected a number, got text"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(5).text("k").byte(4).byte(9).byte(7).byte(9)),
            bad_field("delay: stands beside due; leave one of them out"));
}

TEST(Record, RefusesAnOccurrenceThatCannotBe) {
  const auto planned = [](std::uint64_t ms) { return RawMsgpack().array(3).text("k").byte(17).number(ms); };
  EXPECT_EQ(refusal_of(planned(0)), bad_field("planned: expected 1 to 253402300799999 ms since 1970, got 0"));
  EXPECT_EQ(refusal_of(planned(limits::due_ms_max + 1)),
            bad_field("planned: expected 1 to 253402300799999 ms since 1970, got 253402300800000"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(17).text("noon")), bad_field("planned: expected a number, got text"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(16).text("a b")),
            bad_field("schedule: schedule name 'a b' has ' '; a name has 1 to 200 of the characters A-Z a-z 0-9 . _ -"));
}

TEST(Record, KnowsWhenItIsDue) {
  const WallTime stored(std::chrono::milliseconds(1000));
  const auto due = [&](const RecordMetadata& metadata) { return check_record(packed(metadata))->due(stored).time_since_epoch().count(); };
  EXPECT_EQ(due({.kind = "k", .due = WallTime(std::chrono::milliseconds(7))}), 7);
  EXPECT_EQ(due({.kind = "k", .delay = std::chrono::milliseconds(7)}), 1008);
  EXPECT_EQ(due({.kind = "k", .delay = std::chrono::milliseconds(0)}), 1000);
  EXPECT_FALSE(check_record(packed({.kind = "k"}))->is_scheduled());
  EXPECT_TRUE(check_record(packed({.kind = "k", .delay = std::chrono::milliseconds(0)}))->is_scheduled());
}

TEST(Record, RefusesTagsThatDoNotAscendOrDoNotExist) {
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(0).text("v")), bad_field("tag: expected 1 to 18, got 0"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(19).text("v")), bad_field("tag: expected 1 to 18, got 19"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(5).text("k").byte(15).text("v").byte(15).text("v")),
            bad_field("tag 15 does not ascend: it follows 15"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(5).text("k").byte(15).text("v").byte(14).text("3-1")),
            bad_field("tag 14 does not ascend: it follows 15"));
}

TEST(Record, RefusesTheWrongShape) {
  EXPECT_EQ(refusal_of(RawMsgpack().text("k")), bad_field("expected an array, got text"));
  EXPECT_EQ(refusal_of(RawMsgpack().map(0)), bad_field("expected an array, got a map"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(0)), bad_field("expected an odd number of elements: kind, then tag and value in turn"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(2).text("k").byte(2)),
            bad_field("expected an odd number of elements: kind, then tag and value in turn"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(1).byte(1)), bad_field("kind: expected text, got a number"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(1).array(0)), bad_field("kind: expected text, got an array"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").text("tags").nil()), bad_field("tag: expected a number, got text"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(2).text("eu")), bad_field("tags: expected an array, got text"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(3).array(0)), bad_field("attributes: expected a map, got an array"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(15).nil()), bad_field("content_type: expected text, got nil"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(15).map(0)), bad_field("content_type: expected text, got a map"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(2).array(1).byte(7)), bad_field("tags[0]: expected text, got a number"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(3).map(1).byte(7).nil()),
            bad_field("attributes: expected text as a name, got a number"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(3).map(1).text("a").nil()),
            bad_field("attribute 'a': expected a boolean, number or text, got nil"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(3).map(1).text("a").byte(0xC4).byte(0)),
            bad_field("attribute 'a': expected a boolean, number or text, got binary"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(3).map(1).text("a").number(std::uint64_t{1} << 63)),
            bad_field("attribute 'a': expected at most 9223372036854775807, got 9223372036854775808"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(3).map(1).text("a").array(0)),
            (Seen{ErrorCode::kTooDeep, "metadata: attribute 'a': expected a boolean, number or text, got an array"}));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(2).array(1).array(0)).code, ErrorCode::kTooDeep);
}

TEST(Record, KeepsItsOwnRetries) {
  RecordMetadata metadata{.kind = "k"};
  metadata.policy.attempts_max = 3;
  metadata.policy.retry =
      RetryPolicy{.backoff = Backoff::kLinear, .base_ms = 500, .cap_ms = 60'000, .jitter_percent = 0, .give_up_ms = 9'000};
  EXPECT_EQ(*decode_record(packed(metadata)), metadata);
  EXPECT_TRUE(check_record(packed(metadata))->has_policy());
  EXPECT_FALSE(check_record(packed({.kind = "k"}))->has_policy());
  metadata.policy.retry = RetryPolicy{.backoff = Backoff::kList, .base_ms = 0, .cap_ms = 0, .delays_ms = {10, limits::span_ms_max}};
  EXPECT_EQ(*decode_record(packed(metadata)), metadata);
  const auto retry = [](std::initializer_list<std::uint64_t> numbers) {
    RawMsgpack raw;
    raw.array(3).text("k").byte(18).array(static_cast<std::uint32_t>(numbers.size()));
    for (const std::uint64_t number : numbers) raw.number(number);
    return refusal_of(raw);
  };
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(11).byte(0)), bad_field("attempts: expected 1 to 1000, got 0"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(11).text("3")), bad_field("attempts: expected a number, got text"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(18).byte(1)), bad_field("retry: expected an array, got a number"));
  EXPECT_EQ(retry({1, 0, 0}), bad_field("retry: expected 4 to 35 numbers, got 3"));
  EXPECT_EQ(retry({4, 0, 0, 1, 2}), bad_field("retry: expected a backoff of 1 to 3, got 4"));
  EXPECT_EQ(retry({1, 101, 0, 1, 2}), bad_field("retry: expected a jitter of 0 to 100 percent, got 101"));
  EXPECT_EQ(retry({1, 0, 0, 1}), bad_field("retry: expected 5 numbers of this backoff, got 4"));
  EXPECT_EQ(retry({2, 0, 0, 2, 1}), bad_field("retry: expected a cap that is not below the base"));
  EXPECT_EQ(retry({3, 0, limits::span_ms_max + 1, 1}), bad_field("retry: expected numbers of at most 3155760000000, got 3155760000001"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(18).array(4).text("a")), bad_field("retry: expected a number, got text"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(3).text("k").byte(18).array(4).array(0)).code, ErrorCode::kTooDeep);
}

TEST(Record, RefusesBrokenBytes) {
  const auto malformed = [](const std::string& why) { return Seen{ErrorCode::kMalformedFrame, "metadata: " + why}; };
  EXPECT_EQ(refusal_of({}), malformed("ends inside a value, after 0 bytes"));
  EXPECT_EQ(refusal_of(RawMsgpack().byte(0xC1)), malformed("byte 0 is not msgpack"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(1).text("k").byte(0)), malformed("1 bytes follow after its end"));
  EXPECT_EQ(refusal_of(RawMsgpack().array(0xFFFF'FFFF)), malformed("declares 4294967295 elements in 5 bytes"));
  const auto whole = packed(full());
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const std::vector<std::byte> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));
    EXPECT_EQ(refusal_of(part).code, ErrorCode::kMalformedFrame) << bytes;
  }
}

TEST(Record, RefusesMetadataOverItsBound) {
  EXPECT_EQ(refusal_of(std::vector<std::byte>(limits::metadata_bytes_max + 1)),
            (Seen{ErrorCode::kMessageTooLarge, "metadata: 8193 bytes, at most 8192 allowed"}));
}

TEST(Record, FlippedBitsAreRefusedOrReadAsWhatTheySay) {
  std::mt19937_64 random(7);
  const auto whole = packed({.kind = "thumbnail",
                             .tags = {"eu", "us"},
                             .attributes = {{"width", std::int64_t{320}}, {"ratio", 1.5}, {"city", "Paris"}},
                             .parent_id = "3-7"});
  std::size_t read = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::vector<std::byte> bytes = whole;
    for (auto flips = 1 + random() % 3; flips > 0; --flips) bytes[random() % bytes.size()] ^= static_cast<std::byte>(1u << (random() % 8));
    const auto metadata = decode_record(bytes);
    ASSERT_EQ(metadata.has_value(), check_record(bytes).has_value());
    if (!metadata) continue;
    ++read;
    const auto again = decode_record(packed(*metadata));
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_EQ(*again, *metadata);
  }
  EXPECT_GT(read, 1000u);
}

}  // namespace
}  // namespace takt::proto
