#include "tests/runtime/shard_bench.h"

namespace takt::runtime {
namespace {

using namespace std::chrono_literals;

using ShardTest = ShardBench;

TEST_F(ShardTest, APublishIsAnsweredWhenItsCommitIsDurableAndNotBefore) {
  start();
  settle();
  up(1);
  send(publish(1, 1));
  EXPECT_TRUE(take_sent<proto::Published>().empty());
  ASSERT_EQ(committer.queue.size(), 1u);
  commit();
  EXPECT_EQ(take_published(), 1u);
}

TEST_F(ShardTest, AtMostTwoCommitsAreOutstanding) {
  start();   // the Epoch's commit is the first
  up(1);
  for (std::uint64_t i = 1; i <= 5; ++i) send(publish(1, i));
  EXPECT_EQ(committer.queue.size(), 2u);
  commit();
  EXPECT_EQ(committer.queue.size(), 1u);   // three publishes became one commit
  commit();
  EXPECT_EQ(take_published(), 5u);
  EXPECT_TRUE(committer.queue.empty());
}

TEST_F(ShardTest, ADiskWhoseSyncIsSlowGetsMoreFullCommitsAtATime) {
  append_time = std::chrono::milliseconds(10);
  start();
  settle();
  up(1);
  std::uint64_t sequence = 0;
  for (int i = 0; i < 6; ++i) {
    send(publish(1, ++sequence));
    settle();
  }
  for (int i = 0; i < 40; ++i) send(publish(1, ++sequence, 1, settings.commit_bytes));
  EXPECT_EQ(committer.queue.size(), 10u);
  settle();
  EXPECT_EQ(take_published(), 46u);
  // Small ones have nothing to gain from a commit each.
  for (int i = 0; i < 10; ++i) send(publish(1, ++sequence));
  EXPECT_EQ(committer.queue.size(), 2u);
}

TEST_F(ShardTest, PublishesWaitWhileTheOpenCommitIsFullAndAcksDoNot) {
  start();
  settle();
  up(1);
  up(2);
  send(publish(1, 1));
  settle();
  subscribe(2, 1);
  auto delivered = take_delivered();
  ASSERT_EQ(delivered.messages, 1u);

  for (std::uint64_t i = 2; i <= 12; ++i) send(publish(1, i, 1, 2000));   // 4 KiB fill a commit, two are outstanding
  ASSERT_EQ(committer.queue.size(), 2u);
  ack(2, delivered.acks);
  for (int i = 0; i < 3 && !committer.queue.empty(); ++i) {
    commit();
    if (!take_sent<proto::Acked>().empty()) break;
    ASSERT_LT(i, 2) << "the ack stands behind the waiting publishes";
  }
  settle();
  EXPECT_EQ(take_published(), 12u);
}

TEST_F(ShardTest, ATopicThatFloodsDoesNotHoldUpAnother) {
  settings.commit_bytes = 64 * 1024;
  start();
  settle();
  up(1);
  up(2);
  std::vector<core::Command> later;
  for (std::uint64_t i = 1; i <= 40; ++i) later.emplace_back(publish(1, i, 1, 60'000, "flooded"));
  core::ClientRequest quiet = publish(2, 1, 1, 100, "quiet");
  std::get<proto::Publish>(quiet.body).producer = ProducerId(2);
  later.emplace_back(std::move(quiet));
  turn({}, std::move(later));
  const auto quiet_is_stored = [&] {
    const auto topics = shard->report().partition.topics;
    return std::ranges::any_of(topics, [](const auto& topic) { return topic.topic == "quiet"; });
  };
  for (int commits = 0; commits < 4; ++commits) commit();
  EXPECT_TRUE(quiet_is_stored());
  EXPECT_LT(take_published(), 20u) << "the flood still waits";
}

TEST_F(ShardTest, CheckpointsAfterItsIntervalWhenSomethingChanged) {
  start();
  settle();
  EXPECT_TRUE(background.queue.empty());
  now += 9s;
  turn();
  EXPECT_TRUE(background.queue.empty());
  skip();
  EXPECT_EQ(now, Time(1h + 10s));
  ASSERT_EQ(background.queue.size(), 1u);
  write_checkpoint();
  EXPECT_EQ(tables->applied(), log->bounds().end);
  skip();   // the log's front, which nobody is owed
  settle();
  EXPECT_FALSE(shard->next_deadline().has_value()) << "an idle partition with nothing to free asks for nothing";
  now += 1h;
  turn();
  EXPECT_TRUE(background.queue.empty());
}

TEST_F(ShardTest, CheckpointsAfterSoMuchLog) {
  settings.checkpoint_bytes = 10'000;
  start();
  settle();
  up(1);
  for (std::uint64_t i = 1; i <= 4 && background.queue.empty(); ++i) {
    send(publish(1, i, 1, 3500));
    while (!committer.queue.empty()) commit();
  }
  EXPECT_EQ(background.queue.size(), 1u);
}

TEST_F(ShardTest, ACheckpointIsWrittenOnlyWhenItsCutIsDurable) {
  start();
  settle();
  up(1);
  send(publish(1, 1));   // sealed, not durable
  now += 10s;
  turn();
  EXPECT_TRUE(background.queue.empty());
  commit();
  ASSERT_EQ(background.queue.size(), 1u);
  write_checkpoint();    // the simulated tables stop the process when they get ahead of the log
}

TEST_F(ShardTest, AFailedCheckpointIsTriedAgain) {
  start();
  settle();
  now += 10s;
  disk.fail_next_checkpoint(store::StoreFailure::Kind::kFull);
  turn();
  write_checkpoint();
  EXPECT_EQ(tables->applied(), Position(0));
  skip();
  write_checkpoint();
  EXPECT_GT(tables->applied(), Position(0));
  EXPECT_EQ(shard->report().store.errors_full, 1u);
}

TEST_F(ShardTest, WhatWasConfirmedSurvivesACrashWithAndWithoutACheckpoint) {
  for (const bool with_checkpoint : {false, true}) {
    start();
    settle();
    up(1);
    send(publish(1, with_checkpoint ? 2 : 1));
    settle();
    ASSERT_EQ(take_published(), 1u);
    if (with_checkpoint) {
      now += 10s;
      turn();
      settle();
      ASSERT_GT(tables->applied(), Position(0));
    }
    crash();
  }
  start();
  settle();
  up(2);
  subscribe(2, 10);
  EXPECT_EQ(take_delivered().first_bytes, (std::vector{std::byte{1}, std::byte{2}}));
}

TEST_F(ShardTest, AMessageThatWasAckedDoesNotComeBackAfterACrash) {
  start();
  settle();
  up(1);
  send(publish(1, 1));
  send(publish(1, 2));
  settle();
  subscribe(1, 1);
  ack(1, take_delivered().acks);
  settle();
  ASSERT_EQ(take_sent<proto::Acked>().size(), 1u);
  crash();
  start();
  settle();
  up(2);
  subscribe(2, 10);
  EXPECT_EQ(take_delivered().first_bytes, (std::vector{std::byte{2}}));
}

TEST_F(ShardTest, AFailedAppendGivesUpMemoryEndsSessionsAndReloads) {
  start();
  settle();
  up(1);
  send(publish(1, 1));
  settle();
  take_sent<proto::Published>();

  disk.fail_next_append(store::StoreFailure::Kind::kIo);
  send(publish(1, 2));
  std::vector<core::Command> together;
  for (std::uint64_t i = 3; i <= 5; ++i) together.emplace_back(publish(1, i));   // they would have one answer
  turn({}, std::move(together));
  commit();
  EXPECT_EQ(shard->state(), ShardState::kReloading);
  EXPECT_TRUE(take_sent<proto::Published>().empty());
  const auto errors = take_sent<proto::Error>();
  ASSERT_EQ(errors.size(), 4u);
  for (const auto& error : errors) EXPECT_EQ(error.code, ErrorCode::kUnknownOutcome);
  ASSERT_EQ(gateway.ended.size(), 1u);

  skip();
  EXPECT_EQ(loader.loads, 1);
  EXPECT_EQ(shard->state(), ShardState::kServing);
  settle();
  up(2);
  send(publish(2, 2));   // the client sends it again
  settle();
  EXPECT_EQ(take_published(), 1u);
  subscribe(2, 10);
  EXPECT_EQ(take_delivered().first_bytes, (std::vector{std::byte{1}, std::byte{2}}));
}

TEST_F(ShardTest, WaitsForEveryPortBeforeItReloads) {
  start();
  settle();
  now += 10s;
  turn();
  ASSERT_EQ(background.queue.size(), 1u);   // a checkpoint is under way
  up(1);
  disk.fail_next_append(store::StoreFailure::Kind::kIo);
  send(publish(1, 1));
  commit();
  ASSERT_EQ(shard->state(), ShardState::kReloading);
  now += 1min;
  turn();
  EXPECT_EQ(loader.loads, 0);
  EXPECT_FALSE(shard->next_deadline());
  write_checkpoint();
  turn();
  EXPECT_EQ(loader.loads, 1);
}

TEST_F(ShardTest, ASessionThatOpensDuringAReloadIsKnownAfterIt) {
  start();
  settle();
  up(1);
  disk.fail_next_append(store::StoreFailure::Kind::kIo);
  send(publish(1, 1));
  commit();
  up(2);
  send(publish(2, 1));
  EXPECT_EQ(shard->state(), ShardState::kReloading);
  skip();
  settle();
  EXPECT_EQ(take_published(), 1u);
}

TEST_F(ShardTest, PausesLongerBetweenReloadsWhileTheDiskStaysFull) {
  start();
  settle();
  std::vector<Duration> pauses;
  for (int i = 0; i < 5; ++i) {
    disk.fail_next_append(store::StoreFailure::Kind::kFull);
    if (committer.queue.empty()) {
      up(static_cast<std::uint64_t>(i) + 1);
      send(publish(static_cast<std::uint64_t>(i) + 1, 1));
    }
    commit();
    ASSERT_EQ(shard->state(), ShardState::kReloading);
    const Time before = now;
    skip();
    pauses.push_back(now - before);
  }
  EXPECT_EQ(pauses, (std::vector<Duration>{1s, 2s, 4s, 4s, 4s}));
}

TEST_F(ShardTest, AStoreThatIsFoundDamagedWhenItIsReadBackFails) {
  start();
  settle();
  up(1);
  disk.fail_next_append(store::StoreFailure::Kind::kIo);
  send(publish(1, 1));
  commit();
  disk.fail_next_read(store::StoreFailure::Kind::kCorrupt);
  skip();
  EXPECT_EQ(shard->state(), ShardState::kFailed);
  ASSERT_TRUE(shard->failure());
  EXPECT_EQ(shard->failure()->kind, store::StoreFailure::Kind::kCorrupt);
}

TEST_F(ShardTest, AStoreThatCannotBeReadBackYetIsTriedAgain) {
  start();
  settle();
  up(1);
  disk.fail_next_append(store::StoreFailure::Kind::kIo);
  send(publish(1, 1));
  commit();
  for (const auto kind : {store::StoreFailure::Kind::kIo, store::StoreFailure::Kind::kFull}) {
    disk.fail_next_read(kind);
    const Time before = now;
    skip();
    EXPECT_GT(now, before);
    EXPECT_EQ(shard->state(), ShardState::kReloading);
  }
  EXPECT_EQ(shard->report().store.errors_full, 1u);
  skip();
  EXPECT_EQ(shard->state(), ShardState::kServing);
  EXPECT_EQ(loader.loads, 3);
}

TEST_F(ShardTest, ASessionThatCameAndWentDuringAReloadIsNotThereAfterIt) {
  start();
  settle();
  up(1);
  disk.fail_next_append(store::StoreFailure::Kind::kIo);
  send(publish(1, 1));
  commit();
  ASSERT_EQ(shard->state(), ShardState::kReloading);
  for (std::uint64_t i = 1; i <= 20; ++i) send(publish(1, i, 1, 2000));   // more than the open commit has room for
  up(2);
  now = *shard->next_deadline();
  tell(core::Command(core::SessionLost{SessionId(2)}));
  settle();
  EXPECT_EQ(shard->state(), ShardState::kServing);
  EXPECT_EQ(shard->report().partition.sessions, 0u);
}

TEST_F(ShardTest, DrainingMakesEverythingDurableAndCheckpointsIt) {
  start();
  settle();
  up(1);
  std::vector<core::Command> later;
  for (std::uint64_t i = 1; i <= 8; ++i) later.emplace_back(publish(1, i, 1, 2000));
  turn({}, std::move(later));
  tell(DrainWanted{});
  EXPECT_EQ(shard->state(), ShardState::kDraining);
  settle();
  EXPECT_EQ(shard->state(), ShardState::kStopped);
  EXPECT_EQ(take_published(), 8u);
  EXPECT_EQ(tables->applied(), log->bounds().end);
}

TEST_F(ShardTest, AnIdlePartitionDrainsAtOnce) {
  start();
  settle();
  now += 10s;
  turn();
  settle();
  tell(DrainWanted{});
  settle();
  EXPECT_EQ(shard->state(), ShardState::kStopped);
}

TEST_F(ShardTest, FreesTheFrontOnceEverybodyIsDone) {
  start();
  settle();
  up(1);
  subscribe(1, 1000);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    send(publish(1, i, 1, 1000));
    settle();
  }
  ack(1, take_delivered().acks);
  settle();
  const std::uint64_t before = log->bounds().bytes;
  for (int i = 0; i < 3; ++i) {   // one to write, one to scan, one to free
    now += 10s;
    send(publish(1, 100 + static_cast<std::uint64_t>(i)));
    settle();
    ack(1, take_delivered().acks);
    settle();
  }
  EXPECT_LT(log->bounds().bytes, before / 4);
  EXPECT_GT(log->bounds().first, Position(0));
}

TEST_F(ShardTest, CarriesWhatIsStillOwedOutOfAMostlyDeadFrontAndDeliversItLater) {
  front_limits.bytes = 20'000;
  start();
  settle();
  up(1);
  up(2);
  subscribe(1, 1000, "busy");
  send(publish(2, 1, 1, 500, "lazy"));   // nobody takes these two for a while
  settle();
  for (std::uint64_t i = 2; i <= 30; ++i) {
    send(publish(2, i, 1, 1000, "busy"));
    settle();
  }
  send(publish(2, 31, 2, 500, "lazy"));
  settle();
  ack(1, take_delivered().acks);
  settle();
  for (std::uint64_t i = 0; i < 4; ++i) {
    now += 10s;
    send(publish(2, 100 + i, 1, 10, "busy"));
    settle();
    ack(1, take_delivered().acks);
    settle();
  }
  EXPECT_GT(shard->report().store.carried_messages, 0u);
  EXPECT_GT(log->bounds().first, Position(20));

  crash();
  start();
  settle();
  up(3);
  subscribe(3, 10, "lazy");
  EXPECT_EQ(take_delivered().first_bytes, (std::vector{std::byte{1}, std::byte{31}, std::byte{31}}));
}

TEST_F(ShardTest, ReadsABacklogThatMemoryDoesNotHold) {
  partition_settings.tail_cache_bytes = 10'000;
  start();
  settle();
  up(1);
  for (std::uint64_t i = 1; i <= 60; ++i) {
    send(publish(1, i, 1, 1000));
    settle();
    if (i == 30) {
      now += 10s;   // half of it is in the index, the other half only in memory and log
      turn();
      settle();
    }
  }
  subscribe(1, 1000);
  const auto delivered = take_delivered();
  ASSERT_EQ(delivered.messages, 60u);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_EQ(delivered.first_bytes[i], static_cast<std::byte>(i + 1));
}

TEST_F(ShardTest, ReportsHowLongAGroupHasHadNoWorker) {
  start();
  settle();
  up(1);
  subscribe(1, 10);
  now += 3s;
  turn();
  const auto alone = [&] { return shard->report().partition.topics.at(0).groups.at(0).alone; };
  EXPECT_EQ(alone(), Duration::zero());
  tell(core::Command(core::SessionLost{SessionId(1)}));
  now += 2s;
  turn();
  EXPECT_EQ(alone(), 2s);
  crash();
  start();
  settle();
  now += 1s;
  turn();
  EXPECT_EQ(alone(), 1s);
}

TEST_F(ShardTest, ReportsWhatItKnows) {
  start();
  settle();
  up(1);
  send(publish(1, 1));
  settle();
  std::optional<ShardReport> report;
  tell(ReportWanted{[&](ShardReport value) { report = std::move(value); }});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->state, ShardState::kServing);
  EXPECT_EQ(report->partition.sessions, 1u);
  ASSERT_EQ(report->partition.topics.size(), 1u);
  EXPECT_EQ(report->partition.topics[0].enqueued, 1u);
  EXPECT_EQ(report->store.commit_seconds.count(), 2u);
}

}  // namespace
}  // namespace takt::runtime
