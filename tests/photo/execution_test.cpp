#include "examples/photo/execution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "examples/photo/files.h"
#include "examples/photo/tally.h"
#include "examples/photo/verdict.h"
#include "tests/photo/pictures.h"
#include "tests/support/temp_folder.h"

namespace photo {
namespace {

using takt::testing::TempFolder;
using testing::HasSubstr;

class Execution : public testing::Test {
 protected:
  Execution() {
    test::write_bytes(folder_.path() / "photo.jpg", test::jpeg_of(test::sample_picture({160, 120})));
    test::write_bytes(folder_.path() / "broken.jpg", {0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3});
    run_ = *make_run_folder(folder_.path() / "run");
  }

  Job job(const std::string& name = "0001-thumbnail-photo", const char* photo = "photo.jpg") const {
    return ThumbnailJob{.job = name, .source = (folder_.path() / photo).string(), .long_edge = 40};
  }
  Conclusion execute(const std::string& worker, const Job& one, const std::stop_token& stop = {}) const {
    auto ledger = Ledger::open(run_.ledger(), worker);
    return execute_once(run_, *ledger, one, {.message = "0-7", .attempt = 1, .worker = worker}, stop);
  }
  Tally tally() const {
    Tally tally;
    const auto lines = LedgerReader(run_.ledger()).read_new();
    for (const auto& line : *lines) tally.add(line);
    return tally;
  }
  static std::size_t files_in(const std::filesystem::path& folder) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
  }

  TempFolder folder_;
  RunFolder run_;
};

TEST_F(Execution, LeavesOutputRecordAndLedgerThatAgree) {
  EXPECT_EQ(execute("one", job()).ending, Ending::kDone);
  const auto effect = find_effect(run_, "0001-thumbnail-photo");
  ASSERT_TRUE(effect);
  EXPECT_EQ(effect->worker, "one");
  EXPECT_EQ(effect->message, "0-7");
  EXPECT_GE(effect->end_ms, effect->start_ms);
  EXPECT_EQ(effect->hash, hash_of(*read_file(effect->output)));
  EXPECT_EQ(load_jpeg(effect->output)->size, (Size{40, 30}));
  EXPECT_EQ(tally().finished(), 1u);
  EXPECT_EQ(tally().executions(), 1u);
}

TEST_F(Execution, OfAFinishedJobIsARepeatAndNoSecondEffect) {
  EXPECT_EQ(execute("one", job()).ending, Ending::kDone);
  const auto written = std::filesystem::last_write_time(find_effect(run_, "0001-thumbnail-photo")->output);
  EXPECT_EQ(execute("two", job()).ending, Ending::kDone);
  EXPECT_EQ(find_effect(run_, "0001-thumbnail-photo")->worker, "one");
  EXPECT_EQ(std::filesystem::last_write_time(find_effect(run_, "0001-thumbnail-photo")->output), written);
  EXPECT_EQ(tally().executions(), 2u);
  EXPECT_EQ(tally().repeats(), 1u);
  EXPECT_EQ(tally().redelivered(), 1u);
  EXPECT_EQ(tally().effects_by_job().at("0001-thumbnail-photo"), 1u);
}

TEST_F(Execution, TakesEffectOnceUnderARaceOfManyWorkers) {
  constexpr int workers = 8;
  constexpr int rounds = 10;
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < workers; ++i) {
      threads.emplace_back(
          [&, i] { EXPECT_EQ(execute("worker-" + std::to_string(i), job("job-" + std::to_string(round))).ending, Ending::kDone); });
    }
  }
  EXPECT_EQ(tally().executions(), static_cast<std::uint64_t>(workers * rounds));
  EXPECT_EQ(tally().repeats(), static_cast<std::uint64_t>((workers - 1) * rounds));
  EXPECT_EQ(files_in(run_.effects()), static_cast<std::size_t>(rounds));
  EXPECT_EQ(files_in(run_.outputs()), static_cast<std::size_t>(rounds)) << "no temporary file is left";
}

TEST_F(Execution, OfACorruptPhotoIsDeadWithAText) {
  const auto conclusion = execute("one", job("0002-thumbnail-broken", "broken.jpg"));
  EXPECT_EQ(conclusion.ending, Ending::kDead);
  EXPECT_THAT(conclusion.text, HasSubstr("broken.jpg is not a readable JPEG"));
  EXPECT_THAT(tally().dead().at("0002-thumbnail-broken"), HasSubstr("not a readable JPEG"));
  EXPECT_FALSE(find_effect(run_, "0002-thumbnail-broken"));
}

TEST_F(Execution, GivesTheJobBackWhenItMustStop) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(execute("one", job(), stop.get_token()).ending, Ending::kRelease);
  EXPECT_FALSE(find_effect(run_, "0001-thumbnail-photo"));
  EXPECT_TRUE(tally().of("one").running.empty());
}

