// How much a turn handles, and whose turn it is when more has come.

#include "tests/runtime/shard_bench.h"

namespace takt::runtime {
namespace {

constexpr std::size_t commands_a_turn = 10;

class ShardTurns : public ShardBench {
 protected:
  ShardTurns() {
    settings.turn_cost = commands_a_turn * WaitingLine::cost_of(core::SessionUp{});
    settings.commit_bytes = 1u << 20;
  }
  void begin(std::initializer_list<std::uint64_t> sessions) {
    start();
    settle();
    for (const std::uint64_t session : sessions) up(session);
  }
  static core::Command put_group(std::uint64_t session, std::uint64_t number) {
    return request(session, number, proto::PutGroup{"t", "g" + std::to_string(number), proto::StartFrom::kEarliest, {8}});
  }
  static core::Command stale_ack(std::uint64_t session, std::uint64_t number) {
    return request(session, number, proto::Ack{PartitionId(0), SubscriptionId(9), {{Slot(0), LeaseToken(1), {{0, 1}}}}});
  }
  /// Turns without mail for as long as the shard wants one at once; how many.
  int go_on() {
    int turns = 0;
    while (shard->next_deadline() && *shard->next_deadline() <= now && turns < 10'000) {
      turn();
      ++turns;
    }
    return turns;
  }
  std::size_t groups() const {
    const auto topics = shard->report().partition.topics;
    return topics.empty() ? 0 : topics.front().groups.size();
  }
  /// The sessions of the answers, in their order.
  std::vector<std::uint64_t> answered() {
    std::vector<std::uint64_t> sessions;
    for (const core::Outgoing& outgoing : gateway.sent) sessions.push_back(outgoing.session.value);
    gateway.sent.clear();
    return sessions;
  }
};

TEST_F(ShardTurns, ATurnIsBoundedAndTheRestIsWantedAtOnce) {
  begin({1});
  std::vector<core::Command> flood;
  for (std::uint64_t i = 0; i < 100; ++i) flood.push_back(put_group(1, i));
  turn({}, std::move(flood));
  EXPECT_EQ(groups(), commands_a_turn);
  EXPECT_EQ(shard->backlog(), 100 - commands_a_turn);
  EXPECT_EQ(go_on(), 100 / commands_a_turn - 1);
  EXPECT_EQ(groups(), 100u);
  settle();
  EXPECT_EQ(take_sent<proto::GroupDone>().size(), 100u);
}

TEST_F(ShardTurns, WhatGoesAheadIsNoWayAroundTheBound) {
  begin({1});
  std::vector<ShardMail> flood;
  for (std::uint64_t i = 0; i < 100; ++i) flood.emplace_back(stale_ack(1, i));
  turn(std::move(flood));
  EXPECT_EQ(answered().size(), commands_a_turn);
  EXPECT_EQ(go_on(), 100 / commands_a_turn - 1);
  EXPECT_EQ(answered().size(), 100 - commands_a_turn);
}

TEST_F(ShardTurns, OneRequestBesideThousandsIsAnsweredInTheTurnAfter) {
  begin({1, 2});
  std::vector<core::Command> later;
  std::vector<ShardMail> prior;
  for (std::uint64_t i = 0; i < 5'000; ++i) later.push_back(put_group(1, i));
  for (std::uint64_t i = 0; i < 5'000; ++i) prior.emplace_back(stale_ack(1, i));
  later.push_back(put_group(2, 9'999));
  prior.emplace_back(stale_ack(2, 7));
  turn(std::move(prior), std::move(later));
  turn();
  settle();
  EXPECT_EQ(std::ranges::count(answered(), 2u), 2);
}

TEST_F(ShardTurns, ARequestThatComesWhileThousandsWaitIsAnsweredInItsOwnTurn) {
  begin({1, 2});
  std::vector<core::Command> flood;
  for (std::uint64_t i = 0; i < 5'000; ++i) flood.push_back(put_group(1, i));
  turn({}, std::move(flood));
  settle();
  answered();
  std::vector<core::Command> later;
  later.push_back(put_group(2, 9'999));
  turn({}, std::move(later));
  settle();
  EXPECT_EQ(std::ranges::count(answered(), 2u), 1);
}

TEST_F(ShardTurns, ASessionIsServedInItsOrderFromItsBeginningToItsEnd) {
  begin({1});
  std::vector<ShardMail> prior;
  std::vector<core::Command> later;
  for (std::uint64_t i = 0; i < 100; ++i) prior.emplace_back(stale_ack(1, i));
  prior.emplace_back(core::Command(core::SessionUp{SessionId(2), ClientId(2), proto::ClientKind::kWorker, "s"}));
  for (std::uint64_t sequence = 1; sequence <= 100; ++sequence) later.emplace_back(publish(2, sequence));
  later.emplace_back(core::SessionLost{SessionId(2), core::SessionEnd::kGoodbye, ClientId(2)});
  turn(std::move(prior), std::move(later));
  go_on();
  settle();
  EXPECT_EQ(take_published(), 100u) << "none from an unknown session, none out of sequence";
  EXPECT_EQ(shard->report().partition.sessions, 1u);
}

TEST_F(ShardTurns, AClientTakesOverWhatItsLastSessionHeldHoweverMuchWaitsBetween) {
  begin({1});
  send(publish(1, 1));
  settle();
  subscribe(1, 1);
  const Delivered delivered = take_delivered();
  ASSERT_EQ(delivered.messages, 1u);
  std::vector<ShardMail> prior;
  for (std::uint64_t i = 0; i < 100; ++i) prior.emplace_back(stale_ack(1, i));
  prior.emplace_back(core::Command(core::SessionLost{SessionId(1), core::SessionEnd::kDisconnected, ClientId(1)}));
  prior.emplace_back(core::Command(core::SessionUp{SessionId(2), ClientId(1), proto::ClientKind::kWorker, "s"}));
  prior.emplace_back(
      core::Command(request(2, 1, proto::Subscribe{PartitionId(0), SubscriptionId(1), "t", "g", proto::StartFrom::kEarliest})));
  prior.emplace_back(core::Command(
      request(2, 2, proto::Resume{PartitionId(0), SubscriptionId(1), {{Lane(0), Offset(0), 1, delivered.acks.front().token}}})));
  turn(std::move(prior));
  go_on();
  settle();
  const auto resumed = take_sent<proto::Resumed>();
  ASSERT_EQ(resumed.size(), 1u);
  EXPECT_EQ(resumed.front().granted.size(), 1u);
}

TEST_F(ShardTurns, AllNewSessionsOfAClientBeginWhenItsLastOneEnds) {
  begin({1, 7});
  std::vector<core::Command> flood;
  for (std::uint64_t i = 0; i < 100; ++i) flood.push_back(put_group(7, i));
  std::vector<ShardMail> prior;
  for (std::uint64_t i = 0; i < 100; ++i) prior.emplace_back(stale_ack(1, i));
  prior.emplace_back(core::Command(core::SessionLost{SessionId(1), core::SessionEnd::kDisconnected, ClientId(1)}));
  for (const std::uint64_t session : {2u, 3u})
    prior.emplace_back(core::Command(core::SessionUp{SessionId(session), ClientId(1), proto::ClientKind::kProducer, "p"}));
  flood.emplace_back(core::SessionLost{SessionId(2), core::SessionEnd::kDisconnected, ClientId(1)});   // it had published
  flood.push_back(put_group(3, 1'000));
  turn(std::move(prior), std::move(flood));
  go_on();
  EXPECT_EQ(shard->backlog(), 0u);
  EXPECT_EQ(groups(), 101u);
}

TEST_F(ShardTurns, ThousandsOfPeeksThatWaitForAMessageAreAnsweredSomeAtATime) {
  settings.turn_cost = 1u << 30;
  begin({1});
  send(publish(1, 1));
  settle();
  constexpr std::size_t peeks = 2'000;
  std::vector<core::Command> later;
  for (std::uint64_t i = 0; i < peeks; ++i)
    later.emplace_back(request(1, i, proto::Peek{PartitionId(0), "t", Lane(0), std::nullopt, 1, 1, 60'000}));
  turn({}, std::move(later));
  go_on();
  send(publish(1, 2));
  commit();
  const std::size_t at_once = take_sent<proto::Peeked>().size();
  EXPECT_GT(at_once, 0u);
  EXPECT_LT(at_once, 600u);
  go_on();
  EXPECT_EQ(at_once + take_sent<proto::Peeked>().size(), peeks);
}

TEST_F(ShardTurns, ASessionThatEndsTakesItsOwnWaitingPeeksAlongAndNobodyElses) {
  settings.turn_cost = 1u << 30;
  begin({1, 2, 3});
  send(publish(3, 1));
  settle();
  std::vector<core::Command> later;
  for (const std::uint64_t session : {1u, 2u})
    for (std::uint64_t i = 0; i < 20; ++i)
      later.emplace_back(request(session, i, proto::Peek{PartitionId(0), "t", Lane(0), std::nullopt, 1, 1, 60'000}));
  turn({}, std::move(later));
  std::vector<ShardMail> end;
  end.emplace_back(core::Command(core::SessionLost{SessionId(1), core::SessionEnd::kDisconnected, ClientId(1)}));
  turn(std::move(end));
  answered();
  send(publish(3, 2));
  settle();
  const std::vector<std::uint64_t> sessions = answered();
  EXPECT_EQ(std::ranges::count(sessions, 1u), 0);
  EXPECT_EQ(std::ranges::count(sessions, 2u), 20);
}

TEST_F(ShardTurns, AListingIsNoSmallCommand) {
  settings.turn_cost = ShardSettings().turn_cost;
  begin({1, 2});
  std::vector<core::Command> flood;
  for (std::uint64_t i = 0; i < 20; ++i) {
    flood.emplace_back(request(1, 2 * i, proto::ListTopics{}));
    flood.emplace_back(request(1, 2 * i + 1, proto::ListGroups{}));
  }
  turn({}, std::move(flood));
  EXPECT_EQ(answered().size(), 2u);
  std::vector<core::Command> later;
  later.emplace_back(request(2, 1, proto::Peek{PartitionId(0), "nowhere", Lane(0), std::nullopt, 1, 1, 0}));
  turn({}, std::move(later));
  go_on();
  const std::vector<std::uint64_t> sessions = answered();
  EXPECT_LT(std::ranges::find(sessions, 2u) - sessions.begin(), 5) << "nobody waits for all listings";
  EXPECT_EQ(sessions.size(), 39u);
}

TEST_F(ShardTurns, ManyNewTopicsAreFrozenBeforeTheyAreTooMany) {
  settings.checkpoint_made = 50;
  begin({1});
  for (std::uint64_t i = 1; i <= 60; ++i) {
    send(publish(1, i, 1, 10, "t" + std::to_string(i)));
    while (!committer.queue.empty()) commit();
  }
  EXPECT_EQ(background.queue.size(), 1u);
}

TEST_F(ShardTurns, WhoMakesTopicsFasterThanTheyAreFrozenIsToldToWait) {
  partition_settings.made_max = 20;
  settings.checkpoint_made = 10;
  begin({1});
  std::uint64_t sequence = 0;
  const auto make = [&] {
    ++sequence;
    send(request(1, sequence, proto::PutTopic{"t" + std::to_string(sequence), {}}));
    while (!committer.queue.empty()) commit();
    const auto errors = take_sent<proto::Error>();
    return errors.empty() ? std::nullopt : std::optional(errors.front().code);
  };
  while (sequence < 30) ASSERT_FALSE(make()) << "10 are being written, 20 are new";
  EXPECT_EQ(make(), ErrorCode::kBusy);
  send(request(1, 999, proto::PutTopic{"t1", {}}));
  settle();
  EXPECT_TRUE(take_sent<proto::Error>().empty()) << "the checkpoint is written, and t1 was there anyway";
  turn();
  settle();
  EXPECT_FALSE(make());
}

}  // namespace
}  // namespace takt::runtime
