// A checker that never fails is broken: every violation is planted once in books that are otherwise in order.

#include "tests/support/checker.h"

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace takt::testing {
namespace {

using Kind = Violation::Kind;

class Checker : public ::testing::Test {
 protected:
  Checker() {
    for (int i = 0; i < 4; ++i) {
      const std::string id = "0-" + std::to_string(i);
      const std::string payload = "m" + std::to_string(i) + (i == 3 ? ";work=9" : "");
      enter(LedgerEvent::kSent, "-", id, payload);
      enter(LedgerEvent::kBegun, "g", id, payload);
      enter(LedgerEvent::kFinished, "g", id, payload);
      enter(LedgerEvent::kConfirmed, "g", id, "-");
    }
    enter(LedgerEvent::kFollow, "-", "-", "follow:m1");
    enter(LedgerEvent::kBegun, "h", "0-9", "follow:m1");
    enter(LedgerEvent::kFinished, "h", "0-9", "follow:m1");
  }
  void enter(LedgerEvent event, const std::string& group, const std::string& id, const std::string& payload) {
    entries.push_back({std::chrono::nanoseconds(++clock), "a", event, group, id, payload, 1});
  }
  void forget(LedgerEvent event, const std::string& payload) {
    std::erase_if(entries, [&](const LedgerEntry& entry) { return entry.event == event && entry.payload == payload; });
  }
  std::vector<Kind> kinds() const {
    std::vector<Kind> found;
    for (const Violation& violation : judge(entries, {{"g"}, ";work="}).violations) found.push_back(violation.kind);
    return found;
  }

  std::vector<LedgerEntry> entries;
  int clock = 0;
};

TEST_F(Checker, FindsNothingInBooksThatAreInOrder) {
  const Verdict verdict = judge(entries, {{"g"}, ";work="});
  EXPECT_TRUE(verdict.violations.empty()) << verdict;
  EXPECT_EQ(verdict.acknowledged, 4u);
  EXPECT_EQ(verdict.confirmed, 4u);
  EXPECT_EQ(verdict.run_once, 1u);
  EXPECT_EQ(verdict.follow_ups, 1u);
}

TEST_F(Checker, FindsAnAcknowledgedMessageThatNobodyFinished) {
  enter(LedgerEvent::kSent, "-", "0-77", "m77");
  EXPECT_EQ(kinds(), std::vector{Kind::kLost});
}

TEST_F(Checker, FindsAMessageThatOneOfTwoGroupsNeverGot) {
  const Verdict verdict = judge(entries, {{"g", "other"}, ""});
  ASSERT_EQ(verdict.violations.size(), 4u);
  EXPECT_EQ(verdict.violations[0].kind, Kind::kLost);
}

TEST_F(Checker, FindsAMessageThatCameAgainAfterItsConfirmedAck) {
  enter(LedgerEvent::kBegun, "g", "0-2", "m2");
  EXPECT_EQ(kinds(), std::vector{Kind::kCameAgain});
}

TEST_F(Checker, LetsAMessageComeAgainBeforeItsAckIsConfirmed) {
  enter(LedgerEvent::kSent, "-", "0-5", "m5");
  for (int i = 0; i < 2; ++i) enter(LedgerEvent::kBegun, "g", "0-5", "m5");
  enter(LedgerEvent::kFinished, "g", "0-5", "m5");
  enter(LedgerEvent::kConfirmed, "g", "0-5", "-");
  EXPECT_TRUE(kinds().empty());
  EXPECT_EQ(judge(entries, {{"g"}, ""}).begun_again, 1u);
}

TEST_F(Checker, FindsAMessageStoredTwice) {
  enter(LedgerEvent::kUnknown, "-", "-", "m5");
  enter(LedgerEvent::kBegun, "g", "0-5", "m5");
  enter(LedgerEvent::kBegun, "g", "0-6", "m5");
  EXPECT_EQ(kinds(), std::vector{Kind::kStoredTwice});
}

TEST_F(Checker, FindsARefusedMessageThatWasStored) {
  enter(LedgerEvent::kRefused, "-", "-", "m5");
  enter(LedgerEvent::kBegun, "g", "0-5", "m5");
  EXPECT_EQ(kinds(), std::vector{Kind::kStoredThoughRefused});
}

TEST_F(Checker, FindsAMessageUnderAnotherIdThanItsReceipts) {
  for (LedgerEntry& entry : entries) {
    if (entry.id == "0-1" && entry.event != LedgerEvent::kSent) entry.id = "0-50";
  }
  EXPECT_EQ(kinds(), std::vector{Kind::kOtherId});
}

TEST_F(Checker, FindsAMessageThatNobodySent) {
  enter(LedgerEvent::kBegun, "g", "0-5", "m5");
  EXPECT_EQ(kinds(), std::vector{Kind::kNeverSent});
}

TEST_F(Checker, FindsALongJobThatWasRunTwice) {
  std::erase_if(entries, [](const LedgerEntry& entry) { return entry.event == LedgerEvent::kConfirmed && entry.id == "0-3"; });
  enter(LedgerEvent::kBegun, "g", "0-3", "m3;work=9");
  EXPECT_EQ(kinds(), std::vector{Kind::kRunTwice});
}

TEST_F(Checker, FindsAFollowUpThatWasLost) {
  forget(LedgerEvent::kFinished, "follow:m1");
  EXPECT_EQ(kinds(), std::vector{Kind::kFollowUpLost});
}

TEST_F(Checker, FindsAFollowUpOfAMessageThatWasNotDone) {
  enter(LedgerEvent::kUnknown, "-", "-", "m5");
  enter(LedgerEvent::kFollow, "-", "-", "follow:m5");
  enter(LedgerEvent::kBegun, "h", "0-10", "follow:m5");
  EXPECT_EQ(kinds(), std::vector{Kind::kFollowUpWithoutAck});
}

TEST(Ledger, ReadsBackWhatWasWrittenAndLeavesOutATornLine) {
  const TempFolder folder;
  const auto file = folder.path() / "a.ledger";
  {
    LedgerWriter writer(file, "w1");
    writer.write(LedgerEvent::kBegun, "g", "0-17", "p1;work=3", 2);
    writer.note("half");
  }
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 3);
  const auto entries = read_ledgers(folder.path());
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].actor, "w1");
  EXPECT_EQ(entries[0].event, LedgerEvent::kBegun);
  EXPECT_EQ(entries[0].group, "g");
  EXPECT_EQ(entries[0].id, "0-17");
  EXPECT_EQ(entries[0].payload, "p1;work=3");
  EXPECT_EQ(entries[0].attempt, 2u);
}

}  // namespace
}  // namespace takt::testing
