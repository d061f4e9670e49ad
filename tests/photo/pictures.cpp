#include "tests/photo/pictures.h"

#include <gtest/gtest.h>

#include <fstream>

namespace photo::test {

Image sample_picture(Size size) {
  Image image(size);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const bool light = ((x / 8) + (y / 8)) % 2 == 0;
      image.set(x, y,
                {static_cast<std::uint8_t>(x * 255 / size.width), static_cast<std::uint8_t>(y * 255 / size.height),
                 static_cast<std::uint8_t>(light ? 200 : 60)});
    }
  }
  return image;
}

Image two_halves(Size size, Color left, Color right) {
  Image image(size, left);
  for (int y = 0; y < size.height; ++y) {
    for (int x = size.width / 2; x < size.width; ++x) image.set(x, y, right);
  }
  return image;
}

void write_bytes(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(out.good()) << path;
}

Bytes jpeg_of(const Image& image, int quality) {
  auto bytes = encode_jpeg(image, quality);
  return bytes ? *bytes : Bytes{};
}

}  // namespace photo::test