TEST_F(Execution, RefusesAJobWhoseNameLeavesTheFolder) {
  EXPECT_EQ(execute("one", job("../escape")).ending, Ending::kDead);
  EXPECT_FALSE(std::filesystem::exists(run_.root / "escape.jpg"));
}

TEST_F(Execution, AsksForAnotherTryWhenTheOutputCannotBeWritten) {
  std::filesystem::remove_all(run_.outputs());
  const auto conclusion = execute("one", job());
  EXPECT_EQ(conclusion.ending, Ending::kRetry);
  EXPECT_THAT(conclusion.text, HasSubstr("No such file"));
}

TEST_F(Execution, AsksForAnotherTryWhileThePhotoIsNotThere) {
  const auto conclusion = execute("one", job("0001-thumbnail-late", "late.jpg"));
  EXPECT_EQ(conclusion.ending, Ending::kRetry);
  EXPECT_THAT(conclusion.text, HasSubstr("late.jpg is not there yet"));
  test::write_bytes(folder_.path() / "late.jpg", test::jpeg_of(test::sample_picture({160, 120})));
  EXPECT_EQ(execute("one", job("0001-thumbnail-late", "late.jpg")).ending, Ending::kDone);
  EXPECT_EQ(tally().finished(), 1u);
}

TEST_F(Execution, OfAKilledWorkerShowsAsRunning) {
  auto ledger = Ledger::open(run_.ledger(), "one");
  ASSERT_TRUE(ledger->append({.event = LedgerEvent::kStarted, .job = "a", .kind = "photo.blur", .message = "0-3", .worker = "one"}));
  EXPECT_EQ(tally().of("one").running.at("0-3"), "a");
}

TEST_F(Execution, IsCreditedAsRedeliveredToTheSecondWorkerWhateverTheFilesOrder) {
  const auto started = [](const std::string& worker, std::int64_t at) {
    return LedgerLine{.event = LedgerEvent::kStarted, .job = "a", .kind = "photo.blur", .message = "0-3", .worker = worker, .start_ms = at};
  };
  for (const auto& [first, second] : {std::pair("one", "two"), std::pair("four", "three")}) {
    const auto run = *make_run_folder(folder_.path() / first);
    ASSERT_TRUE(Ledger::open(run.ledger(), first)->append(started(first, 1'000)));
    ASSERT_TRUE(Ledger::open(run.ledger(), second)->append(started(second, 2'000)));
    Tally tally;
    const auto evidence = gather_evidence(run);
    for (const auto& line : evidence->ledger) tally.add(line);
    EXPECT_EQ(tally.of(first).redelivered, 0u);
    EXPECT_EQ(tally.of(second).redelivered, 1u);
  }
}

TEST_F(Execution, LedgerReaderWaitsForTheRestOfALine) {
  LedgerReader reader(run_.ledger());
  const std::string line = to_json_line({.event = LedgerEvent::kStarted, .job = "a", .message = "0-3", .worker = "one"});
  std::ofstream out(run_.ledger() / "one.ndjson", std::ios::app);
  out << line.substr(0, 20) << std::flush;
  EXPECT_TRUE(reader.read_new()->empty());
  out << line.substr(20) << "\n" << std::flush;
  EXPECT_EQ(reader.read_new()->size(), 1u);
  EXPECT_TRUE(reader.read_new()->empty());
  out << "garbage\n" << std::flush;
  EXPECT_THAT(reader.read_new().error().text, HasSubstr("garbage"));
}

TEST(RemoveParts, TakesUnfinishedFilesOnly) {
  const TempFolder folder;
  for (const auto* name : {".part-12-0", ".part-13-4", "a.jpg", "part.jpg"}) test::write_bytes(folder.path() / name, {1});
  EXPECT_EQ(*remove_parts(folder.path()), 2u);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "a.jpg"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "part.jpg"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / ".part-12-0"));
  EXPECT_FALSE(remove_parts(folder.path() / "none"));
}

TEST(RunFolder, ReplacesAnEarlierRunAndNothingElse) {
  const TempFolder folder;
  ASSERT_TRUE(make_run_folder(folder.path() / "run"));
  test::write_bytes(folder.path() / "run" / "outputs" / "old.jpg", {1});
  ASSERT_TRUE(make_run_folder(folder.path() / "run"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "run" / "outputs" / "old.jpg"));

  std::filesystem::create_directory(folder.path() / "mine");
  test::write_bytes(folder.path() / "mine" / "letter.txt", {1});
  const auto refused = make_run_folder(folder.path() / "mine");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("was not made by an earlier run: name another folder by --out"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "mine" / "letter.txt"));
}

}  // namespace
}  // namespace photo
