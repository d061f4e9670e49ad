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

TEST(Table, EscapesControlsBeyondAsciiAndThoseThatTurnTheWriting) {
  EXPECT_EQ(printable("a\xC2\x9B"
                      "2Jb\xC2\x80"),
            "a\\u009b2Jb\\u0080");
  EXPECT_EQ(printable("a\u202Egpj.exe\u2066\u2069"), "a\\u202egpj.exe\\u2066\\u2069");
  EXPECT_EQ(printable("\u00A0\u2029\u202F\u2065\u206A größe 写真 \xC2"), "\u00A0\u2029\u202F\u2065\u206A größe 写真 \xC2");
}

}  // namespace
}  // namespace takt::cli
