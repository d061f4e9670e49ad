#include <gtest/gtest.h>

#include "broker/core/failures.h"

namespace takt::core {
namespace {

Failures failed(int times, const std::string& text, const std::string& worker) {
  Failures failures;
  for (int i = 0; i < times; ++i) failures.add({WallTime(std::chrono::milliseconds(i)), worker, static_cast<std::uint32_t>(i), text});
  return failures;
}

std::string row_of(const Failures& failures) {
  ByteWriter out;
  failures.append_to(out);
  return out.take();
}

TEST(Failures, KeepTheLastFive) {
  const Failures failures = failed(7, "no disk", "w-1");
  ASSERT_EQ(failures.list().size(), 5u);
  EXPECT_EQ(failures.list().front().code, 2u);
  EXPECT_EQ(failures.list().back().code, 6u);
}

TEST(Failures, KeepTheWholeTextOfTheLastAndTheBeginningOfOthers) {
  const Failures failures = failed(2, std::string(5000, 'x'), std::string(200, 'w'));
  EXPECT_EQ(failures.list()[0].text, std::string(100, 'x'));
  EXPECT_EQ(failures.list()[1].text, std::string(1000, 'x'));
  EXPECT_EQ(failures.list()[1].worker, std::string(64, 'w'));
}

TEST(Failures, CutNoCharacterInHalf) {
  const std::string euro = "\xE2\x82\xAC";   // three bytes: the 1,000th is the first of the 334th
  std::string text;
  for (int i = 0; i < 400; ++i) text += euro;
  EXPECT_EQ(kept_text(text).size(), 999u);
  EXPECT_EQ(kept_worker(text).size(), 63u);
}

TEST(Failures, ARowStaysInline) {
  Failures most;
  for (int i = 0; i < 9; ++i)
    most.add({WallTime(std::chrono::milliseconds(INT64_MIN)), std::string(200, 'w'), UINT32_MAX, std::string(5000, 'x')});
  EXPECT_LT(row_of(most).size(), 2000u);
}

TEST(Failures, AreReadBackAndNothingElseIs) {
  const std::string row = row_of(failed(3, "no disk", "w-1"));
  ByteReader in(row);
  Failures read;
  ASSERT_TRUE(read.read(in));
  EXPECT_EQ(row_of(read), row);
  ByteReader cut(std::string_view(row).substr(0, row.size() - 1));
  EXPECT_FALSE(Failures().read(cut));
  const std::string six = "\x06" + row.substr(1);
  ByteReader many(six);
  EXPECT_FALSE(Failures().read(many));
}

}  // namespace
}  // namespace takt::core
