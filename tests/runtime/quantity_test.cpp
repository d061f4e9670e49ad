#include "broker/runtime/quantity.h"

#include <gtest/gtest.h>

#include "broker/runtime/address.h"

namespace takt::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, ReadsSizes) {
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("65536"), 65536u);
  EXPECT_EQ(parse_bytes("64KiB"), 65536u);
  EXPECT_EQ(parse_bytes("64 mib"), 64u << 20);
  EXPECT_EQ(parse_bytes("1TiB"), std::uint64_t{1} << 40);
  EXPECT_EQ(parse_bytes("2MB"), 2'000'000u);
  for (const char* wrong : {"", "MiB", "-1", "1.5MiB", "1 MiBs", "1MiB ", "99999999999TiB", " 1"})
    EXPECT_FALSE(parse_bytes(wrong)) << wrong;
}

TEST(Quantity, ReadsTimesAndAsksForAUnit) {
  EXPECT_EQ(parse_duration("250ms"), Duration(250ms));
  EXPECT_EQ(parse_duration("10s"), Duration(10s));
  EXPECT_EQ(parse_duration("7d"), Duration(168h));
  EXPECT_EQ(parse_duration("0"), Duration(0));
  for (const char* wrong : {"", "10", "10 s s", "s", "-1s", "1.5s", "18446744073709551615d"}) EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

TEST(Quantity, WritesTheLargestUnitThatIsExact) {
  EXPECT_EQ(format_bytes(0), "0");
  EXPECT_EQ(format_bytes(1536), "1536B");
  EXPECT_EQ(format_bytes(64u << 20), "64MiB");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(48h), "2d");
}

TEST(Quantity, FindsWhatWasMeant) {
  EXPECT_EQ(most_like("lisen", {"listen", "http"}), "listen");
  EXPECT_EQ(most_like("LISTEN", {"listen", "http"}), "listen");
  EXPECT_FALSE(most_like("completely.else", {"listen", "http"}));
}

TEST(AddressText, IsReadAndJudged) {
  EXPECT_EQ(*parse_endpoint("tcp://127.0.0.1:7400"), (Address{"127.0.0.1", 7400}));
  EXPECT_EQ(*parse_endpoint("tcp://[::1]:0"), (Address{"::1", 0}));
  for (const char* wrong :
       {"127.0.0.1:7400", "tcp://127.0.0.1", "tcp://:7400", "tcp://::1:7400", "tcp://a:99999", "tcp://a:b", "tcp://a b:1", "udp://a:1"})
    EXPECT_FALSE(parse_endpoint(wrong)) << wrong;
  EXPECT_TRUE(is_loopback({"127.8.9.1", 1}));
  EXPECT_TRUE(is_loopback({"::1", 1}));
  EXPECT_TRUE(is_loopback({"localhost", 1}));
  for (const char* open : {"0.0.0.0", "*", "10.0.0.1", "::", "eth0", "127.evil.example"}) EXPECT_FALSE(is_loopback({open, 1})) << open;
}

}  // namespace
}  // namespace takt::runtime
