#include "examples/photo/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace photo {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

LedgerLine line_of(LedgerEvent event, const std::string& job, const std::string& message, const std::string& worker) {
  return {.event = event,
          .job = job,
          .kind = "photo.blur",
          .message = message,
          .worker = worker,
          .output = job + ".jpg",
          .hash = "hash-" + job};
}

/// Three jobs; worker one was killed with b in hand, which worker two finished.
Evidence good_evidence() {
  Evidence evidence;
  evidence.sent = {{"a", "0-1"}, {"b", "0-2"}, {"c", "0-3"}};
  evidence.ledger = {line_of(LedgerEvent::kStarted, "a", "0-1", "one"), line_of(LedgerEvent::kEffect, "a", "0-1", "one"),
                     line_of(LedgerEvent::kStarted, "b", "0-2", "one"), line_of(LedgerEvent::kStarted, "c", "0-3", "two"),
                     line_of(LedgerEvent::kEffect, "c", "0-3", "two"),  line_of(LedgerEvent::kStarted, "b", "0-2", "two"),
                     line_of(LedgerEvent::kEffect, "b", "0-2", "two")};
  for (const auto& line : evidence.ledger) {
    if (line.event != LedgerEvent::kEffect) continue;
    evidence.effects[line.job] = line;
    evidence.output_hashes[line.job + ".jpg"] = line.hash;
  }
  evidence.kills = {{.worker = "one", .at_percent = 40, .in_hand = {{"0-2", "b"}}}};
  return evidence;
}

TEST(Verdict, IsRightWhenEverythingAddsUp) {
  const auto verdict = judge(good_evidence());
  EXPECT_THAT(verdict.wrong, IsEmpty());
  EXPECT_EQ(verdict.enqueued, 3u);
  EXPECT_EQ(verdict.finished, 3u);
  EXPECT_EQ(verdict.lost, 0u);
  EXPECT_EQ(verdict.executions, 4u);
  EXPECT_EQ(verdict.redelivered, 1u);
  EXPECT_EQ(verdict.effects_per_job_most, 1u);
  EXPECT_EQ(verdict.taken_over, 1u);
}

TEST(Verdict, FindsALostJob) {
  auto evidence = good_evidence();
  evidence.sent.push_back({"d", "0-4"});
  const auto verdict = judge(evidence);
  EXPECT_EQ(verdict.lost, 1u);
  EXPECT_THAT(verdict.wrong, Contains(HasSubstr("job d (message 0-4) is lost")));
}

TEST(Verdict, CountsADeadJobAsDeadAndNotAsLost) {
  auto evidence = good_evidence();
  evidence.sent.push_back({"d", "0-4"});
  evidence.ledger.push_back(line_of(LedgerEvent::kDead, "d", "0-4", "two"));
  const auto verdict = judge(evidence);
  EXPECT_THAT(verdict.wrong, IsEmpty());
  EXPECT_EQ(verdict.dead, 1u);
  EXPECT_EQ(verdict.lost, 0u);
}

TEST(Verdict, FindsASecondEffect) {
  auto evidence = good_evidence();
  evidence.ledger.push_back(line_of(LedgerEvent::kEffect, "a", "0-1", "two"));
  EXPECT_THAT(judge(evidence).wrong, Contains(HasSubstr("job a took effect 2 times")));
  EXPECT_EQ(judge(evidence).effects_per_job_most, 2u);
}

TEST(Verdict, FindsAnOutputThatIsMissingOrChanged) {
  auto evidence = good_evidence();
  evidence.output_hashes["a.jpg"] = "other";
  EXPECT_THAT(judge(evidence).wrong, Contains(HasSubstr("output a.jpg has hash other")));
  evidence.output_hashes.erase("a.jpg");
  EXPECT_THAT(judge(evidence).wrong, Contains(HasSubstr("job a has an effect record and no output")));
  EXPECT_EQ(judge(evidence).finished, 2u);
}

TEST(Verdict, FindsAnEffectThatNobodyOrdered) {
  auto evidence = good_evidence();
  evidence.sent.erase(evidence.sent.begin());
  EXPECT_THAT(judge(evidence).wrong, Contains(HasSubstr("job a took effect and was never enqueued")));
}

TEST(Verdict, FindsAJobThatWasEnqueuedTwice) {
  auto evidence = good_evidence();
  evidence.sent.push_back({"a", "0-9"});
  EXPECT_THAT(judge(evidence).wrong, Contains(HasSubstr("job a was enqueued twice")));
}

TEST(Verdict, ForgivesAMissingLedgerLineOnlyToAKilledWorker) {
  auto evidence = good_evidence();
  std::erase_if(evidence.ledger, [](const LedgerLine& line) { return line.event == LedgerEvent::kEffect && line.job == "a"; });
  EXPECT_THAT(judge(evidence).wrong, IsEmpty());
  std::erase_if(evidence.ledger, [](const LedgerLine& line) { return line.event == LedgerEvent::kEffect && line.job == "c"; });
  EXPECT_THAT(judge(evidence).wrong, Contains(AllOf(HasSubstr("job c"), HasSubstr("two, whose ledger does not say so"))));
}

TEST(Verdict, FindsAKilledWorkersJobThatNobodyTookOver) {
  auto evidence = good_evidence();
  std::erase_if(evidence.ledger, [](const LedgerLine& line) { return line.job == "b" && line.worker == "two"; });
  evidence.effects["b"].worker = "one";
  const auto verdict = judge(evidence);
  EXPECT_THAT(verdict.wrong, Contains(HasSubstr("job b was in the hands of one when it was killed")));
  EXPECT_THAT(verdict.wrong, Contains(HasSubstr("nothing was delivered again")));
}

TEST(Verdict, FindsAStrayOutput) {
  auto evidence = good_evidence();
  evidence.output_hashes["stray.jpg"] = "x";
  EXPECT_THAT(judge(evidence).wrong, Contains(HasSubstr("there are 4 outputs and 3 effect records")));
}

}  // namespace
}  // namespace photo
