// docs/protocol.md is enough to write a client from only while it says what the code does.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "tests/proto/describe.h"
#include "tests/proto/samples.h"

namespace takt::proto {
namespace {

std::string page() {
  std::ostringstream text;
  text << std::ifstream(TAKT_SOURCE_DIR "/docs/protocol.md").rdbuf();
  return text.str();
}

/// The trimmed cells of "| a | b |", none for any other line.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  if (!line.starts_with('|')) return cells;
  std::istringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) {
    const auto from = cell.find_first_not_of(' ');
    cells.push_back(from == std::string::npos ? "" : cell.substr(from, cell.find_last_not_of(' ') - from + 1));
  }
  return cells;
}

/// Field tables by heading: "#### 0x10 publish" and "#### index_run" give `| name | type | meaning |` rows.
std::map<std::string, std::vector<FieldShape>> field_tables() {
  std::map<std::string, std::vector<FieldShape>> tables;
  std::istringstream in(page());
  std::string heading;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("#")) {
      heading = line.starts_with("#### ") ? line.substr(5) : "";
      if (!heading.empty()) tables[heading];
    }
    const auto cells = cells_of(line);
    if (heading.empty() || cells.size() != 3 || cells[0] == "field" || cells[0].starts_with("--")) continue;
    tables[heading].push_back({cells[0], cells[1]});
  }
  return tables;
}

std::string words(const std::vector<FieldShape>& shapes) {
  std::string text;
  for (const FieldShape& shape : shapes) text += shape.name + ": " + shape.type + "\n";
  return text;
}

template <class M>
void expect_described(const std::map<std::string, std::vector<FieldShape>>& tables, const std::string& heading) {
  const auto found = tables.find(heading);
  ASSERT_NE(found, tables.end()) << "docs/protocol.md has no section '#### " << heading << "'";
  EXPECT_EQ(words(found->second), words(DescribeShape::of<M>())) << heading;
}

template <class Variant>
struct EachOf;
template <class... M>
struct EachOf<std::variant<M...>> {
  static void expect_described(const std::map<std::string, std::vector<FieldShape>>& tables) {
    (proto::expect_described<M>(tables, hex_of(static_cast<std::uint64_t>(M::type), 2) + " " + std::string(name_of(M::type))), ...);
  }
};

TEST(ProtocolPage, ListsEveryMessagesFieldsInOrder) {
  const auto tables = field_tables();
  EachOf<Request>::expect_described(tables);
  EachOf<Reply>::expect_described(tables);
  EXPECT_EQ(tables.size(), std::variant_size_v<Request> + std::variant_size_v<Reply> + 23);
}

template <class... M>
void expect_parts(const std::map<std::string, std::vector<FieldShape>>& tables) {
  (expect_described<M>(tables, std::string(part_name<M>())), ...);
}

TEST(ProtocolPage, ListsEveryPartsFieldsInOrder) {
  expect_parts<IndexRun, FollowUp, AckEntry, HeldRange, TopicSettings, RetryPolicy, GroupSettings, PartitionEntry, ResumedRange, TopicEntry,
               Place, DeadSelection, FailureEntry, DeadEntry, GroupEntry, ScheduleSettings, PastOccurrence, ScheduleEntry, Stretch,
               DeliveredRange>(field_tables());
}

TEST(ProtocolPage, HasTheErrorTable) {
  std::string seen;
  std::istringstream in(page());
  for (std::string line; std::getline(in, line);) {
    const auto cells = cells_of(line);
    if (cells.size() == 4 && cells[0].starts_with("TK")) seen += line + "\n";
  }
  std::string expected;
  for (const ErrorEntry& entry : error_table()) {
    expected += "| TK" + std::to_string(static_cast<unsigned>(entry.code)) + " | " + std::string(entry.name) + " | " +
                std::string(entry.meaning) + " | " + std::string(entry.remedy) + " |\n";
  }
  EXPECT_EQ(seen, expected);
}

/// Every block of the page fenced as ```hex is a golden vector, and is quoted whole.
TEST(ProtocolPage, QuotesGoldenVectors) {
  std::string all_hex;
  for (const DecodedRequest& sample : request_samples()) all_hex += hex_of(encode(sample.body, sample.correlation)) + "\n";
  for (const DecodedReply& sample : reply_samples()) all_hex += hex_of(encode(sample.body, sample.correlation)) + "\n";
  const Sections sections = section_sample();
  all_hex += hex_of(sections.metadata) + "\n" + hex_of(sections.payload) + "\n";
  const DecodedRequest in_one_frame = publish_sample_in_one_frame();
  all_hex += hex_of(encode(in_one_frame.body, in_one_frame.correlation, {sections.metadata, sections.payload})) + "\n";

  std::istringstream in(page());
  std::size_t blocks = 0;
  for (std::string line; std::getline(in, line);) {
    if (line != "```hex") continue;
    std::string block;
    while (std::getline(in, line) && line != "```") block += line + "\n";
    ++blocks;
    EXPECT_NE(("\n" + all_hex).find("\n" + block), std::string::npos) << block;
  }
  EXPECT_GE(blocks, 5u);
}

}  // namespace
}  // namespace takt::proto
