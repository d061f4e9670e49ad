// kill -9 of producers while a batch is on its way. TAKT_PROVE_COUNT and TAKT_PROVE_SEED choose another run.

#include <gtest/gtest.h>

#include <iostream>

#include "tests/e2e/kill_loop.h"
#include "tests/support/proof.h"

namespace takt::e2e {
namespace {

TEST(KillProducers, WhatWasAcknowledgedIsDoneInOrderAndNothingIsStoredTwice) {
  const auto slice = takt::testing::slice_or({.count = KILLS});
  const KillReport report = run_producer_kills({.kills = slice.count, .seed = slice.seed});
  std::cout << "kills=" << report.kills << ' ' << report.verdict << '\n';
  takt::testing::print_figures({{"kills", report.kills},
                                {"acknowledged", report.verdict.acknowledged},
                                {"unknown", report.verdict.unknown},
                                {"unknown_but_stored", report.verdict.unknown_but_stored},
                                {"begun", report.verdict.begun},
                                {"confirmed", report.verdict.confirmed},
                                {"violations", report.verdict.violations.size()}});
  EXPECT_EQ(report.trouble, "");
  EXPECT_EQ(report.kills, slice.count);
  EXPECT_TRUE(report.drained);
  EXPECT_TRUE(report.verdict.violations.empty());
  // What the judgement stands on must have happened: batches that nobody lived to hear the answer of.
  EXPECT_GT(report.verdict.acknowledged, 100u);
  EXPECT_GT(report.verdict.confirmed, 100u);
  EXPECT_GT(report.verdict.unknown, 0u);
  EXPECT_EQ(report.verdict.begun_again, 0u);
}

}  // namespace
}  // namespace takt::e2e
