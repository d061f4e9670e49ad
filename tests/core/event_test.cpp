#include "broker/core/event.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace takt::core {
namespace {

scheduler::Instant at(int ms) { return scheduler::Instant(scheduler::Millis(ms)); }

std::vector<Event> samples() {
  const TopicId t(7);
  const GroupId g(9);
  const Lane l(3);
  return {EpochBegun{Epoch(5)},
          TopicPut{t, "photos", {1, 2, 3}},
          TopicDel{t},
          GroupPut{t,
                   g,
                   "resize",
                   {.attempts_max = 12, .retry = {.backoff = proto::Backoff::kList, .delays_ms = {1, 300}}},
                   {{Lane(0), Offset(4)}, {Lane(7), Offset(1u << 20)}},
                   make_token(Epoch(1), 1)},
          GroupDel{t, g},
          Done{t, g, l, {{Offset(10), 3}, {Offset(20), 1}, {Offset(UINT64_MAX - 5), 2}}, Offset(0)},
          Done{t, g, l, {}, std::nullopt},
          Retry{t, g, l, Offset(99), 2, WallTime(std::chrono::milliseconds(-5)), LeaseToken(300), 1007, "no disk", "w-1"},
          Dead{t, g, l, Offset(100), 8, 1, "", "w-2", proto::DeadReason::kPoison},
          Redrive{t, g, l, {{Offset(100), 1}, {Offset(200), 3}}, LeaseToken(301)},
          DeadPurge{t, g, l, {{Offset(203), 2}}},
          Held{t, g, l, ClientId(UINT64_MAX), {{Offset(1), 1024}}},
          Retain{t, l, Offset(77)},
          ProducerPut{ProducerId(123456789012345ull), 3},
          Reclaimed{Epoch(5)},
          Fire{{at(1000), scheduler::TimerId(40)},
               {{{at(990), scheduler::TimerId(300)}, 7 << 8 | 3},
                {{at(990), scheduler::TimerId(301)}, 7 << 8 | 3},
                {{at(1000), scheduler::TimerId(40)}, 8 << 8}}},
          Cancel{t, l, Position(300), at(990)},
          Rearm{t, l, Position(300), at(990), at(2000)},
          CronPut{ScheduleId(4),
                  "nightly",
                  "photos",
                  l,
                  {.rule = "@every 1h",
                   .zone = "UTC",
                   .start_ms = 1,
                   .end_ms = std::nullopt,
                   .jitter_ms = 300,
                   .catch_up = proto::CatchUp::kAll,
                   .catch_up_max = 9,
                   .catch_up_window_ms = 0,
                   .overlap = proto::Overlap::kReplace,
                   .overlap_group = "g"},
                  "m",
                  "pp",
                  at(1000),
                  at(1001),
                  NextOccurrence{at(2000), at(2007)}},
          CronDel{ScheduleId(4)},
          CronFire{ScheduleId(4), at(2000), proto::Outcome::kLate, 1, FiredMessage{t, l, Offset(77), Position(300)},
                   NextOccurrence{at(3000), at(3000)}},
          CronFire{ScheduleId(4), at(2001), proto::Outcome::kOverlap, 12, {}, {}},
          CronRearm{ScheduleId(4), true, at(2000), {}}};
}

TEST(Event, IsReadBackAsItWasWritten) {
  ByteWriter out;
  for (const Event& event : samples()) append_event(out, event);
  const auto back = decode_events(out.bytes(), static_cast<std::uint32_t>(samples().size()));
  ASSERT_TRUE(back.has_value()) << back.error().what;
  EXPECT_EQ(*back, samples());
}

std::string hex_of(const Event& event) {
  ByteWriter out;
  append_event(out, event);
  std::string text;
  for (const char c : out.bytes()) {
    const auto byte = static_cast<unsigned char>(c);
    if (!text.empty()) text += ' ';
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

TEST(Event, HasTheGoldenBytes) {
  std::ifstream golden(TAKT_SOURCE_DIR "/tests/golden/log/events_v1.hex");
  std::vector<std::string> lines;
  for (std::string line; std::getline(golden, line);)
    if (!line.starts_with('#')) lines.push_back(line.substr(0, line.find("   #")));
  ASSERT_EQ(lines.size(), samples().size());
  for (std::size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(hex_of(samples()[i]), lines[i]) << "event " << i;
}

TEST(Event, IsInTheTableOfTheLogFormatPage) {
  std::set<std::uint8_t> written;
  for (const Event& event : samples()) written.insert(std::visit([](const auto& e) { return static_cast<std::uint8_t>(e.type); }, event));
  ASSERT_EQ(written.size(), std::variant_size_v<Event>);
  std::set<std::uint8_t> described;
  std::ifstream page(TAKT_SOURCE_DIR "/docs/log-format.md");
  for (std::string line; std::getline(page, line);)
    if (line.starts_with("| 0x")) described.insert(static_cast<std::uint8_t>(std::stoul(line.substr(2, 4), nullptr, 16)));
  EXPECT_EQ(described, written);
}

TEST(Event, IsRefusedWhenCutShort) {
  for (const Event& event : samples()) {
    ByteWriter out;
    append_event(out, event);
    for (std::size_t n = 0; n < out.size(); ++n) EXPECT_FALSE(decode_events(out.bytes().substr(0, n), 1).has_value());
    EXPECT_FALSE(decode_events(out.bytes() + "x", 1).has_value());
  }
}

TEST(Event, IsRefusedWhenUnknownOrOutOfRange) {
  EXPECT_FALSE(decode_events("\x7F", 1).has_value());
  const std::string fire("\x03\x00", 2);   // of a later version
  const auto refused = decode_events(fire, 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().what.find("type 3"), std::string::npos);
  EXPECT_FALSE(decode_events(std::string("\x1B\x01\x08\x00", 4), 1).has_value()) << "lane 8";
  EXPECT_FALSE(decode_events(std::string("\x08\x04\x00\x08\x01\x00\x00", 7), 1).has_value()) << "outcome 8";
  EXPECT_FALSE(decode_events(std::string("\x09\x04\x02\x00\x00", 5), 1).has_value()) << "neither paused nor not";
  EXPECT_FALSE(decode_events(std::string("\x10\x01\x01\x00\x01\x00\x00\x00", 8), 1).has_value()) << "an empty run";
  EXPECT_FALSE(decode_events(std::string("\x10\x01\x01\x00\xFF\xFF\xFF\xFF\x0F", 9), 1).has_value()) << "more runs than bytes";
}

}  // namespace
}  // namespace takt::core
