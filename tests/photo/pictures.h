#pragma once
// Pictures and folders that tests make for themselves.

#include <filesystem>

#include "examples/photo/image.h"

namespace photo::test {

/// Horizontal and vertical ramps with a checkerboard: every operation changes it in a way that can be computed.
Image sample_picture(Size size);
/// Left half `left`, right half `right`.
Image two_halves(Size size, Color left, Color right);

void write_bytes(const std::filesystem::path& path, const Bytes& bytes);
Bytes jpeg_of(const Image& image, int quality = 95);

/// A folder of its own, removed at the end of its scope.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace photo::test
