#include "broker/transport/handshake.h"

#include <gtest/gtest.h>

#include <algorithm>

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
Verdict verdict_on(Bytes bytes) { return Handshake().read(bytes); }

/// What libzmq is given, whatever the pieces are; each must give the same.
struct Seen {
  Bytes bytes;
  bool has_named = false;
};
Seen seen_of(const Bytes& bytes, std::size_t piece) {
  Seen seen{bytes, false};
  Handshake handshake;
  auto verdict = Verdict::kMore;
  for (std::size_t at = 0; at < bytes.size() && verdict == Verdict::kMore; at += piece)
    verdict = handshake.read(std::span(seen.bytes).subspan(at, std::min(piece, bytes.size() - at)));
  EXPECT_EQ(verdict, Verdict::kWhole);
  seen.has_named = handshake.has_named();
  return seen;
}

TEST(Handshake, IsLeftAsItIsWithoutARoutingId) {
  for (const std::size_t piece : {1, 2, 12, 1'000}) {
    const Bytes plain = greeting_and(zmtp_ready());
    EXPECT_EQ(seen_of(plain, piece).bytes, plain);
    EXPECT_FALSE(seen_of(plain, piece).has_named);
    const Bytes bare = greeting_and(zmtp_command("READY", {}));
    EXPECT_EQ(seen_of(bare, piece).bytes, bare);
  }
}

TEST(Handshake, HidesARoutingIdWhereverItStandsAndHoweverItIsWritten) {
  for (const std::string_view name : {"Identity", "identity", "IDENTITY"})
    for (const std::size_t size : {1, 4, 255, 4'464})
      for (const std::size_t piece : {1, 3, 8, 64, 100'000}) {
        const auto ready = [&](std::string_view written) {
          Bytes properties = property("Socket-Type", "DEALER");
          append(properties, property(written, std::string(size, 'x')));
          append(properties, property("Identity-2", "is another"));
          return greeting_and(zmtp_command("READY", properties));
        };
        const std::string hidden = std::string(name.substr(0, 7)) + "_";
        const Seen seen = seen_of(ready(name), piece);
        EXPECT_EQ(seen.bytes, ready(hidden)) << name << ' ' << size << ' ' << piece;
        EXPECT_TRUE(seen.has_named);
      }
}

TEST(Handshake, AnEmptyRoutingIdIsNoneAndTheLastOneIsHiddenToo) {
  Bytes properties = property("Identity", "");
  EXPECT_FALSE(seen_of(greeting_and(zmtp_command("READY", properties)), 5).has_named);
  append(properties, property("Identity", "second"));
  Bytes hidden = property("Identit_", "");
  append(hidden, property("Identit_", "second"));
  EXPECT_EQ(seen_of(greeting_and(zmtp_command("READY", properties)), 5).bytes, greeting_and(zmtp_command("READY", hidden)));
}

TEST(Handshake, WhatComesAfterItIsNotItsOwn) {
  Bytes bytes = greeting_and(zmtp_ready());
  append(bytes, zmtp_ready("me"));
  EXPECT_EQ(seen_of(bytes, bytes.size()).bytes, bytes);
}

TEST(Handshake, OlderVersionsAreForeign) {
  EXPECT_EQ(verdict_on(bytes_of({1, 0})), Verdict::kForeign) << "ZMTP 1.0: a frame with the routing id";
  Bytes versions = zmtp_greeting();
  versions[10] = std::byte{2};
  EXPECT_EQ(verdict_on(versions), Verdict::kForeign) << "ZMTP 2.0";
  versions[10] = std::byte{4};
  EXPECT_EQ(verdict_on(versions), Verdict::kMore);
  Bytes unsure = zmtp_greeting();
  unsure[9] = std::byte{0};
  EXPECT_EQ(verdict_on(unsure), Verdict::kForeign) << "ZMTP 1.0 with a routing id of 254 bytes and more";
}

TEST(Handshake, WhatIsNoReadyIsForeign) {
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("ERROR", bytes_of({0})))), Verdict::kForeign);
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READX", property("Identity", "me")))), Verdict::kForeign);
  EXPECT_EQ(verdict_on(greeting_and(bytes_of({0, 0}))), Verdict::kForeign) << "a message";
}

TEST(Handshake, AMalformedReadyIsForeign) {
  Bytes cut = property("Identity", "me");
  cut.pop_back();
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READY", cut))), Verdict::kForeign);
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READY", bytes_of({0, 0xFF, 0xFF, 0xFF, 0xFF})))), Verdict::kForeign);
  EXPECT_EQ(verdict_on(greeting_and(zmtp_command("READY", bytes_of({200})))), Verdict::kForeign);
}

}  // namespace
}  // namespace takt::transport
