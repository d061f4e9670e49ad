#include "cli/suggest.h"

#include <gtest/gtest.h>

#include <vector>

namespace takt::cli {
namespace {

const std::vector<std::string> commands{"send", "topics", "groups", "peek", "tail", "bench", "version"};

TEST(Suggest, CountsASwapOfNeighboursAsOneEdit) {
  EXPECT_EQ(edit_distance("send", "send"), 0u);
  EXPECT_EQ(edit_distance("sned", "send"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Suggest, FindsTheCommandBehindASlip) {
  EXPECT_EQ(nearest("sned", commands), "send");
  EXPECT_EQ(nearest("topic", commands), "topics");
  EXPECT_EQ(nearest("tial", commands), "tail");
  EXPECT_EQ(nearest("verison", commands), "version");
}

TEST(Suggest, FindsTheOnlyCommandThatBeginsLikeThis) { EXPECT_EQ(nearest("ver", commands), "version"); }

TEST(Suggest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("frobnicate", commands), std::nullopt);
  EXPECT_EQ(nearest("x", commands), std::nullopt);
  EXPECT_EQ(nearest("send", {}), std::nullopt);
}

}  // namespace
}  // namespace takt::cli
