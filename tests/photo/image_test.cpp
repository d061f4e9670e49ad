#include "examples/photo/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cstdlib>

#include "tests/photo/pictures.h"
#include "tests/support/temp_folder.h"

namespace photo {
namespace {

using takt::testing::TempFolder;
using test::jpeg_of;
using test::sample_picture;
using test::two_halves;
using test::write_bytes;
using testing::HasSubstr;

constexpr Color red{220, 20, 20};
constexpr Color blue{20, 20, 220};

bool is_near(Color a, Color b) {
  const auto close = [](int left, int right) { return std::abs(left - right) <= 12; };
  return close(a.red, b.red) && close(a.green, b.green) && close(a.blue, b.blue);
}

/// Puts an Exif block that says `orientation` behind the start marker.
Bytes with_orientation(const Bytes& jpeg, std::uint8_t orientation) {
  const Bytes exif{0xFF, 0xE1, 0,    34,   'E', 'x', 'i', 'f', 0, 0, 'M', 'M',         0, 42, 0, 0, 0, 8,
                   0,    1,    0x01, 0x12, 0,   3,   0,   0,   0, 1, 0,   orientation, 0, 0,  0, 0, 0, 0};
  Bytes out(jpeg.begin(), jpeg.begin() + 2);
  out.insert(out.end(), exif.begin(), exif.end());
  out.insert(out.end(), jpeg.begin() + 2, jpeg.end());
  return out;
}

TEST(Jpeg, ComesBackAsItWasSaved) {
  const TempFolder folder;
  const Image picture = two_halves({64, 48}, red, blue);
  write_bytes(folder.path() / "a.jpg", jpeg_of(picture));
  const auto loaded = load_jpeg(folder.path() / "a.jpg");
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->size, picture.size);
  EXPECT_TRUE(is_near(loaded->at(8, 24), red));
  EXPECT_TRUE(is_near(loaded->at(56, 24), blue));
}

TEST(Jpeg, GivesTheSameBytesForTheSamePicture) {
  const Image picture = sample_picture({200, 100});
  EXPECT_EQ(jpeg_of(picture, 80), jpeg_of(picture, 80));
  EXPECT_LT(jpeg_of(picture, 40).size(), jpeg_of(picture, 95).size());
}

TEST(Jpeg, TellsItsSizeFromTheHeader) {
  const TempFolder folder;
  write_bytes(folder.path() / "a.jpg", jpeg_of(sample_picture({123, 45})));
  const auto size = jpeg_size(folder.path() / "a.jpg");
  ASSERT_TRUE(size);
  EXPECT_EQ(*size, (Size{123, 45}));
}

TEST(Jpeg, ScalesWhileItDecodesToTheSmallestSizeThatIsEnough) {
  const TempFolder folder;
  write_bytes(folder.path() / "a.jpg", jpeg_of(sample_picture({800, 400})));
  const auto loaded = [&](int long_edge) { return load_jpeg(folder.path() / "a.jpg", long_edge)->size; };
  EXPECT_EQ(loaded(100), (Size{100, 50}));
  EXPECT_EQ(loaded(101), (Size{200, 100}));
  EXPECT_EQ(loaded(400), (Size{400, 200}));
  EXPECT_EQ(loaded(5000), (Size{800, 400}));
  EXPECT_EQ(loaded(0), (Size{800, 400}));
}

TEST(Jpeg, IsTurnedUprightAsTheCameraSays) {
  const TempFolder folder;
  const Bytes plain = jpeg_of(two_halves({64, 32}, red, blue));
  // 6: the top of the scene is the file's left edge, so red lies on top. 3: upside down, so red lies right.
  write_bytes(folder.path() / "6.jpg", with_orientation(plain, 6));
  const auto sideways = load_jpeg(folder.path() / "6.jpg");
  ASSERT_TRUE(sideways);
  EXPECT_EQ(sideways->size, (Size{32, 64}));
  EXPECT_EQ(*jpeg_size(folder.path() / "6.jpg"), (Size{32, 64}));
  EXPECT_TRUE(is_near(sideways->at(16, 8), red));
  EXPECT_TRUE(is_near(sideways->at(16, 56), blue));
  write_bytes(folder.path() / "3.jpg", with_orientation(plain, 3));
  EXPECT_TRUE(is_near(load_jpeg(folder.path() / "3.jpg")->at(56, 16), red));
}

TEST(Jpeg, TurnsAQuarterTheRightWayRound) {
  const TempFolder folder;
  Image picture({64, 32}, blue);
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 32; ++x) picture.set(x, y, red);  // upper left quarter of the file
  }
  const Bytes plain = jpeg_of(picture);
  const auto corner_is_red = [&](std::uint8_t orientation, int x, int y) {
    write_bytes(folder.path() / "q.jpg", with_orientation(plain, orientation));
    return is_near(load_jpeg(folder.path() / "q.jpg")->at(x, y), red);
  };
  EXPECT_TRUE(corner_is_red(1, 8, 8));
  EXPECT_TRUE(corner_is_red(2, 56, 8));
  EXPECT_TRUE(corner_is_red(3, 56, 24));
  EXPECT_TRUE(corner_is_red(4, 8, 24));
  EXPECT_TRUE(corner_is_red(5, 8, 8));
  EXPECT_TRUE(corner_is_red(6, 24, 8));
  EXPECT_TRUE(corner_is_red(7, 24, 56));
  EXPECT_TRUE(corner_is_red(8, 8, 56));
}

TEST(Jpeg, RefusesADamagedFileWithItsName) {
  const TempFolder folder;
  Bytes bytes = jpeg_of(sample_picture({320, 240}));
  bytes.resize(bytes.size() / 2);
  write_bytes(folder.path() / "half.jpg", bytes);
  const auto half = load_jpeg(folder.path() / "half.jpg");
  ASSERT_FALSE(half);
  EXPECT_THAT(half.error().text, HasSubstr("half.jpg is not a readable JPEG"));
  write_bytes(folder.path() / "text.jpg", {'h', 'e', 'l', 'l', 'o'});
  const auto text = load_jpeg(folder.path() / "text.jpg");
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().text, HasSubstr("Not a JPEG file"));
  EXPECT_FALSE(jpeg_size(folder.path() / "text.jpg"));
}

TEST(Jpeg, SaysThatAFileIsMissing) {
  const auto missing = load_jpeg("/nowhere/a.jpg");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().text, HasSubstr("/nowhere/a.jpg cannot be opened: No such file"));
}

TEST(Png, HoldsEverySampleExactly) {
  const Image picture = sample_picture({70, 50});
  const auto bytes = encode_png(picture);
  ASSERT_TRUE(bytes);
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  ASSERT_TRUE(png_image_begin_read_from_memory(&png, bytes->data(), bytes->size()));
  png.format = PNG_FORMAT_RGB;
  Image back({static_cast<int>(png.width), static_cast<int>(png.height)});
  ASSERT_TRUE(png_image_finish_read(&png, nullptr, back.samples.data(), 0, nullptr));
  EXPECT_EQ(back, picture);
}

}  // namespace
}  // namespace photo
