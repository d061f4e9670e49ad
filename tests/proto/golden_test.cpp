// tests/golden/wire: what stands on the wire, byte by byte. A changed byte breaks every client in the field, so these
// files change only with the protocol version. TAKT_REGENERATE_GOLDEN=1 rewrites them.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "proto/record.h"
#include "tests/proto/describe.h"
#include "tests/proto/samples.h"

namespace takt::proto {
namespace {

const std::filesystem::path folder = std::filesystem::path(TAKT_SOURCE_DIR) / "tests" / "golden" / "wire";

void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = folder / (name + ".txt");
  if (std::getenv("TAKT_REGENERATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  std::ostringstream stored;
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path << " is missing; make it with TAKT_REGENERATE_GOLDEN=1";
  stored << file.rdbuf();
  EXPECT_EQ(text, stored.str()) << path;
}

/// The bytes of a golden file: the hexadecimal lines after "hex:".
std::vector<std::byte> golden_bytes(const std::string& name) {
  std::ifstream file(folder / (name + ".txt"), std::ios::binary);
  std::string line;
  while (std::getline(file, line) && line != "hex:") {}
  std::vector<std::byte> bytes;
  for (std::string pair; file >> pair;) bytes.push_back(static_cast<std::byte>(std::stoul(pair, nullptr, 16)));
  return bytes;
}

template <class Decoded>
std::string golden_text(const Decoded& sample) {
  const MessageType type = type_of(sample.body);
  std::string text(name_of(type));
  text += "\ntype: " + hex_of(static_cast<std::uint64_t>(type), 2);
  text += "\ncorrelation: " + std::to_string(sample.correlation.value);
  text += "\nframes: " + std::to_string(frame_count(type));
  text += "\nbody: " + std::visit([](const auto& message) { return DescribeValues::of(message); }, sample.body);
  return text + "\nhex:\n" + hex_of(encode(sample.body, sample.correlation)) + "\n";
}

TEST(Golden, RequestsAreWrittenAndReadAsEver) {
  Decoder decoder;
  for (const DecodedRequest& sample : request_samples()) {
    const std::string name(name_of(type_of(sample.body)));
    expect_golden(name, golden_text(sample));
    const auto read = decoder.request(golden_bytes(name));
    ASSERT_TRUE(read) << name << ": " << read.error().refusal.message;
    EXPECT_EQ(read->body, sample.body) << name;
    EXPECT_EQ(read->correlation, sample.correlation) << name;
  }
}

TEST(Golden, ARequestMayCarryItsSections) {
  const Sections sections = section_sample();
  const SectionViews views{sections.metadata, sections.payload};
  const DecodedRequest sample = publish_sample_in_one_frame();
  expect_golden("publish_in_one_frame",
                "A publish with its two sections in the envelope\nbody: " + DescribeValues::of(std::get<Publish>(sample.body)) +
                    "\nhex:\n" + hex_of(encode(sample.body, sample.correlation, views)) + "\n");
  Decoder decoder;
  const std::vector<std::byte> bytes = golden_bytes("publish_in_one_frame");
  const auto read = decoder.request(bytes);
  ASSERT_TRUE(read) << read.error().refusal.message;
  EXPECT_EQ(read->body, sample.body);
  ASSERT_TRUE(read->sections);
  EXPECT_EQ(as_text(read->sections->metadata), as_text(views.metadata));
  EXPECT_EQ(as_text(read->sections->payload), as_text(views.payload));
}

TEST(Golden, RepliesAreWrittenAndReadAsEver) {
  Decoder decoder;
  for (const DecodedReply& sample : reply_samples()) {
    const std::string name(name_of(type_of(sample.body)));
    expect_golden(name, golden_text(sample));
    const auto read = decoder.reply(golden_bytes(name));
    ASSERT_TRUE(read) << name << ": " << read.error().refusal.message;
    EXPECT_EQ(read->body, sample.body) << name;
    EXPECT_EQ(read->correlation, sample.correlation) << name;
  }
}

TEST(Golden, RecordsAreWrittenAndReadAsEver) {
  struct Vector {
    std::string words;
    RecordMetadata metadata;
  };
  const std::vector<Vector> vectors{
      {"kind 'crop' and nothing else", {.kind = "crop"}},
      {"no kind", {}},
      {"kind 'thumbnail', tags eu and urgent", {.kind = "thumbnail", .tags = {"eu", "urgent"}}},
      {"kind 'thumbnail', attributes width 320, ratio 1.5, draft true, city 'Köln', delta -7",
       {.kind = "thumbnail",
        .attributes =
            {{"width", std::int64_t{320}}, {"ratio", 1.5}, {"draft", true}, {"city", "K\xC3\xB6ln"}, {"delta", std::int64_t{-7}}}}},
      {"kind 'thumbnail', traceparent, parent 3-1042, content type image/jpeg",
       {.kind = "thumbnail",
        .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        .parent_id = "3-1042",
        .content_type = "image/jpeg"}},
  };
  std::string text = "One message's metadata: [kind, tag, value, ...]\n";
  for (const Vector& vector : vectors) {
    std::vector<std::byte> record;
    append_record(record, vector.metadata);
    text += "\n" + vector.words + "\nhex:\n" + hex_of(record) + "\n";
    const auto read = decode_record(record);
    ASSERT_TRUE(read) << vector.words << ": " << read.error().message;
    EXPECT_EQ(*read, vector.metadata) << vector.words;
  }
  expect_golden("record", text);
}

TEST(Golden, SectionsAreLaidOutAsEver) {
  const Sections sections = section_sample();
  expect_golden("section",
                "A batch of two messages: kind 'thumbnail' with tag eu and attribute width 320, payload 'one.jpg';\n"
                "kind 'crop', payload 'two.jpg'\n"
                "metadata checksum: " +
                    hex_of(section_checksum(sections.metadata), 16) +
                    "\npayload checksum: " + hex_of(section_checksum(sections.payload), 16) + "\n\nmetadata section\nhex:\n" +
                    hex_of(sections.metadata) + "\n\npayload section\nhex:\n" + hex_of(sections.payload) + "\n");
}

TEST(Golden, ChecksumsAreXxh3WithoutASeed) {
  std::string text = "XXH3-64 without a seed\n";
  std::string counted;
  for (int i = 0; i < 1000; ++i) counted += static_cast<char>(i % 251);
  for (const auto& [words, bytes] : std::vector<std::pair<std::string, std::string>>{
           {"no bytes", ""}, {"'a'", "a"}, {"'one.jpgtwo.jpg'", "one.jpgtwo.jpg"}, {"1,000 bytes, byte i is i mod 251", counted}}) {
    text += words + ": " + hex_of(section_checksum(as_bytes(bytes)), 16) + "\n";
  }
  expect_golden("checksum", text);
  EXPECT_EQ(section_checksum({}), 0x2d06800538d394c2u);   // published by the algorithm's author
}

}  // namespace
}  // namespace takt::proto
