#pragma once
// Pictures that tests make for themselves.

#include <filesystem>

#include "examples/photo/image.h"

namespace photo::test {

/// Horizontal and vertical ramps with a checkerboard: every operation changes it in a way that can be computed.
Image sample_picture(Size size);
/// Left half `left`, right half `right`.
Image two_halves(Size size, Color left, Color right);

void write_bytes(const std::filesystem::path& path, const Bytes& bytes);
Bytes jpeg_of(const Image& image, int quality = 95);

}  // namespace photo::test
