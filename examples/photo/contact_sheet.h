#pragma once
// One picture that shows what a run made: a strip per photo with the original and its results, each framed in the
// colour of the worker that made it, under a title and a legend.

#include <string>
#include <vector>

#include "examples/photo/image.h"

namespace photo {

/// Colour of the n-th worker; eight that are told apart on a dark ground, then again from the first.
Color worker_color(std::size_t index);
/// Frame of what no worker made.
Color neutral_color();

struct SheetTile {
  Image picture;         ///< any size; scaled down to fit
  std::string caption;
  Color frame = neutral_color();
};
struct SheetStrip {
  std::string title;
  std::vector<SheetTile> tiles;
};
struct SheetLegend {
  Color color;
  std::string text;
};
struct SheetContent {
  std::string title;
  std::string subtitle;
  std::vector<SheetLegend> legend;
  std::vector<SheetStrip> strips;
};

/// Largest picture that a tile shows; callers scale down to this before they keep many.
inline constexpr int sheet_tile_edge = 224;

inline constexpr std::size_t sheet_strips_max = 60;

/// Two strips side by side when there are more than one. Strips beyond sheet_strips_max are left out.
Image compose_sheet(const SheetContent& content);

}  // namespace photo
