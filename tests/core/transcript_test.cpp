#include "tests/core/transcript.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace takt::core::test {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Every file of tests/golden/core: the commands must give the answers that stand below them.
/// TAKT_WRITE_GOLDEN=1 writes the answers instead; read the difference before you commit it.
TEST(Transcript, GivesTheAnswersThatTheFileHas) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TAKT_GOLDEN_CORE)) {
    if (entry.path().extension() != ".txt") continue;
    ++files;
    SCOPED_TRACE(entry.path().filename().string());
    const std::string expected = read(entry.path());
    const std::string actual = run_transcript(expected);
    if (std::getenv("TAKT_WRITE_GOLDEN") != nullptr)
      std::ofstream(entry.path()) << actual;
    else
      EXPECT_EQ(actual, expected);
  }
  EXPECT_GE(files, 10);
}

}  // namespace
}  // namespace takt::core::test
