// kill -9 of the broker under load. TAKT_PROVE_COUNT and TAKT_PROVE_SEED choose another run.

#include <gtest/gtest.h>

#include <iostream>

#include "tests/e2e/kill_loop.h"
#include "tests/support/proof.h"

namespace takt::e2e {
namespace {

TEST(KillTheBroker, NothingAcknowledgedIsLostNothingConfirmedComesAgainLongJobsRunOnce) {
  const auto slice = takt::testing::slice_or({.count = KILLS});
  const BrokerKillReport report = run_broker_kills({.kills = slice.count, .seed = slice.seed, .due_per_second = DUE_PER_SECOND});
  std::cout << "kills=" << report.kills << " long_jobs_over_a_kill=" << report.long_jobs_over_a_kill
            << " resent_batches=" << report.resent_batches << " duplicates=" << report.duplicates << " orders_done=" << report.orders_done
            << " invoices_stored=" << report.invoices_stored << " reminders_done=" << report.reminders_done << ' ' << report.verdict
            << '\n';
  takt::testing::print_figures({{"kills", report.kills},
                                {"acknowledged", report.verdict.acknowledged},
                                {"begun", report.verdict.begun},
                                {"confirmed", report.verdict.confirmed},
                                {"long_jobs_over_a_kill", report.long_jobs_over_a_kill},
                                {"delayed", report.verdict.delayed},
                                {"resent_batches", report.resent_batches},
                                {"violations", report.verdict.violations.size()}});
  EXPECT_EQ(report.trouble, "");
  EXPECT_EQ(report.kills, slice.count);
  EXPECT_TRUE(report.drained);
  EXPECT_TRUE(report.verdict.violations.empty());
  // What the judgement stands on must have happened.
  EXPECT_GT(report.verdict.acknowledged, 100u);
  EXPECT_GT(report.verdict.confirmed, 100u);
  EXPECT_GT(report.long_jobs_over_a_kill, 0u);
  EXPECT_GT(report.resent_batches, 0u);
  // A follow-up per finished order, in the broker's own books too.
  EXPECT_EQ(report.invoices_stored, report.orders_done);
  EXPECT_GT(report.invoices_stored, 0u);
  // What was scheduled has fired once into the log.
  EXPECT_EQ(report.reminders_done, report.reminders_stored);
  EXPECT_GT(report.verdict.delayed, 100u);
}

#if KILLS < 10

TEST(KillTheBroker, ABrokerThatForgetsIsFoundOut) {
  const BrokerKillReport report = run_broker_kills({.kills = 2, .forgets = true});
  std::size_t lost = 0;
  for (const auto& violation : report.verdict.violations) lost += violation.kind == takt::testing::Violation::Kind::kLost ? 1 : 0;
  EXPECT_GT(lost, 0u) << report.verdict;
}

#endif

}  // namespace
}  // namespace takt::e2e
