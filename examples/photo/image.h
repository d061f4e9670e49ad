#pragma once
// Pictures in memory, and JPEG and PNG as bytes. Every failure of the libraries ends here as a Problem.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "examples/photo/problem.h"

namespace photo {

struct Color {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  friend bool operator==(const Color&, const Color&) = default;
};

struct Size {
  int width = 0;
  int height = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

inline constexpr int color_channels = 3;
/// More than any camera makes today, and what one worker thread can hold (600 MB).
inline constexpr std::int64_t image_pixels_max = 200'000'000;

/// 8-bit RGB, rows from the top, no padding.
struct Image {
  Size size;
  std::vector<std::uint8_t> samples;  ///< size.width * size.height * color_channels

  Image() = default;
  explicit Image(Size s, Color fill = {});

  std::uint8_t* row(int y) { return samples.data() + static_cast<std::size_t>(y) * row_samples(); }
  const std::uint8_t* row(int y) const { return samples.data() + static_cast<std::size_t>(y) * row_samples(); }
  std::size_t row_samples() const { return static_cast<std::size_t>(size.width) * color_channels; }
  Color at(int x, int y) const;
  void set(int x, int y, Color color);

  friend bool operator==(const Image&, const Image&) = default;
};

using Bytes = std::vector<std::uint8_t>;

/// Size of a JPEG as a viewer shows it (after the camera's orientation), from its header alone.
Result<Size> jpeg_size(const std::filesystem::path& path);

/// Decodes and turns the picture upright. With `long_edge_min` > 0 the decoder scales down while it decodes (1/8 to
/// 8/8), to the smallest size whose longer edge is still at least that: a fraction of the work of a full decode.
/// A picture with missing or damaged data is a Problem, not a grey area.
Result<Image> load_jpeg(const std::filesystem::path& path, int long_edge_min = 0);

/// `quality` 1 to 100. The same image and quality give the same bytes.
Result<Bytes> encode_jpeg(const Image& image, int quality = 88);
Result<Bytes> encode_png(const Image& image);

}  // namespace photo
