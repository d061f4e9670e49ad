#include "examples/photo/contact_sheet.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "examples/photo/font.h"
#include "tests/photo/pictures.h"

namespace photo {
namespace {

using test::sample_picture;

std::size_t count_of(const Image& image, Color color) {
  std::size_t found = 0;
  for (int y = 0; y < image.size.height; ++y) {
    for (int x = 0; x < image.size.width; ++x) found += image.at(x, y) == color ? 1 : 0;
  }
  return found;
}

SheetContent content_of(std::size_t strips) {
  SheetContent content{.title = "Title", .subtitle = "what happened", .legend = {{worker_color(0), "worker-1"}}, .strips = {}};
  for (std::size_t i = 0; i < strips; ++i) {
    SheetStrip strip{.title = "photo", .tiles = {}};
    for (std::size_t tile = 0; tile < 5; ++tile) strip.tiles.push_back({sample_picture({200, 150}), "caption", worker_color(tile)});
    content.strips.push_back(std::move(strip));
  }
  return content;
}

TEST(ContactSheet, FramesEachTileInItsWorkersColor) {
  const Image sheet = compose_sheet(content_of(2));
  constexpr std::size_t frame_pixels = 2 * 4 * (224 + 168 - 2 * 4);
  for (std::size_t worker = 1; worker < 5; ++worker) EXPECT_EQ(count_of(sheet, worker_color(worker)), 2 * frame_pixels);
  EXPECT_GT(count_of(sheet, worker_color(0)), 2 * frame_pixels) << "and its swatch in the legend";
}

TEST(ContactSheet, GrowsByALineForEveryTwoStrips) {
  const int one = compose_sheet(content_of(2)).size.height;
  EXPECT_EQ(compose_sheet(content_of(1)).size.height, one);
  EXPECT_GT(compose_sheet(content_of(3)).size.height, one);
  EXPECT_EQ(compose_sheet(content_of(3)).size, compose_sheet(content_of(4)).size);
}

TEST(ContactSheet, DrawsAtMostSixtyStrips) { EXPECT_EQ(compose_sheet(content_of(80)).size, compose_sheet(content_of(60)).size); }

TEST(ContactSheet, TakesPicturesOfAnyShape) {
  SheetContent content = content_of(1);
  content.strips[0].tiles[0].picture = sample_picture({2000, 3});
  content.strips[0].tiles[1].picture = sample_picture({3, 2000});
  content.strips[0].tiles[2].picture = Image();
  content.strips[0].tiles[3].picture = sample_picture({1, 1});
  EXPECT_GT(compose_sheet(content).size.width, 0);
}

TEST(Text, LeavesInkForEveryPrintableLetterButTheSpace) {
  for (char letter = ' '; letter <= '~'; ++letter) {
    Image image({20, 24});
    draw_text(image, 2, 2, std::string(1, letter), {.color = {255, 255, 255}});
    EXPECT_EQ(letter == ' ', image == Image({20, 24})) << letter;
  }
}

TEST(Text, TellsEveryLetterFromEveryOther) {
  std::vector<Image> drawn;
  for (char letter = ' '; letter <= '~'; ++letter) {
    Image image({20, 24});
    draw_text(image, 2, 2, std::string(1, letter), {.color = {255, 255, 255}});
    EXPECT_EQ(std::count(drawn.begin(), drawn.end(), image), 0) << letter;
    drawn.push_back(std::move(image));
  }
}

TEST(Text, IsCutOffAtThePicturesEdges) {
  Image image({30, 10});
  draw_text(image, -7, -5, "cut off on every side", {.color = {255, 255, 255}});
  EXPECT_NE(image, Image({30, 10}));
}

TEST(Text, IsShortenedToItsRoom) {
  const TextStyle style{.color = {}, .dot = 2.0};
  EXPECT_EQ(shortened("abcdefghij", 60, style), "abc..");
  EXPECT_EQ(shortened("abcde", 60, style), "abcde");
  EXPECT_EQ(shortened("abcdef", 12, style), "a");
}

}  // namespace
}  // namespace photo
