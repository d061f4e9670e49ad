#include "examples/photo/operations.h"

#include <stb/stb_image_resize.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace photo {
namespace {

/// Half of a symmetric kernel: weights[0] is the middle, and the whole sums to 1.
std::vector<float> gaussian_weights(double sigma) {
  const int reach = std::max(1, static_cast<int>(std::ceil(3.0 * sigma)));
  std::vector<double> raw;
  raw.reserve(static_cast<std::size_t>(reach) + 1);
  double sum = 0.0;
  for (int i = 0; i <= reach; ++i) {
    raw.push_back(std::exp(-0.5 * i * i / (sigma * sigma)));
    sum += i == 0 ? raw.back() : 2.0 * raw.back();
  }
  std::vector<float> weights;
  weights.reserve(raw.size());
  for (const double weight : raw) weights.push_back(static_cast<float>(weight / sum));
  return weights;
}

/// One row with `reach` pixels repeated on both sides, as floats.
void pad_row(const std::uint8_t* row, int width, int reach, std::vector<float>& padded) {
  const auto channel_of = [&](int x, int channel) {
    const int inside = std::clamp(x, 0, width - 1);
    return static_cast<float>(row[static_cast<std::ptrdiff_t>(inside) * color_channels + channel]);
  };
  auto out = padded.begin();
  for (int x = -reach; x < width + reach; ++x) {
    for (int channel = 0; channel < color_channels; ++channel) *out++ = channel_of(x, channel);
  }
}

/// Adds `weight` * (left + right) to `out`, sample by sample; the loop that the compiler makes wide.
void add_pair(float* out, const float* left, const float* right, float weight, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] += weight * (left[i] + right[i]);
}

std::vector<float> blurred_along_rows(const Image& image, const std::vector<float>& weights) {
  const int reach = static_cast<int>(weights.size()) - 1;
  const std::size_t row_samples = image.row_samples();
  std::vector<float> out(image.samples.size());
  std::vector<float> padded(row_samples + static_cast<std::size_t>(2 * reach) * color_channels);
  for (int y = 0; y < image.size.height; ++y) {
    pad_row(image.row(y), image.size.width, reach, padded);
    float* target = out.data() + static_cast<std::size_t>(y) * row_samples;
    const float* middle = padded.data() + static_cast<std::size_t>(reach) * color_channels;
    for (std::size_t i = 0; i < row_samples; ++i) target[i] = weights[0] * middle[i];
    for (std::size_t tap = 1; tap < weights.size(); ++tap) {
      add_pair(target, middle - tap * color_channels, middle + tap * color_channels, weights[tap], row_samples);
    }
  }
  return out;
}

std::uint8_t to_sample(float value) { return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F)); }

Image blurred_along_columns(const std::vector<float>& rows, Size size, const std::vector<float>& weights) {
  Image out(size);
  const std::size_t row_samples = out.row_samples();
  const auto row_at = [&](int y) { return rows.data() + static_cast<std::size_t>(std::clamp(y, 0, size.height - 1)) * row_samples; };
  std::vector<float> sums(row_samples);
  for (int y = 0; y < size.height; ++y) {
    const float* middle = row_at(y);
    for (std::size_t i = 0; i < row_samples; ++i) sums[i] = weights[0] * middle[i];
    for (int tap = 1; tap < static_cast<int>(weights.size()); ++tap) {
      add_pair(sums.data(), row_at(y - tap), row_at(y + tap), weights[static_cast<std::size_t>(tap)], row_samples);
    }
    std::transform(sums.begin(), sums.end(), out.row(y), to_sample);
  }
  return out;
}

}  // namespace

Size fitted(Size of, int long_edge) {
  const double factor = static_cast<double>(long_edge) / std::max(of.width, of.height);
  const auto scaled = [&](int edge) { return std::max(1, static_cast<int>(std::lround(edge * factor))); };
  return {scaled(of.width), scaled(of.height)};
}

Image resized(const Image& image, Size to) {
  if (to == image.size) return image;
  Image out(to);
  stbir_resize_uint8(image.samples.data(), image.size.width, image.size.height, 0, out.samples.data(), to.width, to.height, 0,
                     color_channels);
  return out;
}

Image thumbnail(const Image& image, int long_edge) { return resized(image, fitted(image.size, long_edge)); }

Result<Image> cropped(const Image& image, Region region) {
  constexpr int whole = 1000;
  if (region.left < 0 || region.top < 0 || region.width <= 0 || region.height <= 0 || region.left + region.width > whole ||
      region.top + region.height > whole) {
    return problem("the crop region leaves the picture: left " + std::to_string(region.left) + ", top " + std::to_string(region.top) +
                   ", width " + std::to_string(region.width) + ", height " + std::to_string(region.height) + " thousandths");
  }
  const auto part = [](int edge, int thousandths) { return static_cast<int>(static_cast<std::int64_t>(edge) * thousandths / whole); };
  const int left = part(image.size.width, region.left);
  const int top = part(image.size.height, region.top);
  Image out({std::max(1, part(image.size.width, region.width)), std::max(1, part(image.size.height, region.height))});
  for (int y = 0; y < out.size.height; ++y) {
    const auto* from = image.row(top + y) + static_cast<std::ptrdiff_t>(left) * color_channels;
    std::copy_n(from, out.row_samples(), out.row(y));
  }
  return out;
}

Image blurred(const Image& image, double sigma) {
  const auto weights = gaussian_weights(sigma);
  return blurred_along_columns(blurred_along_rows(image, weights), image.size, weights);
}

Image sharpened(const Image& image, double sigma, double amount) {
  Image out = blurred(image, sigma);
  const auto factor = static_cast<float>(amount);
  for (std::size_t i = 0; i < out.samples.size(); ++i) {
    const auto original = static_cast<float>(image.samples[i]);
    out.samples[i] = to_sample(original + factor * (original - static_cast<float>(out.samples[i])));
  }
  return out;
}

}  // namespace photo
