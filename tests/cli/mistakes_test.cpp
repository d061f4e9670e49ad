// Makes every mistake of the list with the real programs and compares what the user reads, word for word.
// TAKT_UPDATE_MISTAKES=1 rewrites the expected texts and docs/mistakes.md instead: read the difference before you commit it.

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/cli/child.h"
#include "tests/cli/mistake.h"
#include "tests/support/temp_broker.h"

namespace takt::mistakes {

/// For GoogleTest's messages.
void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.run; }

namespace {

namespace fs = std::filesystem;

const fs::path table_folder = fs::path(TAKT_SOURCE_DIR) / "tests/cli/mistakes";
const fs::path page_path = fs::path(TAKT_SOURCE_DIR) / "docs/mistakes.md";
const std::vector<std::string> areas{"cli", "config", "sdk"};

bool updating() { return std::getenv("TAKT_UPDATE_MISTAKES") != nullptr; }

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

Table table_of(const std::string& area) { return parse_table(read_file(table_folder / (area + ".txt"))); }

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
}

/// One live broker for all mistakes that need one; each uses topics of its own.
testing::TempBroker& broker() {
  static testing::TempBroker live;
  return live;
}

class Stage {
 public:
  explicit Stage(const Mistake& mistake) : server_(mistake.broker ? broker().address() : closed_.text()) {
    if (!mistake.config.empty()) write_file(config(), mistake.config);
  }

  Ended run(const std::string& command, const std::string& input) const {
    std::vector<std::string> words = split_words(command);
    for (auto& word : words) {
      replace_all(word, "{server}", server_);
      replace_all(word, "{config}", config().string());
      if (word.find("{big}") != std::string::npos) write_file(big(), std::string(17u << 20, 'x'));
      if (word.find("{photo}") != std::string::npos) write_file(photo(), std::string(600, 'x'));
      replace_all(word, "{big}", big().string());
      replace_all(word, "{photo}", photo().string());
      replace_all(word, "{dir}", folder_.path().string());
    }
    std::vector<std::string> variables{"TAKT_SERVER=" + server_, "NO_COLOR=1"};
    while (words.front().find('=') != std::string::npos) {  // as in a shell: NAME=VALUE takt ...
      variables.push_back(words.front());
      words.erase(words.begin());
    }
    static const std::map<std::string, std::string> programs{{"takt", TAKT_PATH}, {"taktd", TAKTD_PATH}, {"sdk", SDK_MISTAKES_PATH}};
    words.front() = programs.at(words.front());
    Ended ended = run_program(words, variables, input);
    replace_all(ended.err, server_, "{server}");
    replace_all(ended.err, server_.substr(server_.rfind('/') + 1), "{address}");
    replace_all(ended.err, config().string(), "{config}");
    replace_all(ended.err, big().string(), "{big}");
    replace_all(ended.err, folder_.path().string(), "{dir}");
    return ended;
  }

 private:
  fs::path config() const { return folder_.path() / "takt.toml"; }
  fs::path photo() const { return folder_.path() / "photo.jpg"; }
  fs::path big() const { return folder_.path() / "big.jpg"; }

  testing::TempFolder folder_;
  ClosedAddress closed_;
  std::string server_;
};

Ended make(const Mistake& mistake) {
  const Stage stage(mistake);
  for (const auto& command : mistake.before) {
    const Ended ended = stage.run(command, "");
    EXPECT_EQ(ended.exit, 0) << command << "\n" << ended.err;
  }
  return stage.run(mistake.run, mistake.input);
}

class MistakeTest : public ::testing::TestWithParam<Mistake> {};

TEST_P(MistakeTest, IsAnsweredInTheseWords) {
  if (updating()) GTEST_SKIP() << "the texts are being rewritten";
  const Mistake& mistake = GetParam();
  const Ended ended = make(mistake);
  EXPECT_EQ(ended.err, mistake.text);
  EXPECT_EQ(ended.exit, mistake.exit);
  EXPECT_EQ(ended.out, "") << "an error leaves stdout to results";
}

std::string test_name(const Mistake& mistake) {
  std::string name;
  bool upper = true;
  for (const char c : mistake.title) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      upper = true;
      continue;
    }
    name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return name;
}

const auto named = [](const ::testing::TestParamInfo<Mistake>& info) { return test_name(info.param); };

INSTANTIATE_TEST_SUITE_P(CommandLine, MistakeTest, ::testing::ValuesIn(table_of("cli").mistakes), named);
INSTANTIATE_TEST_SUITE_P(Config, MistakeTest, ::testing::ValuesIn(table_of("config").mistakes), named);
INSTANTIATE_TEST_SUITE_P(Sdk, MistakeTest, ::testing::ValuesIn(table_of("sdk").mistakes), named);

std::vector<Table> all_tables() {
  std::vector<Table> tables;
  for (const auto& area : areas) tables.push_back(table_of(area));
  return tables;
}

TEST(MistakeList, HasAtLeastFortyAndEachOnce) {
  std::set<std::string> titles;
  std::size_t count = 0;
  for (const Table& table : all_tables()) {
    for (const Mistake& mistake : table.mistakes) titles.insert(mistake.title);
    count += table.mistakes.size();
  }
  EXPECT_GE(count, 40u);
  EXPECT_EQ(titles.size(), count);
}

TEST(MistakeList, AlwaysSaysWhatToDo) {
  if (updating()) GTEST_SKIP() << "the texts are being rewritten";
  for (const Table& table : all_tables()) {
    for (const Mistake& mistake : table.mistakes) {
      EXPECT_NE(mistake.exit, 0) << mistake.title;
      const bool labelled = mistake.text.starts_with("error ") || mistake.text.starts_with("TK") || mistake.text.starts_with("deleting ");
      EXPECT_TRUE(labelled) << mistake.title << ": " << mistake.text;
      EXPECT_GE(mistake.text.size(), 40u) << mistake.title << ": too short to say what, where and what to do";
    }
  }
}

TEST(MistakeList, IsWrittenAsItIsRead) {
  if (updating()) GTEST_SKIP() << "the texts are being rewritten";
  for (const auto& area : areas) EXPECT_EQ(write_table(table_of(area)), read_file(table_folder / (area + ".txt"))) << area;
}

TEST(MistakeList, IsThePageThatUsersSearch) {
  if (updating()) GTEST_SKIP() << "the page is being rewritten";
  EXPECT_EQ(read_file(page_path), write_page(all_tables())) << "run this test with TAKT_UPDATE_MISTAKES=1";
}

TEST(MistakeList, IsRewrittenOnDemand) {
  if (!updating()) GTEST_SKIP() << "TAKT_UPDATE_MISTAKES is not set";
  std::vector<Table> tables = all_tables();
  for (std::size_t i = 0; i < tables.size(); ++i) {
    for (Mistake& mistake : tables[i].mistakes) {
      const Ended ended = make(mistake);
      mistake.text = ended.err;
      mistake.exit = ended.exit;
    }
    write_file(table_folder / (areas[i] + ".txt"), write_table(tables[i]));
  }
  write_file(page_path, write_page(tables));
}

}  // namespace
}  // namespace takt::mistakes
