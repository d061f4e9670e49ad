#include "proto/section.h"

#include <gtest/gtest.h>

#include <random>

#include "proto/limits.h"
#include "proto/record.h"

namespace takt::proto {
namespace {

constexpr std::size_t message_bytes_max = limits::message_bytes_default;

std::vector<std::byte> record(const std::string& kind) {
  std::vector<std::byte> bytes;
  append_record(bytes, {.kind = kind});
  return bytes;
}

/// Messages whose kind and payload tell their number.
Sections numbered(std::uint32_t first, std::uint32_t count) {
  SectionBuilder builder;
  for (std::uint32_t i = first; i < first + count; ++i) {
    builder.add(record("kind" + std::to_string(i)), as_bytes(std::string(i % 7, 'p') + std::to_string(i)));
  }
  return builder.take();
}
SectionView view_of(const Sections& sections, std::uint32_t count) { return {sections.metadata, sections.payload, count}; }

std::string refusal_of(const Sections& sections, std::uint32_t count, std::size_t bytes_max = message_bytes_max) {
  const auto checked = check_sections(sections.metadata, sections.payload, count, bytes_max);
  return checked ? "accepted" : error_label(checked.error().code) + ": " + checked.error().message;
}
void set_end(Sections& sections, std::uint32_t index, std::size_t part, std::uint32_t end) {
  std::memcpy(sections.metadata.data() + index * section_entry_bytes + part * 4, &end, 4);
}

TEST(Section, ReadsBackWhatWasBuilt) {
  const Sections sections = numbered(0, 100);
  ASSERT_EQ(refusal_of(sections, 100), "accepted");
  const SectionView view = view_of(sections, 100);
  EXPECT_EQ(view.count(), 100u);
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(decode_record(view.metadata(i))->kind, "kind" + std::to_string(i));
    EXPECT_EQ(as_text(view.payload(i)), std::string(i % 7, 'p') + std::to_string(i));
    EXPECT_EQ(view.bytes(i, 1), view.metadata(i).size() + view.payload(i).size());
    bytes += view.bytes(i, 1);
  }
  EXPECT_EQ(view.bytes(0, 100), bytes);
  EXPECT_EQ(view.bytes(40, 0), 0u);
  EXPECT_EQ(bytes + 100 * section_entry_bytes, sections.metadata.size() + sections.payload.size());
}

TEST(Section, NobodyButTheBrokerMakesAnOccurrence) {
  for (const bool has_name : {true, false}) {
    RecordMetadata record{.kind = "nightly"};
    if (has_name)
      record.schedule = "nightly";
    else
      record.planned = WallTime(std::chrono::seconds(1));
    std::vector<std::byte> bytes;
    append_record(bytes, record);
    SectionBuilder builder;
    builder.add(bytes, {});
    EXPECT_EQ(refusal_of(builder.take(), 1),
              error_label(ErrorCode::kBadField) + ": message 0: schedule and planned are set by the broker alone: leave them out");
  }
}

TEST(Section, ABuilderIsEmptyAfterTake) {
  SectionBuilder builder;
  builder.add(record("a"), as_bytes("payload"));
  EXPECT_EQ(builder.count(), 1u);
  const Sections first = builder.take();
  EXPECT_EQ(first.metadata.size() + first.payload.size(), section_entry_bytes + record("a").size() + 7);
  EXPECT_EQ(builder.count(), 0u);
  EXPECT_EQ(builder.bytes(), 0u);
  builder.add(record("b"), {});
  EXPECT_EQ(builder.bytes(), section_entry_bytes + record("b").size());
  EXPECT_EQ(refusal_of(builder.take(), 1), "accepted");
}

TEST(Section, NothingIsAValidBatchOfNone) {
  EXPECT_EQ(refusal_of({}, 0), "accepted");
  EXPECT_EQ(refusal_of(numbered(0, 1), 0), "TK1012 bad_section: metadata section: 15 bytes follow the last message");
}

TEST(Section, GathersSlicesInOrder) {
  const Sections a = numbered(0, 50);
  const Sections b = numbered(50, 30);
  const std::vector<SectionSlice> slices{
      {view_of(b, 30), 10, 5}, {view_of(a, 50), 0, 50}, {view_of(b, 30), 29, 1}, {view_of(a, 50), 7, 0}, {view_of(a, 50), 49, 1}};
  const Sections gathered = gather(slices);
  ASSERT_EQ(refusal_of(gathered, 57), "accepted");
  const SectionView view = view_of(gathered, 57);
  std::uint32_t at = 0;
  for (const SectionSlice& slice : slices) {
    for (std::uint32_t i = 0; i < slice.count; ++i, ++at) {
      EXPECT_EQ(as_text(view.metadata(at)), as_text(slice.from.metadata(slice.first + i)));
      EXPECT_EQ(as_text(view.payload(at)), as_text(slice.from.payload(slice.first + i)));
    }
  }
  EXPECT_EQ(at, 57u);
}

TEST(Section, GatheringEverythingGivesTheSameBytes) {
  const Sections whole = numbered(0, 20);
  const SectionView view = view_of(whole, 20);
  const Sections gathered = gather(std::vector<SectionSlice>{{view, 0, 3}, {view, 3, 17}});
  EXPECT_EQ(gathered.metadata, whole.metadata);
  EXPECT_EQ(gathered.payload, whole.payload);
  EXPECT_TRUE(gather({}).metadata.empty());
}

TEST(Section, RefusesATableThatDoesNotFit) {
  EXPECT_EQ(refusal_of(numbered(0, 1), 2), "TK1012 bad_section: metadata section: 15 bytes cannot hold the table of 2 messages");
  EXPECT_EQ(refusal_of(numbered(0, 1), 0xFFFF'FFFF),
            "TK1012 bad_section: metadata section: 15 bytes cannot hold the table of 4294967295 messages");
}

TEST(Section, RefusesEndsThatFallOrReachTooFar) {
  Sections falls = numbered(0, 3);
  set_end(falls, 1, 0, 6);
  EXPECT_EQ(refusal_of(falls, 3), "TK1012 bad_section: message 1: metadata end 6 is not between 7 and 21");
  Sections far = numbered(0, 3);
  set_end(far, 2, 0, 22);
  EXPECT_EQ(refusal_of(far, 3), "TK1012 bad_section: message 2: metadata end 22 is not between 14 and 21");
  Sections payload_falls = numbered(0, 3);
  set_end(payload_falls, 1, 1, 0);
  EXPECT_EQ(refusal_of(payload_falls, 3), "TK1012 bad_section: message 1: payload end 0 is not between 1 and 6");
  Sections payload_far = numbered(0, 3);
  set_end(payload_far, 2, 1, 0xFFFF'FFFF);
  EXPECT_EQ(refusal_of(payload_far, 3), "TK1012 bad_section: message 2: payload end 4294967295 is not between 3 and 6");
}

TEST(Section, RefusesBytesAfterTheLastMessage) {
  Sections metadata = numbered(0, 2);
  metadata.metadata.push_back(std::byte{0});
  EXPECT_EQ(refusal_of(metadata, 2), "TK1012 bad_section: metadata section: 1 bytes follow the last message");
  Sections payload = numbered(0, 2);
  payload.payload.resize(payload.payload.size() + 3);
  EXPECT_EQ(refusal_of(payload, 2), "TK1012 bad_section: payload section: 3 bytes follow the last message");
}

TEST(Section, NamesTheMessageWhoseMetadataIsBad) {
  SectionBuilder builder;
  builder.add(record("a"), {});
  builder.add(as_bytes("\x80"), {});
  EXPECT_EQ(refusal_of(builder.take(), 2), "TK1007 bad_field: message 1: metadata: expected an array, got a map");
}

TEST(Section, MeasuresEachMessageByItsPayload) {
  SectionBuilder builder;
  builder.add(record("a"), as_bytes("12345"));
  builder.add(record("a"), as_bytes("123456"));
  const Sections sections = builder.take();
  EXPECT_EQ(refusal_of(sections, 2, 6), "accepted");
  EXPECT_EQ(refusal_of(sections, 2, 5), "TK2009 message_too_large: message 1: payload of 6 bytes, at most 5 allowed");
}

TEST(Section, FlippedBitsNeverLeadOutside) {
  std::mt19937_64 random(11);
  const Sections whole = numbered(0, 20);
  std::size_t accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    Sections bytes = whole;
    for (auto flips = 1 + random() % 2; flips > 0; --flips)
      bytes.metadata[random() % bytes.metadata.size()] ^= static_cast<std::byte>(1u << (random() % 8));
    if (!check_sections(bytes.metadata, bytes.payload, 20, message_bytes_max)) continue;
    ++accepted;
    const Sections again = gather(std::vector<SectionSlice>{{view_of(bytes, 20), 0, 20}});
    ASSERT_EQ(again.metadata, bytes.metadata);
    ASSERT_EQ(again.payload, bytes.payload);
  }
  EXPECT_GT(accepted, 100u);
}

}  // namespace
}  // namespace takt::proto
