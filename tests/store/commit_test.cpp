#include "broker/core/commit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/conformance/commits.h"

namespace takt::core {
namespace {

using testing::batch_run;
using testing::control_run;
using ::testing::HasSubstr;
using testing::same_bytes;
using testing::test_uuid;
using Sections = CommitView::Sections;

CommitHeader sample_header() {
  return {.optional_features = 0x80,
          .partition = test_uuid(),
          .first = Position(1'000),
          .epoch = Epoch(5),
          .era = 2,
          .time = WallTime(std::chrono::milliseconds(1'700'000'000'123)),
          .durable_to = Position(990)};
}

/// Two events, a batch of three, a batch of one without payload.
Commit sample_commit() {
  const std::vector<PendingRun> runs = {control_run(2, "two events"), batch_run(Offset(70), 3, "metadata of three", "the three payloads"),
                                        batch_run(Offset(73), 1, "m", "")};
  return seal_commit(sample_header(), runs);
}

std::vector<std::byte> copy(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

/// Text of two hex digits per byte; `#` begins a comment.
std::vector<std::byte> read_hex(const std::string& file) {
  std::ifstream input(file);
  EXPECT_TRUE(input.is_open()) << file;
  std::vector<std::byte> bytes;
  for (std::string line; std::getline(input, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string word; words >> word;)
      for (std::size_t i = 0; i + 1 < word.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoul(word.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string to_hex(ByteView bytes) {
  std::ostringstream text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    constexpr std::string_view digits = "0123456789abcdef";
    text << digits[std::to_integer<unsigned>(bytes[i]) >> 4] << digits[std::to_integer<unsigned>(bytes[i]) & 15]
         << (i % 8 == 7 ? '\n' : ' ');
  }
  return text.str();
}

std::string refusal(ByteView bytes, const PartitionUuid& partition = test_uuid()) {
  const auto view = CommitView::parse(bytes, partition, Sections::kCheck);
  return view ? "" : view.error().what;
}

TEST(Commit, GivesBackWhatWasSealed) {
  const Commit commit = sample_commit();
  EXPECT_EQ(commit.first, Position(1'000));
  EXPECT_EQ(commit.end, Position(1'006));
  const auto view = CommitView::parse(commit.value.bytes, test_uuid(), Sections::kCheck);
  ASSERT_TRUE(view.has_value()) << view.error().what;
  EXPECT_EQ(view->header.version, log_format_version);
  EXPECT_EQ(view->header.optional_features, 0x80u);
  EXPECT_EQ(view->header.count, 6u);
  EXPECT_EQ(view->header.epoch, Epoch(5));
  EXPECT_EQ(view->header.era, 2);
  EXPECT_EQ(view->header.time, sample_header().time);
  EXPECT_EQ(view->header.durable_to, Position(990));
  EXPECT_EQ(view->end(), commit.end);
  ASSERT_EQ(view->runs.size(), 3u);
  EXPECT_EQ(view->runs[0].run_class, proto::RunClass::kControl);
  EXPECT_EQ(view->runs[0].first_position, Position(1'000));
  EXPECT_EQ(view->runs[0].count, 2u);
  EXPECT_EQ(as_text(view->runs[0].metadata), "two events");
  EXPECT_EQ(view->runs[1].topic, TopicId(7));
  EXPECT_EQ(view->runs[1].lane, Lane(2));
  EXPECT_EQ(view->runs[1].first_offset, Offset(70));
  EXPECT_EQ(view->runs[1].first_position, Position(1'002));
  EXPECT_EQ(view->runs[1].stamp, batch_run(Offset(70), 3, "", "").stamp);
  EXPECT_EQ(as_text(view->runs[1].metadata), "metadata of three");
  EXPECT_EQ(as_text(view->runs[1].payload), "the three payloads");
  EXPECT_EQ(view->runs[2].first_position, Position(1'005));
  EXPECT_EQ(view->runs[2].payload.size(), 0u);
}

TEST(Commit, HasTheBytesThatVersionOneFixed) {
  const auto golden = read_hex(TAKT_GOLDEN_FOLDER "/log/commit_v1.hex");
  const Commit commit = sample_commit();
  EXPECT_TRUE(same_bytes(commit.value.bytes, golden)) << "now:\n" << to_hex(commit.value.bytes);
  EXPECT_EQ(refusal(golden), "");
}

TEST(Commit, TakesTheBytesThatWereAnnounced) {
  const std::vector<PendingRun> runs = {control_run(1, "event"), batch_run(Offset(0), 2, "mm", "pppp")};
  EXPECT_EQ(seal_commit(sample_header(), runs).value.size(), 96 + stored_bytes(runs[0]) + stored_bytes(runs[1]));
}

TEST(Commit, EveryTruncationIsDetected) {
  const auto bytes = copy(sample_commit().value.bytes);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::vector<std::byte> cut(bytes.begin(),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(length));  // its own allocation: a read beyond it is seen
    EXPECT_NE(refusal(cut), "") << length;
  }
}

TEST(Commit, BytesBehindTheEndAreDetected) {
  auto bytes = copy(sample_commit().value.bytes);
  bytes.push_back(std::byte{0});
  EXPECT_THAT(refusal(bytes), HasSubstr("byte 72"));
}

TEST(Commit, EveryBitFlipIsDetected) {
  auto bytes = copy(sample_commit().value.bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_NE(refusal(bytes), "") << "bit " << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  EXPECT_EQ(refusal(bytes), "");
}

TEST(Commit, RandomDamageIsDetectedAndHarmless) {
  std::mt19937_64 random(20);
  const auto bytes = copy(testing::make_commit(Position(9), 3, 2'000).value.bytes);
  for (int round = 0; round < 4'000; ++round) {
    auto damaged = bytes;
    for (auto n = 1 + random() % 8; n-- > 0;)
      damaged[random() % (round % 2 == 0 ? damaged.size() : 200)] = static_cast<std::byte>(random());
    if (!same_bytes(damaged, bytes)) {
      EXPECT_NE(refusal(damaged), "") << "round " << round;
    }
  }
}

TEST(Commit, TrustingSectionsStillChecksTheDirectory) {
  auto bytes = copy(sample_commit().value.bytes);
  bytes.back() ^= std::byte{1};  // in the last run's metadata
  EXPECT_TRUE(CommitView::parse(bytes, test_uuid(), Sections::kTrust).has_value());
  EXPECT_THAT(refusal(bytes), HasSubstr("run 2 of the directory: the metadata's checksum"));
  bytes[100] ^= std::byte{1};
  EXPECT_FALSE(CommitView::parse(bytes, test_uuid(), Sections::kTrust).has_value());
}

TEST(Commit, BelongsToOnePartition) { EXPECT_THAT(refusal(sample_commit().value.bytes, test_uuid(2)), HasSubstr("another partition")); }

TEST(Commit, ANewerVersionIsNamed) {
  auto bytes = copy(sample_commit().value.bytes);
  bytes[4] = std::byte{2};
  EXPECT_EQ(refusal(bytes), "byte 4: log format version 2, this software reads version 1: a newer takt wrote it, or the bytes are damaged");
}

TEST(Commit, AnUnknownRequiredFeatureIsRefused) {
  CommitHeader header = sample_header();
  header.required_features = 4;
  const PendingRun run = control_run(1, "event");
  EXPECT_THAT(refusal(seal_commit(header, std::span(&run, 1)).value.bytes), HasSubstr("required features 4 are unknown"));
}

TEST(Commit, AnUnknownOptionalFeatureIsIgnored) { EXPECT_EQ(refusal(sample_commit().value.bytes), ""); }

TEST(CommitDeathTest, AStampThatCountsOtherwiseIsABug) {
  PendingRun run = batch_run(Offset(0), 2, "m", "p");
  run.stamp.count = 3;
  EXPECT_DEATH(seal_commit(sample_header(), std::span(&run, 1)), "stamp counts its records");
}

}  // namespace
}  // namespace takt::core
