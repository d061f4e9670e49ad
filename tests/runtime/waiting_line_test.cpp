#include "broker/runtime/waiting_line.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace takt::runtime {
namespace {

core::Command publish(std::uint64_t session, const std::string& topic, std::size_t bytes, std::uint64_t correlation = 0) {
  proto::Publish body;
  body.topic = topic;
  return core::ClientRequest{SessionId(session), CorrelationId(correlation), body, {}, SharedBytes::own(std::vector<std::byte>(bytes))};
}

SessionId session_of(const core::Command& command) { return std::get<core::ClientRequest>(command).session; }

TEST(WaitingLine, TakesTopicsInTurnsAndSessionsInTurnsWithinATopic) {
  WaitingLine line;
  constexpr std::size_t batch = WaitingLine::quantum_bytes;
  for (int i = 0; i < 3; ++i) line.push(publish(1, "a", batch));
  line.push(publish(2, "a", batch));
  line.push(publish(3, "b", batch));
  std::vector<std::uint64_t> order;
  while (!line.empty()) order.push_back(session_of(line.pop()).value);
  EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 3, 2, 1, 1}));
}

TEST(WaitingLine, KeepsTheOrderOfASessionAcrossTopics) {
  WaitingLine line;
  for (std::uint64_t i = 0; i < 100; ++i) line.push(publish(1, i % 3 == 0 ? "a" : "b", i % 5 == 0 ? 200'000 : 10, i));
  line.push(core::SessionLost{SessionId(1)});
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_EQ(std::get<core::ClientRequest>(line.pop()).correlation.value, i);
  EXPECT_TRUE(std::holds_alternative<core::SessionLost>(line.pop()));
  EXPECT_TRUE(line.empty());
}

TEST(WaitingLine, SharesBytesNotCommands) {
  WaitingLine line;
  for (std::uint64_t i = 0; i < 100; ++i) line.push(publish(1, "large", 1'000'000));
  for (std::uint64_t i = 0; i < 10'000; ++i) line.push(publish(2 + i % 50, "small", 10'000));
  std::map<bool, std::size_t> bytes;   // by whether it is the large one
  for (int i = 0; i < 2'000; ++i) {
    const core::Command next = line.pop();
    bytes[session_of(next) == SessionId(1)] += std::get<core::ClientRequest>(next).payload.bytes.size();
  }
  EXPECT_NEAR(static_cast<double>(bytes[true]) / static_cast<double>(bytes[false]), 1.0, 0.1);
}

TEST(WaitingLine, TinyCommandsAreNotFree) {
  WaitingLine line;
  for (std::uint64_t i = 0; i < 5'000; ++i) line.push(publish(1, "tiny", 0));
  line.push(publish(2, "other", 100));
  int before = 0;
  while (session_of(line.pop()) != SessionId(2)) ++before;
  EXPECT_LT(before, 500);
}

}  // namespace
}  // namespace takt::runtime
