#pragma once
// Text on pictures without a font library: one face, 5 x 8 dots a letter (the last row is for descenders), printable
// ASCII. Drawn larger, the dots are interpolated, which rounds corners and diagonals.

#include <string>
#include <string_view>

#include "examples/photo/image.h"

namespace photo {

struct TextStyle {
  Color color;
  double dot = 2.0;   ///< pixels per dot: a line is 8 dots high, a letter 6 wide with its gap
  bool bold = false;
};

/// Pixels that `text` takes from edge to edge.
int text_width(std::string_view text, const TextStyle& style);
int text_height(const TextStyle& style);

/// Draws with the upper left corner at (x, y), cut off at the picture's edges. Other bytes than printable ASCII
/// become `?`.
void draw_text(Image& image, int x, int y, std::string_view text, const TextStyle& style);

/// `text` as it fits into `width` pixels, shortened at its end with "..".
std::string shortened(std::string_view text, int width, const TextStyle& style);

}  // namespace photo
