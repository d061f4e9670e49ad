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
