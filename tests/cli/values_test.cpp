#include "cli/values.h"

#include <gtest/gtest.h>

namespace takt::cli {
namespace {

using namespace std::chrono_literals;

TEST(Values, ReadsDurationsWithTheirUnit) {
  EXPECT_EQ(parse_duration("--t", "250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("--t", "10s").value(), 10s);
  EXPECT_EQ(parse_duration("--t", "5m").value(), 5min);
  EXPECT_EQ(parse_duration("--t", "2h").value(), 2h);
  EXPECT_EQ(parse_duration("--t", "7d").value(), 168h);
  EXPECT_EQ(parse_duration("--t", "36500d").value(), 24h * 36'500);
  EXPECT_FALSE(parse_duration("--t", "0"));
  EXPECT_EQ(parse_duration_or_none("--t", "0").value(), 0ms);
  EXPECT_EQ(parse_duration_or_none("--t", "250ms").value(), 250ms);
  EXPECT_FALSE(parse_duration_or_none("--t", "soon"));
}

TEST(Values, RefusesDurationsThatWouldBeAGuess) {
  for (const char* text :
       {"", "10", "s", "-1s", "1.5s", "0s", "10 s", "10S", "99999999999999999999s", "9223372036854775807d", "36501d", "200000d"}) {
    const auto value = parse_duration("--timeout", text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().exit, ExitCode::kUsage);
    EXPECT_TRUE(value.error().text.starts_with("error usage: --timeout cannot be '" + std::string(text) + "'")) << value.error().text;
  }
}

TEST(Values, ReadsSizesInBothKindsOfUnits) {
  EXPECT_EQ(parse_bytes("--s", "0").value(), 0u);
  EXPECT_EQ(parse_bytes("--s", "500").value(), 500u);
  EXPECT_EQ(parse_bytes("--s", "64KiB").value(), 65'536u);
  EXPECT_EQ(parse_bytes("--s", "10MB").value(), 10'000'000u);
  EXPECT_EQ(parse_bytes("--s", "1GiB").value(), 1u << 30);
  EXPECT_FALSE(parse_bytes("--s", "lots"));
  EXPECT_FALSE(parse_bytes("--s", "1mib"));
  EXPECT_FALSE(parse_bytes("--s", "99999999TiB"));
}

TEST(Values, ReadsWholeNumbersInsideTheirBoundsOnly) {
  EXPECT_EQ(parse_whole("-n", "0", 0, 7).value(), 0u);
  EXPECT_EQ(parse_whole("-n", "7", 0, 7).value(), 7u);
  for (const char* text : {"8", "-1", "1x", "", " 1", "0x1", "18446744073709551616"}) EXPECT_FALSE(parse_whole("-n", text, 0, 7)) << text;
}

TEST(Values, NamesTheBoundsOfAWholeNumber) {
  EXPECT_EQ(parse_whole("--count", "0", 1, 1'000'000).error().text,
            "error usage: --count cannot be '0'. What to do: give a whole number from 1 to 1,000,000.");
}

TEST(Values, SplitsAnAttributeAtTheFirstEqualsSign) {
  EXPECT_EQ(parse_attribute("a=b=c").value(), std::pair(std::string("a"), std::string("b=c")));
  EXPECT_EQ(parse_attribute("a=").value(), std::pair(std::string("a"), std::string()));
  EXPECT_FALSE(parse_attribute("=b"));
  EXPECT_FALSE(parse_attribute("ab"));
}

TEST(Values, ReadsWhereToBegin) {
  EXPECT_EQ(parse_start_point("--from", "start").value().kind, StartPoint::Kind::kStart);
  EXPECT_EQ(parse_start_point("--from", "end").value().kind, StartPoint::Kind::kEnd);
  EXPECT_EQ(parse_start_point("--from", "42").value(), (StartPoint{StartPoint::Kind::kOffset, 42}));
  EXPECT_FALSE(parse_start_point("--from", "begin"));
}

TEST(Values, GroupsDigitsByThree) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
}

TEST(Values, WritesSizesForPeople) {
  EXPECT_EQ(byte_text(0), "0 B");
  EXPECT_EQ(byte_text(1'023), "1023 B");
  EXPECT_EQ(byte_text(1'536), "1.5 KiB");
  EXPECT_EQ(byte_text(200u << 20), "200 MiB");
}

TEST(Values, WritesDurationsThatItReadsBack) {
  for (const Milliseconds duration : std::initializer_list<Milliseconds>{1ms, 999ms, 1s, 59s, 1min, 90s, 1h, 24h}) {
    EXPECT_EQ(parse_duration("-t", duration_text(duration)).value(), duration);
  }
}

}  // namespace
}  // namespace takt::cli
