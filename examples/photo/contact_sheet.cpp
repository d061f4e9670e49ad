#include "examples/photo/contact_sheet.h"

#include <algorithm>
#include <array>

#include "examples/photo/font.h"
#include "examples/photo/operations.h"

namespace photo {
namespace {

constexpr Color background{22, 24, 29};
constexpr Color panel{33, 36, 43};
constexpr Color mat{15, 16, 20};
constexpr Color bright{240, 242, 246};
constexpr Color soft{158, 166, 180};

constexpr int margin = 36;
constexpr int gap = 14;
constexpr int frame = 4;
constexpr int tile_width = sheet_tile_edge;
constexpr int tile_height = sheet_tile_edge * 3 / 4;
constexpr int caption_height = 28;
constexpr int strip_title_height = 34;
constexpr int strip_padding = 16;
constexpr int header_height = 86;
constexpr int legend_line_height = 32;

constexpr TextStyle title_style{.color = bright, .dot = 4.0, .bold = true};
constexpr TextStyle subtitle_style{.color = soft, .dot = 2.25};
constexpr TextStyle legend_style{.color = bright, .dot = 2.0};
constexpr TextStyle strip_style{.color = bright, .dot = 2.0, .bold = true};
constexpr TextStyle caption_style{.color = soft, .dot = 1.6};

struct Box {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

void fill(Image& sheet, Box box, Color color) {
  for (int y = std::max(0, box.y); y < std::min(sheet.size.height, box.y + box.height); ++y) {
    for (int x = std::max(0, box.x); x < std::min(sheet.size.width, box.x + box.width); ++x) sheet.set(x, y, color);
  }
}

void paste(Image& sheet, const Image& picture, int x, int y) {
  for (int line = 0; line < picture.size.height; ++line) {
    std::copy_n(picture.row(line), picture.row_samples(), sheet.row(y + line) + static_cast<std::ptrdiff_t>(x) * color_channels);
  }
}

Size fitted_into(Size of, Size room) {
  const Size by_height = fitted(of, of.height >= of.width ? room.height : std::max(1, room.height * of.width / of.height));
  if (by_height.width <= room.width && by_height.height <= room.height) return by_height;
  const Size by_width = fitted(of, of.width >= of.height ? room.width : std::max(1, room.width * of.height / of.width));
  return {std::min(by_width.width, room.width), std::min(by_width.height, room.height)};
}

void draw_tile(Image& sheet, const SheetTile& tile, int x, int y) {
  fill(sheet, {x, y, tile_width, tile_height}, tile.frame);
  const Box inside{x + frame, y + frame, tile_width - 2 * frame, tile_height - 2 * frame};
  fill(sheet, inside, mat);
  if (tile.picture.size.width > 0 && tile.picture.size.height > 0) {
    const Image small = resized(tile.picture, fitted_into(tile.picture.size, {inside.width, inside.height}));
    paste(sheet, small, inside.x + (inside.width - small.size.width) / 2, inside.y + (inside.height - small.size.height) / 2);
  }
  draw_text(sheet, x + 2, y + tile_height + 7, shortened(tile.caption, tile_width, caption_style), caption_style);
}

int strip_width(std::size_t tiles) {
  return 2 * strip_padding + static_cast<int>(tiles) * tile_width + (static_cast<int>(tiles) - 1) * gap;
}

constexpr int strip_height = 2 * strip_padding + strip_title_height + tile_height + caption_height - 8;

void draw_strip(Image& sheet, const SheetStrip& strip, Box box) {
  fill(sheet, box, panel);
  draw_text(sheet, box.x + strip_padding, box.y + strip_padding, shortened(strip.title, box.width - 2 * strip_padding, strip_style),
            strip_style);
  int x = box.x + strip_padding;
  for (const auto& tile : strip.tiles) {
    draw_tile(sheet, tile, x, box.y + strip_padding + strip_title_height);
    x += tile_width + gap;
  }
}

/// Where each legend entry goes, wrapped at the sheet's width, relative to the legend's upper left corner.
std::vector<Box> legend_places(const std::vector<SheetLegend>& legend, int width) {
  constexpr int swatch_and_gap = 26;
  constexpr int between = 34;
  std::vector<Box> places;
  int x = 0;
  int y = 0;
  for (const auto& entry : legend) {
    const int needed = swatch_and_gap + text_width(entry.text, legend_style);
    if (x > 0 && x + needed > width) {
      x = 0;
      y += legend_line_height;
    }
    places.push_back({x, y, needed, legend_line_height});
    x += needed + between;
  }
  return places;
}

void draw_legend(Image& sheet, const std::vector<SheetLegend>& legend, const std::vector<Box>& places, int top) {
  for (std::size_t i = 0; i < legend.size(); ++i) {
    const int x = margin + places[i].x;
    const int y = top + places[i].y;
    fill(sheet, {x, y, 16, 16}, legend[i].color);
    draw_text(sheet, x + 26, y + 1, legend[i].text, legend_style);
  }
}

}  // namespace

Color worker_color(std::size_t index) {
  static constexpr std::array<Color, 8> colors{
      {{255, 176, 0}, {70, 180, 255}, {88, 214, 141}, {255, 99, 132}, {178, 132, 255}, {64, 224, 208}, {255, 140, 66}, {220, 220, 90}}};
  return colors[index % colors.size()];
}

Color neutral_color() { return {92, 98, 110}; }

Image compose_sheet(const SheetContent& content) {
  const std::size_t strips = std::min(content.strips.size(), sheet_strips_max);
  std::size_t tiles = 1;
  for (const auto& strip : content.strips) tiles = std::max(tiles, strip.tiles.size());
  const std::size_t columns = strips > 1 ? 2 : 1;
  const auto lines = static_cast<int>((strips + columns - 1) / columns);
  const int one = strip_width(tiles);
  const int inner = static_cast<int>(columns) * one + (static_cast<int>(columns) - 1) * gap;

  const auto legend = legend_places(content.legend, inner);
  const int legend_height = legend.empty() ? 0 : legend.back().y + legend_line_height;
  const int top = margin + header_height + legend_height + 4;
  Image sheet({2 * margin + inner, top + lines * (strip_height + gap) - gap + margin}, background);

  draw_text(sheet, margin, margin, shortened(content.title, inner, title_style), title_style);
  draw_text(sheet, margin, margin + 44, shortened(content.subtitle, inner, subtitle_style), subtitle_style);
  draw_legend(sheet, content.legend, legend, margin + header_height);
  for (std::size_t i = 0; i < strips; ++i) {
    const int column = static_cast<int>(i % columns);
    const int line = static_cast<int>(i / columns);
    draw_strip(sheet, content.strips[i], {margin + column * (one + gap), top + line * (strip_height + gap), one, strip_height});
  }
  return sheet;
}

}  // namespace photo
