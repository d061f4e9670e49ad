#include "examples/photo/font.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace photo {
namespace {

constexpr int letter_dots_wide = 5;
constexpr int letter_dots_high = 8;
constexpr int advance_dots = 6;
constexpr char first_letter = ' ';

using Glyph = std::string_view;  // 8 rows of 5, a space between them; '#' is a dot
Glyph glyph_of(char letter);

double dot_at(Glyph glyph, int x, int y) {
  if (x < 0 || y < 0 || x >= letter_dots_wide || y >= letter_dots_high) return 0.0;
  return glyph[static_cast<std::size_t>(y) * (letter_dots_wide + 1) + static_cast<std::size_t>(x)] == '#' ? 1.0 : 0.0;
}

/// How much of the point (x, y), in dots, is ink: interpolated between the centres of dots, then made steep.
double ink_at(Glyph glyph, double x, double y, double steepness) {
  const double left = std::floor(x - 0.5);
  const double top = std::floor(y - 0.5);
  const double along = x - 0.5 - left;
  const double down = y - 0.5 - top;
  const int column = static_cast<int>(left);
  const int line = static_cast<int>(top);
  const double upper = dot_at(glyph, column, line) * (1 - along) + dot_at(glyph, column + 1, line) * along;
  const double lower = dot_at(glyph, column, line + 1) * (1 - along) + dot_at(glyph, column + 1, line + 1) * along;
  return std::clamp((upper * (1 - down) + lower * down - 0.5) * steepness + 0.5, 0.0, 1.0);
}

std::uint8_t mixed(std::uint8_t under, std::uint8_t over, double share) {
  return static_cast<std::uint8_t>(std::lround(under + (over - under) * share));
}

void draw_letter(Image& image, int x, int y, Glyph glyph, const TextStyle& style) {
  const int width = static_cast<int>(std::ceil(advance_dots * style.dot));
  const int height = text_height(style);
  const double steepness = std::max(1.0, style.dot * 0.9);
  for (int dy = std::max(0, -y); dy < height && y + dy < image.size.height; ++dy) {
    for (int dx = std::max(0, -x); dx < width && x + dx < image.size.width; ++dx) {
      const double at_x = (dx + 0.5) / style.dot;
      const double at_y = (dy + 0.5) / style.dot;
      double ink = ink_at(glyph, at_x, at_y, steepness);
      if (style.bold) ink = std::max(ink, ink_at(glyph, at_x - 0.5, at_y, steepness));
      if (ink <= 0.0) continue;
      const Color under = image.at(x + dx, y + dy);
      image.set(
          x + dx, y + dy,
          {mixed(under.red, style.color.red, ink), mixed(under.green, style.color.green, ink), mixed(under.blue, style.color.blue, ink)});
    }
  }
}

}  // namespace

int text_width(std::string_view text, const TextStyle& style) {
  return static_cast<int>(std::ceil(static_cast<double>(text.size()) * advance_dots * style.dot));
}

int text_height(const TextStyle& style) { return static_cast<int>(std::ceil(letter_dots_high * style.dot)); }

void draw_text(Image& image, int x, int y, std::string_view text, const TextStyle& style) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    draw_letter(image, x + static_cast<int>(std::lround(static_cast<double>(i) * advance_dots * style.dot)), y, glyph_of(text[i]), style);
  }
}

std::string shortened(std::string_view text, int width, const TextStyle& style) {
  if (text_width(text, style) <= width) return std::string(text);
  constexpr std::string_view cut = "..";
  const auto letters = static_cast<std::size_t>(std::max(0.0, width / (advance_dots * style.dot)));
  if (letters <= cut.size()) return std::string(text.substr(0, letters));
  return std::string(text.substr(0, letters - cut.size())) + std::string(cut);
}

