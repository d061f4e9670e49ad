// A checker that never fails is broken: every violation is planted in a history that is otherwise in order, and must be
// reported, and nothing else.

#include "tests/support/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/temp_folder.h"

namespace takt::testing {
namespace {

using Kind = Violation::Kind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Lines of a ledger, but with the instant in milliseconds.
std::vector<LedgerEntry> entries_of(const std::string& text) {
  const TempFolder folder;
  {
    std::ofstream file(folder.path() / "a.ledger");
    std::istringstream lines(text);
    std::string ms;
    std::string rest;
    while (lines >> ms && std::getline(lines, rest)) file << ms << "000000" << rest << '\n';
  }
  return read_ledger(folder.path() / "a.ledger");
}

// Four messages in two batches, one of which has a follow-up; one failed once; all well.
const std::string in_order = R"(
1 p sending t - m0 0 0
1 p sending t - m1 0 0
2 p sent t 0-10 m0 0 0
2 p sent t 0-11 m1 0 0
3 p sending t - m2 0 0
3 p sending t - m3;work=9 0 0
4 p sent t 0-20 m2 0 0
4 p sent t 0-21 m3;work=9 0 0
10 w1 begun g 0-10 m0 1 5
11 w1 finished g 0-10 m0 1 5
12 w1 begun g 0-11 m1 1 5
13 w1 follow - - follow:m1 0 0
14 w1 finished g 0-11 m1 1 5
15 w1 confirmed g 0-10 - 0 0
16 w1 confirmed g 0-11 - 0 0
20 w2 begun g 0-20 m2 1 5
21 w2 failed g 0-20 m2 1 5
22 w2 begun g 0-21 m3;work=9 1 5
23 w2 finished g 0-21 m3;work=9 1 5
24 w2 begun g 0-20 m2 2 6
25 w2 finished g 0-20 m2 2 6
26 w2 confirmed g 0-20 - 0 0
27 w2 confirmed g 0-21 - 0 0
30 w3 begun h 0-30 follow:m1 1 5
31 w3 finished h 0-30 follow:m1 1 5
32 w3 confirmed h 0-30 - 0 0
)";

CheckerOptions options() { return {.groups = {"g"}, .run_once_marker = ";work=", .delay_marker = ";later="}; }

std::vector<Kind> kinds_of(const Verdict& verdict) {
  std::vector<Kind> kinds;
  for (const Violation& violation : verdict.violations) kinds.push_back(violation.kind);
  return kinds;
}

std::string without(std::string text, const std::string& line) {
  const auto at = text.find(line + "\n");
  EXPECT_NE(at, std::string::npos) << line;
  return text.erase(at, line.size() + 1);
}

struct Planted {
  std::string name;
  Kind kind;
  std::string lines;      ///< added
  std::string left_out{}; ///< one that is missing
};
void PrintTo(const Planted& planted, std::ostream* out) { *out << planted.name; }

// m5 is sent by its producer as 0-25 and begun by w1 under token 5 at 100.
const std::string m5_begun = "50 p sending t - m5 0 0\n51 p sent t 0-25 m5 0 0\n100 w1 begun g 0-25 m5 1 5\n";
const std::string m5_done_by_w2 = "8001 w2 finished g 0-25 m5 1 6\n8002 w2 confirmed g 0-25 - 0 0\n";

const Planted planted[] = {
    {"AcknowledgedAndNeverBegun", Kind::kLost, "50 p sending t - m5 0 0\n51 p sent t 0-25 m5 0 0\n"},
    {"BegunAndNeverFinished", Kind::kLost, m5_begun},
    {"FailedAndNeverTriedAgain", Kind::kLost, m5_begun + "101 w1 failed g 0-25 m5 1 5\n"},
    {"FinishedOnlyByAWorkerThatHadLostIt", Kind::kLost,
     m5_begun + "110 c frozen - - w1 0 0\n8000 w2 begun g 0-25 m5 1 6\n9000 c killed - - w2 0 0\n9001 c thawed - - w1 0 0\n"
                "9002 w1 finished g 0-25 m5 1 5\n"},
    {"StoredUnderTwoIds", Kind::kStoredTwice,
     "50 p sending t - m5 0 0\n51 p unknown t - m5 0 0\n60 w1 begun g 0-25 m5 1 5\n61 w1 finished g 0-25 m5 1 5\n"
     "62 w1 begun g 0-26 m5 1 7\n63 w1 finished g 0-26 m5 1 7\n"},
    {"FollowUpStoredUnderTwoIds", Kind::kStoredTwice, "40 w3 begun h 0-31 follow:m1 1 6\n41 w3 finished h 0-31 follow:m1 1 6\n"},
    {"OneIdForTwoMessages", Kind::kIdGivenTwice,
     "50 p sending t - m5 0 0\n51 p sent t 0-21 m5 0 0\n100 w1 begun g 0-21 m5 1 5\n101 w1 finished g 0-21 m5 1 5\n"},
    {"RefusedAndDelivered", Kind::kStoredThoughRefused,
     "50 p sending t - m5 0 0\n51 p refused t - m5 0 0\n60 w1 begun g 0-25 m5 1 5\n61 w1 finished g 0-25 m5 1 5\n"},
    {"AnsweredAsStoredAndAsUnknown", Kind::kAnsweredTwice, "50 p unknown t - m2 0 0\n"},
    {"DeliveredUnderAnotherIdThanItsReceipt", Kind::kOtherId,
     "50 p sending t - m5 0 0\n51 p sent t 0-25 m5 0 0\n60 w1 begun g 0-26 m5 1 5\n61 w1 finished g 0-26 m5 1 5\n"},
    {"DeliveredAndNeverSent", Kind::kNeverSent, "60 w1 begun g 0-25 m5 1 5\n61 w1 finished g 0-25 m5 1 5\n"},
    {"ABatchOvertakesTheOneBefore", Kind::kOutOfOrder,
     "50 p sending t - m5 0 0\n51 p sent t 0-5 m5 0 0\n60 w1 begun g 0-5 m5 1 5\n61 w1 finished g 0-5 m5 1 5\n"},
    {"AnUnansweredMessageOvertakes", Kind::kOutOfOrder, "50 p sending t - m5 0 0\n60 w1 begun g 0-5 m5 1 5\n61 w1 finished g 0-5 m5 1 5\n"},
    {"BegunByAnotherWorkerAfterItsConfirmedAck", Kind::kCameAgain, "50 w2 begun g 0-10 m0 1 6\n51 w2 finished g 0-10 m0 1 6\n"},
    {"BegunByTheSameWorkerAfterItsConfirmedAck", Kind::kCameAgain,
     "50 w1 begun g 0-10 m0 1 6\n51 w1 interrupted g 0-10 m0 1 6\n"
     "52 w1 begun g 0-10 m0 1 7\n53 w1 finished g 0-10 m0 1 7\n"},
    {"ALateAckIsConfirmed", Kind::kStaleAckAccepted,
     m5_begun + "110 c frozen - - w1 0 0\n8000 w2 begun g 0-25 m5 1 6\n8001 w2 finished g 0-25 m5 1 6\n9000 c thawed - - w1 0 0\n"
                "9001 w1 finished g 0-25 m5 1 5\n9002 w1 confirmed g 0-25 - 0 0\n"},
    {"ALateAckIsConfirmedAfterItsSuccessors", Kind::kStaleAckAccepted,
     m5_begun + "110 c frozen - - w1 0 0\n8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 +
         "9000 c thawed - - w1 0 0\n9001 w1 finished g 0-25 m5 1 5\n9002 w1 confirmed g 0-25 - 0 0\n"},
    {"BegunBeforeItsDelayIsOver", Kind::kTooEarly,
     "50 p sending t - m5;later=40 0 0\n51 p sent t 0-25 m5;later=40 0 0\n88 w1 begun g 0-25 m5;later=40 1 5\n89 w1 finished g 0-25 "
     "m5;later=40 1 5\n"},
    {"OneAckIsConfirmedTwice", Kind::kConfirmedTwice, "50 w1 confirmed g 0-10 - 0 0\n"},
    {"AConfirmationForWhomNeverHadTheMessage", Kind::kConfirmedUnasked, "50 w2 confirmed g 0-10 - 0 0\n"},
    {"AConfirmationForWhomFailedTheMessage", Kind::kConfirmedUnasked,
     "5 w4 begun g 0-10 m0 1 4\n6 w4 failed g 0-10 m0 1 4\n7 w4 confirmed g 0-10 - 0 0\n"},
    {"AConfirmationBeforeTheEnd", Kind::kConfirmedUnasked, m5_begun + "101 w1 confirmed g 0-25 - 0 0\n102 w1 finished g 0-25 m5 1 5\n"},
    {"AConfirmationOfAnUnknownMessage", Kind::kConfirmedUnasked, "50 w1 confirmed g 0-99 - 0 0\n"},
    {"HandedOutWhileItsWorkerIsAtWork", Kind::kTwoLiveLeases,
     m5_begun + "8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 + "8003 w1 finished g 0-25 m5 1 5\n"},
    {"HandedOutAfterAShortFreeze", Kind::kTwoLiveLeases,
     m5_begun + "110 c frozen - - w1 0 0\n2000 c thawed - - w1 0 0\n8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 +
         "8003 w1 finished g 0-25 m5 1 5\n"},
    {"HandedOutTooEarlyInALongFreeze", Kind::kTwoLiveLeases,
     m5_begun + "5000 c frozen - - w1 0 0\n8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 +
         "20000 c thawed - - w1 0 0\n20001 w1 finished g 0-25 m5 1 5\n"},
    {"HandedOutAfterAFreezeThatWasLongAgo", Kind::kTwoLiveLeases,
     "2 c frozen - - w4 0 0\n8000 c thawed - - w4 0 0\n50000 p sending t - m5 0 0\n50001 p sent t 0-25 m5 0 0\n"
     "50002 w4 begun g 0-25 m5 1 5\n50003 w2 begun g 0-25 m5 1 6\n50004 w2 finished g 0-25 m5 1 6\n50005 w4 finished g 0-25 m5 1 5\n"},
    {"KeptForTooLongAfterAFreeze", Kind::kTwoLiveLeases,
     m5_begun + "110 c frozen - - w1 0 0\n8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 +
         "9000 c thawed - - w1 0 0\n20000 w1 finished g 0-25 m5 1 5\n"},
    {"HandedOutTooEarlyAfterTheBrokersStart", Kind::kTwoLiveLeases,
     m5_begun + "110 c killed - - taktd 0 0\n120 c started - - taktd 0 0\n8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 +
         "8003 w1 finished g 0-25 m5 1 5\n"},
    {"AWorkerThatNeitherEndsNorDies", Kind::kTwoLiveLeases, m5_begun + "8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2},
    {"HandedOutBeforeItsWorkerIsKilled", Kind::kTwoLiveLeases,
     m5_begun + "8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 + "8003 c killed - - w1 0 0\n"},
    {"ToldToStopAndDeafForTooLong", Kind::kTwoLiveLeases,
     m5_begun + "8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 + "20000 w1 interrupted g 0-25 m5 1 5\n"},
    {"ALaterHandOutHasAnOlderToken", Kind::kTokenWentBack,
     m5_begun + "101 w1 interrupted g 0-25 m5 1 5\n8000 w2 begun g 0-25 m5 1 4\n8001 w2 finished g 0-25 m5 1 4\n"
                "8002 w1 begun g 0-25 m5 1 6\n8003 w1 finished g 0-25 m5 1 6\n"},
    {"OneTokenForTwoWorkers", Kind::kTokenGivenTwice,
     m5_begun + "101 w1 interrupted g 0-25 m5 1 5\n200 w2 begun g 0-25 m5 1 5\n201 w2 finished g 0-25 m5 1 5\n"},
    {"OneTokenTwiceForOneWorker", Kind::kTokenGivenTwice,
     m5_begun + "101 w1 finished g 0-25 m5 1 5\n200 w1 begun g 0-25 m5 1 5\n201 w1 finished g 0-25 m5 1 5\n"},
    {"ALongJobBeginsTwice", Kind::kRunTwice,
     "50 p sending t - m5;work=9 0 0\n51 p sent t 0-25 m5;work=9 0 0\n60 w1 begun g 0-25 m5;work=9 1 5\n"
     "61 w1 failed g 0-25 m5;work=9 1 5\n62 w1 begun g 0-25 m5;work=9 2 6\n63 w1 finished g 0-25 m5;work=9 2 6\n"},
    {"AFollowUpIsNeverDelivered", Kind::kFollowUpLost, "17 w1 follow - - follow:m0 0 0\n"},
    {"AFollowUpIsNeverFinished", Kind::kFollowUpLost, "17 w1 follow - - follow:m0 0 0\n40 w3 begun h 0-31 follow:m0 1 5\n"},
    {"AFollowUpOfAMessageThatNobodyFinished", Kind::kFollowUpWithoutAck,
     "50 p sending t - m5 0 0\n51 p unknown t - m5 0 0\n60 w1 begun g 0-25 m5 1 5\n61 w1 follow - - follow:m5 0 0\n"
     "62 w1 failed g 0-25 m5 1 5\n63 w3 begun h 0-31 follow:m5 1 5\n64 w3 finished h 0-31 follow:m5 1 5\n"},
};

class PlantedHistory : public ::testing::TestWithParam<Planted> {};

TEST_P(PlantedHistory, IsReportedAndNothingElse) {
  const auto verdict = judge(entries_of(in_order + GetParam().lines), options());
  EXPECT_THAT(kinds_of(verdict), ElementsAre(GetParam().kind)) << verdict;
  for (const Violation& violation : verdict.violations) {
    EXPECT_FALSE(violation.witness.empty()) << verdict;
    EXPECT_LE(violation.witness.size(), 3u) << verdict;
  }
}

INSTANTIATE_TEST_SUITE_P(Checker, PlantedHistory, ::testing::ValuesIn(planted), [](const auto& instance) { return instance.param.name; });

struct Allowed {
  std::string name;
  std::string lines;
};
void PrintTo(const Allowed& allowed, std::ostream* out) { *out << allowed.name; }

const Allowed allowed[] = {
    {"NothingBeside", ""},
    {"ProducersThatDieBeforeTheAnswer",
     "50 p sending t - m5 0 0\n50 p sending t - m6 0 0\n60 c killed - - p 0 0\n100 w1 begun g 0-25 m5 1 5\n101 w1 finished g 0-25 m5 1 "
     "5\n"},
    {"AnotherProducersOrder", "50 q sending t - m5 0 0\n51 q sent t 0-5 m5 0 0\n60 w1 begun g 0-5 m5 1 5\n61 w1 finished g 0-5 m5 1 5\n"},
    {"AnotherTopicsOrder", "50 p sending u - m5 0 0\n51 p sent u 0-5 m5 0 0\n60 w1 begun g 0-5 m5 1 5\n61 w1 finished g 0-5 m5 1 5\n"},
    {"AnotherPartitionsOrder", "50 p sending t - m5 0 0\n51 p sent t 1-5 m5 0 0\n60 w1 begun g 1-5 m5 1 5\n61 w1 finished g 1-5 m5 1 5\n"},
    {"AnotherGroupAtTheSameTime", "11 w4 begun other 0-10 m0 1 5\n12 w4 finished other 0-10 m0 1 5\n13 w4 confirmed other 0-10 - 0 0\n"},
    {"AHandOutThatIsNewerThanAnAckThatWasNeverConfirmed",
     m5_begun + "101 w1 finished g 0-25 m5 1 5\n8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2},
    {"AWorkerThatWasKilled", m5_begun + "110 c killed - - w1 0 0\n111 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2},
    {"AWorkerThatWasFrozenForTheWholeTimeout", m5_begun + "110 c frozen - - w1 0 0\n8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 +
                                                   "12000 c thawed - - w1 0 0\n12001 w1 finished g 0-25 m5 1 5\n"},
    {"AWorkerThatWasKilledWhileFrozen",
     m5_begun + "110 c frozen - - w1 0 0\n8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 + "12000 c killed - - w1 0 0\n"},
    {"AThawedWorkerBeginsWhatStoodInItsQueue",
     "50 p sending t - m5 0 0\n51 p sent t 0-25 m5 0 0\n110 c frozen - - w1 0 0\n8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 +
         "12000 c thawed - - w1 0 0\n12001 w1 begun g 0-25 m5 1 5\n12002 w1 interrupted g 0-25 m5 1 5\n"},
    {"AWorkerThatDidNotComeBackToTheNewBroker",
     m5_begun + "110 c killed - - taktd 0 0\n120 c started - - taktd 0 0\n10200 w2 begun g 0-25 m5 1 6\n"
                "10201 w2 finished g 0-25 m5 1 6\n10202 w2 confirmed g 0-25 - 0 0\n11000 w1 finished g 0-25 m5 1 5\n"},
    {"AWorkerThatIsToldToStopAndDoes", m5_begun + "8000 w2 begun g 0-25 m5 1 6\n" + m5_done_by_w2 + "8100 w1 interrupted g 0-25 m5 1 5\n"},
};

class AllowedHistory : public ::testing::TestWithParam<Allowed> {};

TEST_P(AllowedHistory, IsFoundInOrder) {
  const auto verdict = judge(entries_of(in_order + GetParam().lines), options());
  EXPECT_THAT(kinds_of(verdict), IsEmpty()) << verdict;
}

INSTANTIATE_TEST_SUITE_P(Checker, AllowedHistory, ::testing::ValuesIn(allowed), [](const auto& instance) { return instance.param.name; });

TEST(Checker, CountsWhatItJudges) {
  const auto verdict =
      judge(entries_of(in_order + "50 p sending t - m5 0 0\n50 p sending t - m6 0 0\n51 p refused t - m6 0 0\n"), options());
  EXPECT_EQ(verdict.acknowledged, 4u);
  EXPECT_EQ(verdict.refused, 1u);
  EXPECT_EQ(verdict.unknown, 1u);
  EXPECT_EQ(verdict.unknown_but_stored, 0u);
  EXPECT_EQ(verdict.begun, 6u);
  EXPECT_EQ(verdict.begun_again, 1u);
  EXPECT_EQ(verdict.late_finishes, 0u);
  EXPECT_EQ(verdict.confirmed, 5u);
  EXPECT_EQ(verdict.run_once, 1u);
  EXPECT_EQ(verdict.follow_ups, 1u);
}

TEST(Checker, CountsALateFinish) {
  const auto verdict = judge(entries_of(in_order + allowed[8].lines), options());
  EXPECT_EQ(verdict.late_finishes, 1u) << verdict;
}

TEST(Checker, MissesEveryMessageOfAGroupThatNeverCame) {
  const auto verdict = judge(entries_of(in_order), {.groups = {"g", "absent"}});
  EXPECT_THAT(kinds_of(verdict), ElementsAre(Kind::kLost, Kind::kLost, Kind::kLost, Kind::kLost)) << verdict;
}

TEST(Checker, MissesTheFinishOfAMessageWhoseAckWasConfirmed) {
  const auto verdict = judge(entries_of(without(in_order, "11 w1 finished g 0-10 m0 1 5")), options());
  EXPECT_THAT(kinds_of(verdict), ElementsAre(Kind::kLost, Kind::kConfirmedUnasked)) << verdict;
}

TEST(Checker, ShowsTheLinesThatProveIt) {
  std::ostringstream text;
  text << judge(entries_of(in_order + "50 w2 begun g 0-10 m0 1 6\n51 w2 finished g 0-10 m0 1 6\n"), options());
  EXPECT_THAT(text.str(), ::testing::EndsWith("violations=1\n"
                                              "  came again: m0 (0-10) in group g, w2 under token 6\n"
                                              "    15000000 w1 confirmed g 0-10 - 0 0\n"
                                              "    50000000 w2 begun g 0-10 m0 1 6"));
}

TEST(Checker, RefusesToJudgeWhatContradictsItself) {
  for (const auto* line : {"50 p sending t - m0 0 0\n", "50 w1 finished g 0-10 m0 1 9\n", "50 w1 begun g - m0 1 9\n",
                           "50 w1 begun g 0:10 m0 1 9\n", "50 c thawed - - w1 0 0\n"})
    EXPECT_THROW(judge(entries_of(in_order + line), options()), std::runtime_error) << line;
}

/// Every message is sent, begun, finished and confirmed; every tenth is handed out twice, as its worker is killed.
void write_big_history(const std::filesystem::path& folder, std::size_t messages) {
  std::ofstream producer(folder / "producer.ledger");
  std::ofstream worker(folder / "a-worker.ledger");  // is read before the producer's
  std::int64_t at = 1'000'000'000;
  const auto write = [&](std::ofstream& file, const char* actor, LedgerEvent event, const std::string& id, const std::string& payload,
                         std::uint64_t token) {
    file << line_of({std::chrono::nanoseconds(at += 1'000), actor, event, "g", id, payload, 1, token}) << '\n';
  };
  write(worker, "chaos", LedgerEvent::kKilled, "-", "victim", 0);
  for (std::size_t i = 0; i < messages; ++i) {
    const std::string id = std::to_string(i % 4) + "-" + std::to_string(i);
    const std::string payload = "producer-" + std::to_string(i);
    write(producer, "producer", LedgerEvent::kSending, "-", payload, 0);
    write(producer, "producer", LedgerEvent::kSent, id, payload, 0);
    if (i % 10 == 0) write(worker, "victim", LedgerEvent::kBegun, id, payload, i);
    write(worker, "heir", LedgerEvent::kBegun, id, payload, i + 1);
    write(worker, "heir", LedgerEvent::kFinished, id, payload, i + 1);
    write(worker, "heir", LedgerEvent::kConfirmed, id, "-", 0);
  }
}

TEST(Checker, JudgesAMillionEntriesOfALongRun) {
  constexpr std::size_t messages = 200'000;
  const TempFolder folder;
  write_big_history(folder.path(), messages);
  const auto verdict = judge_folder(folder.path(), options());
  EXPECT_THAT(kinds_of(verdict), IsEmpty()) << verdict;
  EXPECT_GT(verdict.entries, 1'000'000u);
  EXPECT_EQ(verdict.acknowledged, messages);
  EXPECT_EQ(verdict.begun_again, messages / 10);
  EXPECT_EQ(verdict.confirmed, messages);
}

TEST(Ledger, ReadsBackWhatWasWrittenAndLeavesOutATornLine) {
  const TempFolder folder;
  const auto file = folder.path() / "a.ledger";
  {
    LedgerWriter writer(file, "w1");
    writer.write(LedgerEvent::kBegun, "g", "0-17", "p1;work=3", {.attempt = 2, .token = 1'000'000'000'000});
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
  EXPECT_EQ(entries[0].token, 1'000'000'000'000u);
}

TEST(Ledger, NamesTheLineThatItCannotRead) {
  for (const auto* line :
       {"x w1 begun g 0-1 m 1 2", "5 w1 begun g 0-1 m 1", "5 w1 begun g 0-1 m 1 2 3", "5 w1 bygone g 0-1 m 1 2", "5 w1"}) {
    const TempFolder folder;
    std::ofstream(folder.path() / "a.ledger") << "5 w1 begun g 0-1 m 1 2\n" << line << '\n';
    try {
      read_ledgers(folder.path());
      ADD_FAILURE() << line;
    } catch (const std::runtime_error& refusal) {
      EXPECT_THAT(refusal.what(), ::testing::HasSubstr("a.ledger:2: not a ledger line: " + std::string(line)));
    }
  }
}

}  // namespace
}  // namespace takt::testing
