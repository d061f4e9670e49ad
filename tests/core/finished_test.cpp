#include "broker/core/finished.h"

#include <gtest/gtest.h>

namespace takt::core {
namespace {

WallTime at(std::int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

TEST(Finished, TellsToTheSecondAndNotTooEarly) {
  Finished finished;
  EXPECT_EQ(finished.by(Offset(0)), std::nullopt);
  finished.note(Offset(0), at(500));
  EXPECT_EQ(finished.by(Offset(0)), std::nullopt) << "nothing is done before offset 0";
  finished.note(Offset(3), at(1200));
  finished.note(Offset(5), at(1900));
  finished.note(Offset(5), at(7000));
  finished.note(Offset(6), at(8000));
  EXPECT_EQ(finished.by(Offset(0)), at(2000));
  EXPECT_EQ(finished.by(Offset(4)), at(2000));
  EXPECT_EQ(finished.by(Offset(5)), at(8000));
  EXPECT_EQ(finished.by(Offset(6)), std::nullopt);
}

TEST(Finished, KeepsAFewMarksAndTellsOlderOnesMoreRoughly) {
  Finished finished;
  constexpr std::int64_t seconds = 100'000;
  for (std::int64_t i = 1; i <= seconds; ++i) finished.note(Offset(static_cast<std::uint64_t>(i)), at(i * 1000));
  for (std::int64_t i = 0; i < seconds; ++i) {
    const auto by = finished.by(Offset(static_cast<std::uint64_t>(i)));
    ASSERT_TRUE(by);
    const std::int64_t done = (i + 1) * 1000;
    const std::int64_t age = seconds * 1000 - done;
    EXPECT_GE(*by, at(done)) << i;
    EXPECT_LE(*by - at(done), std::chrono::milliseconds(age)) << i;   // it could not be later than now
  }
  EXPECT_EQ(finished.by(Offset(seconds - 1)), at(seconds * 1000));
  EXPECT_LE(*finished.by(Offset(seconds - 11)) - at((seconds - 10) * 1000), std::chrono::seconds(5)) << "ten seconds ago, to the half";
  ByteWriter row;
  finished.append_to(row);
  EXPECT_LE(row.size(), 16u * 12u);
}

TEST(Finished, IsReadBackAsItWasWritten) {
  Finished finished;
  for (int i = 1; i < 40; ++i) finished.note(Offset(static_cast<std::uint64_t>(i * i)), at(i * 1700));
  ByteWriter row;
  finished.append_to(row);
  Finished back;
  ByteReader in(row.bytes());
  ASSERT_TRUE(back.read(in));
  EXPECT_TRUE(in.finished());
  ByteWriter again;
  back.append_to(again);
  EXPECT_EQ(again.bytes(), row.bytes());
  for (std::size_t n = 0; n < row.size(); ++n) {
    ByteReader cut(std::string_view(row.bytes()).substr(0, n));
    EXPECT_FALSE(Finished().read(cut)) << n;
  }
  ByteReader standing("\x02\x01\x02\x00\x02");
  EXPECT_FALSE(Finished().read(standing)) << "the second mark is no later offset";
}

}  // namespace
}  // namespace takt::core