namespace {

constexpr std::array<Glyph, 95> glyphs{
    "..... ..... ..... ..... ..... ..... ..... .....",  // space
    "..#.. ..#.. ..#.. ..#.. ..#.. ..... ..#.. .....",  // !
    ".#.#. .#.#. .#.#. ..... ..... ..... ..... .....",  // "
    ".#.#. .#.#. ##### .#.#. ##### .#.#. .#.#. .....",  // #
    "..#.. .#### #.#.. .###. ..#.# ####. ..#.. .....",  // $
    "##..# ##..# ...#. ..#.. .#... #..## #..## .....",  // %
    ".##.. #..#. #.#.. .#... #.#.# #..#. .##.# .....",  // &
    "..#.. ..#.. ..#.. ..... ..... ..... ..... .....",  // '
    "...#. ..#.. .#... .#... .#... ..#.. ...#. .....",  // (
    ".#... ..#.. ...#. ...#. ...#. ..#.. .#... .....",  // )
    "..... ..#.. #.#.# .###. #.#.# ..#.. ..... .....",  // *
    "..... ..#.. ..#.. ##### ..#.. ..#.. ..... .....",  // +
    "..... ..... ..... ..... ..... ..#.. ..#.. .#...",  // ,
    "..... ..... ..... .###. ..... ..... ..... .....",  // -
    "..... ..... ..... ..... ..... ..... ..#.. .....",  // .
    "....# ....# ...#. ..#.. .#... #.... #.... .....",  // /
    ".###. #...# #..## #.#.# ##..# #...# .###. .....",  // 0
    "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###. .....",  // 1
    ".###. #...# ....# ...#. ..#.. .#... ##### .....",  // 2
    ".###. #...# ....# ..##. ....# #...# .###. .....",  // 3
    "...#. ..##. .#.#. #..#. ##### ...#. ...#. .....",  // 4
    "##### #.... ####. ....# ....# #...# .###. .....",  // 5
    "..##. .#... #.... ####. #...# #...# .###. .....",  // 6
    "##### ....# ...#. ..#.. .#... .#... .#... .....",  // 7
    ".###. #...# #...# .###. #...# #...# .###. .....",  // 8
    ".###. #...# #...# .#### ....# ...#. .##.. .....",  // 9
    "..... ..... ..#.. ..... ..... ..#.. ..... .....",  // :
    "..... ..... ..#.. ..... ..... ..#.. ..#.. .#...",  // ;
    "...#. ..#.. .#... #.... .#... ..#.. ...#. .....",  // <
    "..... ..... .###. ..... .###. ..... ..... .....",  // =
    ".#... ..#.. ...#. ....# ...#. ..#.. .#... .....",  // >
    ".###. #...# ....# ...#. ..#.. ..... ..#.. .....",  // ?
    ".###. #...# #.### #.#.# #.### #.... .#### .....",  // @
    "..#.. .#.#. #...# #...# ##### #...# #...# .....",  // A
    "####. #...# #...# ####. #...# #...# ####. .....",  // B
    ".###. #...# #.... #.... #.... #...# .###. .....",  // C
    "####. #...# #...# #...# #...# #...# ####. .....",  // D
    "##### #.... #.... ####. #.... #.... ##### .....",  // E
    "##### #.... #.... ####. #.... #.... #.... .....",  // F
    ".###. #...# #.... #.### #...# #...# .###. .....",  // G
    "#...# #...# #...# ##### #...# #...# #...# .....",  // H
    ".###. ..#.. ..#.. ..#.. ..#.. ..#.. .###. .....",  // I
    "..### ...#. ...#. ...#. ...#. #..#. .##.. .....",  // J
    "#...# #..#. #.#.. ##... #.#.. #..#. #...# .....",  // K
    "#.... #.... #.... #.... #.... #.... ##### .....",  // L
    "#...# ##.## #.#.# #.#.# #...# #...# #...# .....",  // M
    "#...# ##..# #.#.# #..## #...# #...# #...# .....",  // N
    ".###. #...# #...# #...# #...# #...# .###. .....",  // O
    "####. #...# #...# ####. #.... #.... #.... .....",  // P
    ".###. #...# #...# #...# #.#.# #..#. .##.# .....",  // Q
    "####. #...# #...# ####. #.#.. #..#. #...# .....",  // R
    ".#### #.... #.... .###. ....# ....# ####. .....",  // S
    "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#.. .....",  // T
    "#...# #...# #...# #...# #...# #...# .###. .....",  // U
    "#...# #...# #...# #...# #...# .#.#. ..#.. .....",  // V
    "#...# #...# #...# #.#.# #.#.# ##.## #...# .....",  // W
    "#...# #...# .#.#. ..#.. .#.#. #...# #...# .....",  // X
    "#...# #...# .#.#. ..#.. ..#.. ..#.. ..#.. .....",  // Y
    "##### ....# ...#. ..#.. .#... #.... ##### .....",  // Z
    ".###. .#... .#... .#... .#... .#... .###. .....",  // [
    "#.... #.... .#... ..#.. ...#. ....# ....# .....",  // backslash
    ".###. ...#. ...#. ...#. ...#. ...#. .###. .....",  // ]
    "..#.. .#.#. #...# ..... ..... ..... ..... .....",  // ^
    "..... ..... ..... ..... ..... ..... ##### .....",  // _
    ".#... ..#.. ..... ..... ..... ..... ..... .....",  // `
    "..... ..... .###. ....# .#### #...# .#### .....",  // a
    "#.... #.... ####. #...# #...# #...# ####. .....",  // b
    "..... ..... .#### #.... #.... #.... .#### .....",  // c
    "....# ....# .#### #...# #...# #...# .#### .....",  // d
    "..... ..... .###. #...# ##### #.... .#### .....",  // e
    "..##. .#... .#... ####. .#... .#... .#... .....",  // f
    "..... ..... .#### #...# #...# .#### ....# .###.",  // g
    "#.... #.... ####. #...# #...# #...# #...# .....",  // h
    "..#.. ..... .##.. ..#.. ..#.. ..#.. .###. .....",  // i
    "...#. ..... ..##. ...#. ...#. ...#. ...#. .##..",  // j
    "#.... #.... #..#. #.#.. ##... #.#.. #..#. .....",  // k
    ".##.. ..#.. ..#.. ..#.. ..#.. ..#.. .###. .....",  // l
    "..... ..... ##.#. #.#.# #.#.# #.#.# #.#.# .....",  // m
    "..... ..... ####. #...# #...# #...# #...# .....",  // n
    "..... ..... .###. #...# #...# #...# .###. .....",  // o
    "..... ..... ####. #...# #...# ####. #.... #....",  // p
    "..... ..... .#### #...# #...# .#### ....# ....#",  // q
    "..... ..... #.##. ##..# #.... #.... #.... .....",  // r
    "..... ..... .#### #.... .###. ....# ####. .....",  // s
    ".#... .#... ####. .#... .#... .#... ..##. .....",  // t
    "..... ..... #...# #...# #...# #...# .#### .....",  // u
    "..... ..... #...# #...# #...# .#.#. ..#.. .....",  // v
    "..... ..... #...# #.#.# #.#.# #.#.# .#.#. .....",  // w
    "..... ..... #...# .#.#. ..#.. .#.#. #...# .....",  // x
    "..... ..... #...# #...# #...# .#### ....# .###.",  // y
    "..... ..... ##### ...#. ..#.. .#... ##### .....",  // z
    "...## ..#.. ..#.. .#... ..#.. ..#.. ...## .....",  // {
    "..#.. ..#.. ..#.. ..#.. ..#.. ..#.. ..#.. .....",  // |
    "##... ..#.. ..#.. ...#. ..#.. ..#.. ##... .....",  // }
    "..... ..... .#... #.#.# ...#. ..... ..... .....",  // ~
};

Glyph glyph_of(char letter) {
  const auto index = static_cast<std::size_t>(static_cast<unsigned char>(letter) - static_cast<unsigned char>(first_letter));
  return index < glyphs.size() ? glyphs[index] : glyphs['?' - first_letter];
}

}  // namespace
}  // namespace photo
