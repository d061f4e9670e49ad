// kill -9 and SIGSTOP of workers while they hold leases. TAKT_PROVE_COUNT and TAKT_PROVE_SEED choose another run.

#include <gtest/gtest.h>

#include <iostream>

#include "tests/e2e/kill_loop.h"
#include "tests/support/proof.h"

namespace takt::e2e {
namespace {

TEST(KillWorkers, WhatTheyHeldIsDoneByOthersAndTheLateAcksOfFrozenOnesAreRefused) {
  const auto slice = takt::testing::slice_or({.count = KILLS});
  const WorkerKillReport report = run_worker_kills({.kills = slice.count, .seed = slice.seed});
  std::cout << "kills=" << report.kills << " freezes=" << report.freezes << ' ' << report.verdict << '\n';
  takt::testing::print_figures({{"kills", report.kills},
                                {"freezes", report.freezes},
                                {"acknowledged", report.verdict.acknowledged},
                                {"begun", report.verdict.begun},
                                {"begun_again", report.verdict.begun_again},
                                {"never_ended", report.verdict.never_ended},
                                {"late_finishes", report.verdict.late_finishes},
                                {"stale_outcomes", report.stale_outcomes},
                                {"confirmed", report.verdict.confirmed},
                                {"violations", report.verdict.violations.size()}});
  EXPECT_EQ(report.trouble, "");
  EXPECT_EQ(report.kills, slice.count);
  EXPECT_TRUE(report.drained);
  EXPECT_TRUE(report.verdict.violations.empty());
  // What the judgement stands on must have happened.
  EXPECT_GT(report.verdict.confirmed, 100u);
  EXPECT_GT(report.verdict.never_ended, 0u);
  EXPECT_GT(report.verdict.begun_again, 0u);
  EXPECT_GT(report.freezes, 0u);
  EXPECT_GT(report.verdict.late_finishes, 0u);
}

}  // namespace
}  // namespace takt::e2e
