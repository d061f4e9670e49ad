#include "proto/text.h"

#include <gtest/gtest.h>

namespace takt {
namespace {

TEST(Text, TakesWellFormedUtf8) {
  for (const std::string_view text :
       {"", "a", "twelve bytes", "K\xC3\xB6ln", "\xE2\x82\xAC", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(text)) << quote(text);
  }
}

TEST(Text, RefusesEveryOtherForm) {
  for (const std::string_view text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x9F\xBF", "\xE2\x82", "\xE2(\xA1", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF0\x90\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "long enough for words\xFF"}) {
    EXPECT_FALSE(is_utf8(text)) << quote(text);
  }
}

TEST(Text, QuotesWhatCannotBeShown) {
  EXPECT_EQ(quote("a b"), "'a b'");
  EXPECT_EQ(quote("K\xC3\xB6ln\n"), "'K\\xc3\\xb6ln\\x0a'");
  EXPECT_EQ(quote(std::string(65, 'x')), "'" + std::string(64, 'x') + "'...");
}

}  // namespace
}  // namespace takt
