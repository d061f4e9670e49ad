#include "examples/photo/operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/photo/pictures.h"

namespace photo {
namespace {

using test::sample_picture;
using test::two_halves;
using testing::HasSubstr;

constexpr Color dark{60, 60, 60};
constexpr Color light{180, 180, 180};

TEST(Fitted, KeepsProportionsAndNeverVanishes) {
  EXPECT_EQ(fitted({4000, 3000}, 400), (Size{400, 300}));
  EXPECT_EQ(fitted({3000, 4000}, 400), (Size{300, 400}));
  EXPECT_EQ(fitted({5000, 2}, 100), (Size{100, 1}));
}

TEST(Thumbnail, FitsTheLongEdge) {
  const Image small = thumbnail(two_halves({300, 200}, dark, light), 90);
  EXPECT_EQ(small.size, (Size{90, 60}));
  EXPECT_EQ(small.at(5, 30), dark);
  EXPECT_EQ(small.at(85, 30), light);
}

TEST(Cropped, TakesExactlyTheRegion) {
  const Image picture = sample_picture({200, 100});
  const auto part = cropped(picture, {.left = 250, .top = 500, .width = 500, .height = 300});
  ASSERT_TRUE(part);
  ASSERT_EQ(part->size, (Size{100, 30}));
  for (int y = 0; y < 30; ++y) {
    for (int x = 0; x < 100; ++x) ASSERT_EQ(part->at(x, y), picture.at(50 + x, 50 + y));
  }
}

TEST(Cropped, IsNeverEmpty) {
  const auto part = cropped(sample_picture({3, 3}), {.left = 999, .top = 999, .width = 1, .height = 1});
  ASSERT_TRUE(part);
  EXPECT_EQ(part->size, (Size{1, 1}));
}

TEST(Cropped, RefusesARegionOutsideThePicture) {
  const auto part = cropped(sample_picture({20, 20}), {.left = 600, .top = 0, .width = 500, .height = 100});
  ASSERT_FALSE(part);
  EXPECT_THAT(part.error().text, HasSubstr("leaves the picture: left 600"));
}

TEST(Blurred, LeavesAPlainPictureAlone) {
  const Image plain({40, 30}, light);
  EXPECT_EQ(blurred(plain, 3.0), plain);
}

TEST(Blurred, SpreadsAPointAsAGaussian) {
  Image point({41, 41});
  point.set(20, 20, {255, 255, 255});
  const Image soft = blurred(point, 1.5);
  const double peak = 255.0 / (2.0 * 3.14159265 * 1.5 * 1.5);
  EXPECT_NEAR(soft.at(20, 20).red, peak, 1.0);
  EXPECT_NEAR(soft.at(22, 20).red, peak * std::exp(-4.0 / 4.5), 1.0);
  EXPECT_EQ(soft.at(22, 20), soft.at(18, 20));
  EXPECT_EQ(soft.at(22, 20), soft.at(20, 22));
  EXPECT_EQ(soft.at(0, 0).red, 0);
}

TEST(Blurred, SoftensAnEdgeByItsSigma) {
  const Image edge = two_halves({80, 20}, dark, light);
  const Image soft = blurred(edge, 4.0);
  EXPECT_NEAR(soft.at(39, 10).red, 114, 3);
  EXPECT_EQ(soft.at(5, 10), dark);
  // One sigma from the edge a Gaussian has let through 84 %.
  EXPECT_NEAR(soft.at(44, 10).red, 60 + 0.84 * 120, 6);
}

TEST(Blurred, WorksOnAPictureSmallerThanItsReach) { EXPECT_EQ(blurred(Image({1, 1}, light), 9.0), Image({1, 1}, light)); }

TEST(Sharpened, OvershootsAtAnEdgeAndNowhereElse) {
  const Image edge = two_halves({80, 20}, dark, light);
  const Image crisp = sharpened(edge, 2.0, 1.0);
  EXPECT_LT(crisp.at(39, 10).red, dark.red - 20);
  EXPECT_GT(crisp.at(40, 10).red, light.red + 20);
  EXPECT_EQ(crisp.at(5, 10), dark);
  EXPECT_EQ(crisp.at(75, 10), light);
}

TEST(Operations, GiveTheSamePictureEachTime) {
  const Image picture = sample_picture({90, 70});
  EXPECT_EQ(sharpened(picture, 1.3, 0.7), sharpened(picture, 1.3, 0.7));
  EXPECT_EQ(thumbnail(picture, 33), thumbnail(picture, 33));
}

}  // namespace
}  // namespace photo
