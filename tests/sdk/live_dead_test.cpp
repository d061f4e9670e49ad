// Admin's calls about dead letters.

#include <atomic>

#include "tests/sdk/live.h"

namespace takt {
namespace {

using namespace std::chrono_literals;

struct LiveDead : Live {
  Admin admin = *Admin::open({.server = broker.server()});
  DeadQuery all{.topic = "jobs", .group = "workers"};
  std::atomic<bool> is_mended = false;
  std::atomic<int> handled = 0;

  /// Even jobs are rejected with code 0, odd ones with 7; nothing is, once mended.
  void work_until_done(std::uint64_t done) {
    auto workers = worker({.topic = "jobs", .group = "workers"});
    workers.handle<Job>([this](Context&, const Job& job) {
      ++handled;
      if (is_mended) return takt::done();
      Outcome refusal = takt::dead(job.number % 2 == 0 ? "even" : "odd");
      refusal.code = job.number % 2 == 0 ? 0 : 7;
      return refusal;
    });
    Running running(workers);
    EXPECT_TRUE(wait_until([&] { return handled == static_cast<int>(done); })) << handled;
  }
};

TEST_F(LiveDead, LettersAreSeenRedrivenAndPurged) {
  send(0, 4);
  work_until_done(4);
  const auto before = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) - 1h;

  const auto page = admin.dead_letters(all).value();
  ASSERT_EQ(page.letters.size(), 4u);
  EXPECT_FALSE(page.next);
  const DeadLetter& odd = page.letters[1];
  EXPECT_EQ(odd.place, (Place{0, 0, 1}));
  EXPECT_EQ(odd.reason, DeadReason::kRejected);
  EXPECT_EQ(odd.attempts, 1u);
  ASSERT_EQ(odd.errors.size(), 1u);
  EXPECT_EQ(odd.errors[0].text, "odd");
  EXPECT_EQ(odd.errors[0].code, 7);
  EXPECT_FALSE(odd.errors[0].is_death);
  ASSERT_TRUE(odd.message);
  EXPECT_EQ(odd.message->kind, "job");
  const auto second = admin.dead_letters(all, {.letters_max = 1, .with_messages = false}).value();
  ASSERT_EQ(second.letters.size(), 1u);
  EXPECT_FALSE(second.letters[0].message);
  EXPECT_EQ(second.next, (Place{0, 0, 1}));

  const auto count = [&](auto&& change) {
    DeadQuery some = all;
    change(some);
    return admin.count_dead(some).value().messages;
  };
  EXPECT_EQ(count([](DeadQuery&) {}), 4u);
  EXPECT_EQ(count([](DeadQuery& q) { q.code = std::uint16_t{7}; }), 2u);
  EXPECT_EQ(count([](DeadQuery& q) { q.reason = DeadReason::kPoison; }), 0u);
  EXPECT_EQ(count([&](DeadQuery& q) { q.until = before; }), 0u);
  EXPECT_EQ(count([&](DeadQuery& q) { q.from = before; }), 4u);
  EXPECT_EQ(count([](DeadQuery& q) { q.places = {{0, 0, 3}, {0, 0, 9}, {0, 7, 3}}; }), 1u);

  is_mended = true;
  DeadQuery odd_ones = all;
  odd_ones.code = std::uint16_t{7};
  EXPECT_EQ(admin.redrive(odd_ones).value(), 2u);
  EXPECT_EQ(group().ready, 2u);
  EXPECT_EQ(group().dead, 2u);
  work_until_done(6);
  EXPECT_TRUE(wait_until([&] { return group().ready + group().leased == 0; }));
  EXPECT_EQ(admin.purge_dead(all).value(), 2u);
  EXPECT_EQ(group().dead, 0u);
}

TEST_F(LiveDead, ARedriveKeepsItsPaceAndCanBeStopped) {
  send(0, 40);
  work_until_done(40);
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t seen = 0;
  const auto done = admin.redrive(all, {.per_second = 100, .on_progress = [&](std::uint64_t through) { return (seen = through) < 30; }});
  EXPECT_EQ(done.value(), 30u);
  EXPECT_EQ(seen, 30u);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 190ms);   // the third ten waits for 0.2 s
  EXPECT_EQ(group().dead, 10u);
}

TEST_F(LiveDead, WhatDiesAfterACountIsNotPurged) {
  send(0, 3);
  work_until_done(3);
  const DeadCount counted = admin.count_dead(all).value();
  EXPECT_EQ(counted.messages, 3u);
  send(3, 2);
  work_until_done(5);
  DeadQuery those = all;
  those.before = counted.end;
  EXPECT_EQ(admin.count_dead(those).value().messages, 3u);
  EXPECT_EQ(admin.purge_dead(those).value(), 3u);
  EXPECT_EQ(group().dead, 2u);
  those.before->positions.push_back(7);
  EXPECT_EQ(admin.purge_dead(those).error().name, "bad_option") << "of another broker";
}

TEST_F(LiveDead, QuestionsThatCannotBeAreRefused) {
  send(0, 1);
  EXPECT_EQ(admin.dead_letters(all).error().name, "unknown_group");
  EXPECT_EQ(admin.count_dead({.topic = "nothing", .group = "workers"}).error().name, "unknown_topic");
  DeadQuery wrong = all;
  wrong.places = {{0, 8, 0}};
  EXPECT_EQ(admin.redrive(wrong).error().name, "bad_option");
  wrong.places.assign(1001, {});
  EXPECT_EQ(admin.redrive(wrong).error().name, "bad_option");
  EXPECT_EQ(admin.dead_letters(all, {.letters_max = 0}).error().name, "bad_option");
}

}  // namespace
}  // namespace takt
