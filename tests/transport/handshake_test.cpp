#include "broker/transport/handshake.h"

#include <gtest/gtest.h>

#include "tests/support/zmtp.h"

namespace takt::transport {
namespace {

using takt::testing::append;
using takt::testing::Bytes;
using takt::testing::bytes_of;
using takt::testing::zmtp_command;
using takt::testing::zmtp_greeting;
using takt::testing::zmtp_ready;
using Verdict = Handshake::Verdict;

Bytes greeting_and(const Bytes& rest) {
  Bytes bytes = zmtp_greeting();
  append(bytes, rest);
  return bytes;
}
Bytes property(std::string_view name, std::string_view value) {
  Bytes bytes{static_cast<std::byte>(name.size())};
  append(bytes, bytes_of(name));
  append(bytes, bytes_of({0, 0, static_cast<int>(value.size() / 256), static_cast<int>(value.size() % 256)}));
  append(bytes, bytes_of(value));
  return bytes;
}
Verdict verdict_on(const Bytes& bytes) { return Handshake().read(bytes); }

TEST(Handshake, IsPlainWithoutARoutingIdOrWithAnEmptyOne) {
  EXPECT_EQ(verdict_on(greeting_and(zmtp_ready())), Verdict::kPlain);
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READY", property("Identity", "")))), Verdict::kPlain);
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READY", {}))), Verdict::kPlain);
}

TEST(Handshake, NamesARoutingIdWhereverItStandsAndHoweverItIsWritten) {
  EXPECT_EQ(verdict_on(greeting_and(zmtp_ready("me"))), Verdict::kNamesRoutingId);
  Bytes properties = property("identity", "x");
  append(properties, property("Identity", ""));
  append(properties, property("Socket-Type", "DEALER"));
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READY", properties))), Verdict::kNamesRoutingId);
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READY", property("Identity", std::string(255, 'x'))))), Verdict::kNamesRoutingId)
      << "a long frame";
}

TEST(Handshake, IsReadInAnyPieces) {
  const Bytes whole = greeting_and(zmtp_ready("me"));
  Handshake handshake;
  for (std::size_t i = 0; i + 1 < whole.size(); ++i) ASSERT_EQ(handshake.read(std::span(whole).subspan(i, 1)), Verdict::kMore) << i;
  EXPECT_EQ(handshake.read(std::span(whole).last(1)), Verdict::kNamesRoutingId);
}

TEST(Handshake, WhatComesAfterItIsNotItsOwn) {
  Bytes bytes = greeting_and(zmtp_ready());
  append(bytes, zmtp_ready("me"));
  append(bytes, Bytes(100'000));
  EXPECT_EQ(verdict_on(bytes), Verdict::kPlain);
}

TEST(Handshake, OlderVersionsAreForeign) {
  EXPECT_EQ(verdict_on(bytes_of({1, 0})), Verdict::kForeign) << "ZMTP 1.0: a frame with the routing id";
  Bytes second = zmtp_greeting();
  second[10] = std::byte{1};
  second.resize(11);
  EXPECT_EQ(verdict_on(second), Verdict::kForeign) << "ZMTP 2.0";
  Bytes unsure = zmtp_greeting();
  unsure[9] = std::byte{0};
  EXPECT_EQ(verdict_on(unsure), Verdict::kForeign) << "ZMTP 1.0 with a routing id of 254 bytes and more";
}

TEST(Handshake, WhatIsNoReadyIsForeign) {
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("ERROR", bytes_of({0})))), Verdict::kForeign);
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READX", property("Identity", "me")))), Verdict::kForeign);
  EXPECT_EQ(verdict_on(greeting_and(bytes_of({0, 0}))), Verdict::kForeign) << "a message";
}

TEST(Handshake, AReadyThatIsMalformedOrEndlessIsForeign) {
  Bytes cut = property("Identity", "me");
  cut.pop_back();
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READY", cut))), Verdict::kForeign);
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READY", bytes_of({0, 0xFF, 0xFF, 0xFF, 0xFF})))), Verdict::kForeign);
  EXPECT_EQ(verdict_on(greeting_and(bytes_of({6, 0, 0, 0, 0, 0, 0, 4, 1}))), Verdict::kForeign) << "1,025 bytes to come";
  EXPECT_EQ(verdict_on(greeting_and(bytes_of({6, 0xFF, 0, 0, 0, 0, 0, 0, 9}))), Verdict::kForeign);
}

}  // namespace
}  // namespace takt::transport
