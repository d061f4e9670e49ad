#pragma once
// The four things that the example does to a photo, as functions of a value: the same picture and the same numbers
// give the same samples, on every worker and at every attempt.

#include "examples/photo/image.h"

namespace photo {

/// A part of a picture in thousandths of its edges, so that it fits any photo.
struct Region {
  int left = 0;
  int top = 0;
  int width = 1000;
  int height = 1000;
};

/// The largest size with `of`'s proportions whose longer edge is `long_edge` (at least 1 pixel each way). Enlarges too.
Size fitted(Size of, int long_edge);

Image resized(const Image& image, Size to);
/// Fits `image` into a square of `long_edge`.
Image thumbnail(const Image& image, int long_edge);

/// The part of `image` under `region`, at least one pixel; a region that leaves the picture is a Problem.
Result<Image> cropped(const Image& image, Region region);

/// Gaussian blur, edges repeated. `sigma` in pixels, above 0. Cost: about 12 * sigma multiplications per sample.
Image blurred(const Image& image, double sigma);

/// Unsharp mask: adds `amount` times what a blur of `sigma` takes away.
Image sharpened(const Image& image, double sigma, double amount);

}  // namespace photo
