#include "cli/table.h"

#include <gtest/gtest.h>

namespace takt::cli {
namespace {

Table sample() {
  Table table({{"TOPIC"}, {"MESSAGES", Align::kRight}, {"KEEP"}});
  table.add({"photos", "12,345", "-"});
  table.add({"größe", "7", "1h"});
  return table;
}

TEST(Table, AlignsTextLeftAndNumbersRightByVisibleWidth) {
  EXPECT_EQ(sample().render(Color::kOff),
            "TOPIC   MESSAGES  KEEP\n"
            "photos    12,345  -\n"
            "größe          7  1h\n");
}

TEST(Table, IsColouredInItsTitleOnly) {
  const std::string plain = sample().render(Color::kOff);
  const std::string coloured = sample().render(Color::kOn);
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  EXPECT_LT(coloured.rfind('\x1b'), coloured.find('\n'));
}

TEST(Table, LetsNoCellDriveTheTerminal) {
  Table table({{"TOPIC"}});
  table.add({"a\x1b[2Jb\n"});
  EXPECT_EQ(table.render(Color::kOff), "TOPIC\na\\x1b[2Jb\\x0a\n");
}

}  // namespace
}  // namespace takt::cli
