#include "broker/runtime/waiting_line.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace takt::runtime {
namespace {

using Urgency = WaitingLine::Urgency;

core::Command publish(std::uint64_t session, const std::string& topic, std::size_t bytes, std::uint64_t correlation = 0) {
  proto::Publish body;
  body.topic = topic;
  return core::ClientRequest{SessionId(session), CorrelationId(correlation), body, {}, SharedBytes::own(std::vector<std::byte>(bytes))};
}

SessionId session_of(const core::Command& command) { return std::get<core::ClientRequest>(command).session; }

TEST(WaitingLine, TakesTopicsInTurnsAndSessionsInTurnsWithinATopic) {
  WaitingLine line;
  constexpr std::size_t batch = WaitingLine::quantum_cost;
  for (int i = 0; i < 3; ++i) line.push(Urgency::kLater, publish(1, "a", batch));
  line.push(Urgency::kLater, publish(2, "a", batch));
  line.push(Urgency::kLater, publish(3, "b", batch));
  std::vector<std::uint64_t> order;
  while (!line.empty()) order.push_back(session_of(*line.pop(Urgency::kLater)).value);
  EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 3, 2, 1, 1}));
}

TEST(WaitingLine, KeepsTheOrderOfASessionAcrossTopics) {
  WaitingLine line;
  for (std::uint64_t i = 0; i < 100; ++i) line.push(Urgency::kLater, publish(1, i % 3 == 0 ? "a" : "b", i % 5 == 0 ? 200'000 : 10, i));
  line.push(Urgency::kLater, core::SessionLost{SessionId(1)});
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_EQ(std::get<core::ClientRequest>(*line.pop(Urgency::kLater)).correlation.value, i);
  EXPECT_TRUE(std::holds_alternative<core::SessionLost>(*line.pop(Urgency::kLater)));
  EXPECT_TRUE(line.empty());
}

TEST(WaitingLine, SharesBytesNotCommands) {
  WaitingLine line;
  for (std::uint64_t i = 0; i < 100; ++i) line.push(Urgency::kLater, publish(1, "large", 1'000'000));
  for (std::uint64_t i = 0; i < 2'000; ++i) line.push(Urgency::kLater, publish(2 + i % 50, "small", 50'000));
  std::map<bool, std::size_t> bytes;   // by whether it is the large one
  for (int i = 0; i < 1'000; ++i) {
    const core::Command next = *line.pop(Urgency::kLater);
    bytes[session_of(next) == SessionId(1)] += std::get<core::ClientRequest>(next).payload.bytes.size();
  }
  EXPECT_NEAR(static_cast<double>(bytes[true]) / static_cast<double>(bytes[false]), 1.0, 0.1);
}

core::Command ack(std::uint64_t session, std::uint64_t correlation) {
  return core::ClientRequest{SessionId(session), CorrelationId(correlation), proto::Ack{}, {}, {}};
}

TEST(WaitingLine, PriorCommandsTakeTurnsBySession) {
  WaitingLine line;
  for (std::uint64_t i = 0; i < 1'000; ++i) line.push(Urgency::kPrior, ack(1, i));
  line.push(Urgency::kPrior, ack(2, 0));
  line.pop(Urgency::kPrior);
  EXPECT_EQ(session_of(*line.pop(Urgency::kPrior)), SessionId(2));
  EXPECT_EQ(line.size(), 999u);
}

TEST(WaitingLine, ASessionsLaterCommandsWaitForItsPriorOnesAlone) {
  WaitingLine line;
  line.push(Urgency::kLater, publish(1, "a", 10));
  line.push(Urgency::kLater, publish(2, "a", 10));
  line.push(Urgency::kPrior, ack(1, 0));
  EXPECT_EQ(session_of(*line.pop(Urgency::kLater)), SessionId(2));
  EXPECT_FALSE(line.pop(Urgency::kLater));
  EXPECT_FALSE(line.has(Urgency::kLater)) << "nobody would call for the rest in vain";
  EXPECT_EQ(session_of(*line.pop(Urgency::kPrior)), SessionId(1));
  EXPECT_EQ(session_of(*line.pop(Urgency::kLater)), SessionId(1));
  EXPECT_TRUE(line.empty());
}

TEST(WaitingLine, AClientsNewSessionWaitsForTheEndOfTheOneBefore) {
  WaitingLine line;
  for (std::uint64_t i = 0; i < 3; ++i) line.push(Urgency::kPrior, ack(1, i));
  line.push(Urgency::kPrior, core::SessionLost{SessionId(1), core::SessionEnd::kDisconnected, ClientId(7)});
  line.push(Urgency::kPrior, core::SessionUp{SessionId(2), ClientId(7), {}, "again"});
  line.push(Urgency::kPrior, core::SessionLost{SessionId(2), core::SessionEnd::kDisconnected, ClientId(7)});
  line.push(Urgency::kPrior, core::SessionUp{SessionId(3), ClientId(7), {}, "and again"});
  line.push(Urgency::kPrior, core::SessionUp{SessionId(4), ClientId(8), {}, "another"});
  std::string order;
  while (const auto next = line.pop(Urgency::kPrior)) {
    if (const auto* up = std::get_if<core::SessionUp>(&*next)) order += "+" + std::to_string(up->session.value);
    if (const auto* lost = std::get_if<core::SessionLost>(&*next)) order += "-" + std::to_string(lost->session.value);
  }
  EXPECT_EQ(order, "+4-1+2-2+3");
  EXPECT_TRUE(line.empty());
}

TEST(WaitingLine, TinyCommandsAreNotFree) {
  WaitingLine line;
  for (std::uint64_t i = 0; i < 5'000; ++i) line.push(Urgency::kLater, publish(1, "tiny", 0));
  line.push(Urgency::kLater, publish(2, "other", 100));
  int before = 0;
  while (session_of(*line.pop(Urgency::kLater)) != SessionId(2)) ++before;
  EXPECT_LT(before, 500);
}

}  // namespace
}  // namespace takt::runtime
