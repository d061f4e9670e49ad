// End to end: photo_demo with real processes, a real broker and a real kill -9, on photos made here.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "examples/photo/files.h"
#include "examples/photo/process.h"
#include "tests/photo/pictures.h"
#include "tests/support/temp_folder.h"

namespace photo {
namespace {

using namespace std::chrono_literals;
using takt::testing::TempFolder;
using testing::HasSubstr;

struct DemoResult {
  ProcessEnd end;
  std::string output;
};

class Demo : public testing::Test {
 protected:
  Demo() {
    std::filesystem::create_directory(photos());
    for (int i = 0; i < 5; ++i) {
      test::write_bytes(photos() / ("photo-" + std::to_string(i) + ".jpg"),
                        test::jpeg_of(test::sample_picture({1600 - 100 * i, 1000 + 100 * i})));
    }
  }
  std::filesystem::path photos() const { return folder_.path() / "photos"; }
  std::filesystem::path out() const { return folder_.path() / "out"; }

  DemoResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--out", out().string(), "--photos", photos().string(), "--small"});
    auto process =
        Process::start({.name = "photo_demo", .program = TAKT_PHOTO_DEMO, .arguments = arguments, .log = folder_.path() / "log"});
    if (!process) return {.end = {.exit_code = 99}, .output = process.error().text};
    const auto end = process->wait_end(280s);
    return {.end = end ? *end : process->kill(), .output = log_tail(folder_.path() / "log", 200)};
  }
  nlohmann::json report() const { return nlohmann::json::parse(*read_file(out() / "report.json")); }

  TempFolder folder_;
};

TEST_F(Demo, FinishesEveryJobOnceThoughAWorkerIsKilled) {
  const auto result = run({"--jobs", "120"});
  ASSERT_TRUE(result.end.is_success()) << result.end.text() << "\n" << result.output;
  const auto numbers = report();
  EXPECT_EQ(numbers["enqueued"], 120);
  EXPECT_EQ(numbers["finished"], 120);
  EXPECT_EQ(numbers["lost"], 0);
  EXPECT_EQ(numbers["killed"], 1);
  EXPECT_GE(numbers["redelivered"], 2);
  EXPECT_EQ(numbers["effects_per_job_most"], 1);
  EXPECT_EQ(numbers["owed_by_broker"], 0);
  EXPECT_GE(numbers["killed_at_percent"], 30.0);
  EXPECT_LE(numbers["killed_at_percent"], 60.0);
  EXPECT_EQ(numbers["workers"].size(), 4u);
  EXPECT_GE(numbers["workers"][0]["in_hand_when_killed"].size(), 2u);
  const auto& later = numbers["later"];
  EXPECT_GE(later["delayed_after_ms"], later["delay_ms"]);
  EXPECT_EQ(later["nights"].size(), 3u);
  EXPECT_THAT(later["nights"][0].get<std::string>(), testing::MatchesRegex("nightly-album@20..-..-..T0[01]:30:00Z"));
  EXPECT_THAT(later["occurrence"].get<std::string>(), testing::StartsWith("nightly-album@20"));
  EXPECT_THAT(later["dead_because"].get<std::string>(), HasSubstr("attempts: "));
  EXPECT_THAT(later["dead_because"].get<std::string>(), HasSubstr("is not there yet"));
  ASSERT_EQ(later["waits_ms"].size(), 3u);
  EXPECT_GE(later["waits_ms"][0], 100);
  EXPECT_GE(later["waits_ms"][1], 200);
  EXPECT_GE(later["waits_ms"][2], 400);
  EXPECT_EQ(later["redriven"], true);
  const auto sheet = read_file(out() / "contact-sheet.png");
  ASSERT_TRUE(sheet);
  EXPECT_TRUE(sheet->starts_with("\x89PNG"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(out() / "run" / "outputs"), {}), 120);
}

TEST_F(Demo, EndsACorruptPhotosJobsAsDeadWithAText) {
  Bytes half = test::jpeg_of(test::sample_picture({900, 700}));
  half.resize(half.size() / 2);
  test::write_bytes(photos() / "broken.jpg", half);
  const auto result = run({"--jobs", "120"});
  ASSERT_TRUE(result.end.is_success()) << result.end.text() << "\n" << result.output;
  const auto numbers = report();
  EXPECT_EQ(numbers["enqueued"], 120);
  EXPECT_EQ(numbers["finished"], 100);
  EXPECT_EQ(numbers["dead"], 20);
  EXPECT_EQ(numbers["lost"], 0);
  ASSERT_EQ(numbers["dead_jobs"].size(), 20u);
  EXPECT_THAT(numbers["dead_jobs"][0]["reason"].get<std::string>(), HasSubstr("broken.jpg is not a readable JPEG"));
}

TEST_F(Demo, SaysWhatIsWrongWithTheFolder) {
  std::filesystem::remove_all(photos());
  auto result = run({});
  EXPECT_EQ(result.end.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("photos does not exist: name a folder with photos by --photos"));
  std::filesystem::create_directory(photos());
  test::write_bytes(photos() / "only.jpg", {1, 2, 3});
  result = run({});
  EXPECT_EQ(result.end.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("none of the photos tried can be read"));
  EXPECT_FALSE(std::filesystem::exists(out() / "report.json"));
}

}  // namespace
}  // namespace photo
