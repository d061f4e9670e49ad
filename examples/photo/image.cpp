#include "examples/photo/image.h"

// jpeglib.h wants these two first.
#include <cstddef>
#include <cstdio>

#include <jpeglib.h>
// jerror.h names the decoder's warnings.
#include <jerror.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace photo {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

/// libjpeg reports fatal errors by a call that must not return; the first damage it repairs is kept as well.
struct JpegErrors {
  jpeg_error_mgr base{};  // first: libjpeg hands back a pointer to it
  std::jmp_buf escape{};
  std::array<char, JMSG_LENGTH_MAX> text{};
  bool damaged = false;
};

extern "C" void photo_jpeg_exit(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->text.data());
  std::longjmp(errors->escape, 1);
}

extern "C" void photo_jpeg_message(j_common_ptr info, int level) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  // Stray bytes between markers lose nothing; every other warning stands for samples that were made up.
  if (level >= 0 || errors->damaged || info->err->msg_code == JWRN_EXTRANEOUS_DATA) return;
  info->err->format_message(info, errors->text.data());
  errors->damaged = true;
}

void install(JpegErrors& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = photo_jpeg_exit;
  errors.base.emit_message = photo_jpeg_message;
}

struct Decoder {
  JpegErrors errors;
  jpeg_decompress_struct info{};
  bool created = false;

  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() {
    if (created) jpeg_destroy_decompress(&info);
  }
};

// The three functions below are where libjpeg may jump out: they own nothing that would need a destructor.

bool read_header(Decoder& decoder, std::FILE* file) {
  install(decoder.errors);
  decoder.info.err = &decoder.errors.base;
  if (setjmp(decoder.errors.escape) != 0) return false;
  jpeg_create_decompress(&decoder.info);
  decoder.created = true;
  jpeg_stdio_src(&decoder.info, file);
  jpeg_save_markers(&decoder.info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&decoder.info, TRUE);
  return true;
}

bool start(Decoder& decoder, unsigned scale_eighths) {
  if (setjmp(decoder.errors.escape) != 0) return false;
  decoder.info.out_color_space = JCS_RGB;
  decoder.info.scale_num = scale_eighths;
  decoder.info.scale_denom = 8;
  jpeg_calc_output_dimensions(&decoder.info);
  return true;
}

bool read_rows(Decoder& decoder, Image& image) {
  if (setjmp(decoder.errors.escape) != 0) return false;
  jpeg_start_decompress(&decoder.info);
  while (decoder.info.output_scanline < decoder.info.output_height) {
    JSAMPROW row = image.row(static_cast<int>(decoder.info.output_scanline));
    jpeg_read_scanlines(&decoder.info, &row, 1);
  }
  jpeg_finish_decompress(&decoder.info);
  return !decoder.errors.damaged;
}

struct Encoder {
  JpegErrors errors;
  jpeg_compress_struct info{};
  bool created = false;
  unsigned char* buffer = nullptr;
  unsigned long length = 0;

  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() {
    if (created) jpeg_destroy_compress(&info);
    std::free(buffer);
  }
};

bool write_rows(Encoder& encoder, const Image& image, int quality) {
  install(encoder.errors);
  encoder.info.err = &encoder.errors.base;
  if (setjmp(encoder.errors.escape) != 0) return false;
  jpeg_create_compress(&encoder.info);
  encoder.created = true;
  jpeg_mem_dest(&encoder.info, &encoder.buffer, &encoder.length);
  encoder.info.image_width = static_cast<JDIMENSION>(image.size.width);
  encoder.info.image_height = static_cast<JDIMENSION>(image.size.height);
  encoder.info.input_components = color_channels;
  encoder.info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder.info);
  jpeg_set_quality(&encoder.info, quality, TRUE);
  encoder.info.optimize_coding = TRUE;
  jpeg_start_compress(&encoder.info, TRUE);
  while (encoder.info.next_scanline < encoder.info.image_height) {
    // libjpeg takes a mutable row and does not write to it.
    JSAMPROW row = const_cast<std::uint8_t*>(image.row(static_cast<int>(encoder.info.next_scanline)));
    jpeg_write_scanlines(&encoder.info, &row, 1);
  }
  jpeg_finish_compress(&encoder.info);
  return true;
}

/// The Exif orientation, 1 (upright) to 8, of an APP1 marker; 1 when it has none.
int exif_orientation(std::span<const std::uint8_t> marker) {
  constexpr std::array<std::uint8_t, 6> signature{'E', 'x', 'i', 'f', 0, 0};
  if (marker.size() < signature.size() + 8 || !std::equal(signature.begin(), signature.end(), marker.begin())) return 1;
  const auto tiff = marker.subspan(signature.size());
  const bool little = tiff[0] == 'I';
  const auto u16 = [&](std::size_t at) {
    return static_cast<std::uint32_t>(little ? tiff[at] | tiff[at + 1] << 8 : tiff[at] << 8 | tiff[at + 1]);
  };
  const auto u32 = [&](std::size_t at) { return little ? u16(at) | u16(at + 2) << 16 : u16(at) << 16 | u16(at + 2); };
  const std::size_t directory = u32(4);
  if (directory + 2 > tiff.size()) return 1;
  const std::size_t entries = u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * 12;
    if (entry + 12 > tiff.size()) return 1;
    constexpr std::uint32_t orientation_tag = 0x0112;
    if (u16(entry) != orientation_tag) continue;
    const auto value = u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

int orientation_of(const Decoder& decoder) {
  for (auto* marker = decoder.info.marker_list; marker != nullptr; marker = marker->next) {
    const int found = exif_orientation({marker->data, marker->data_length});
    if (found != 1) return found;
  }
  return 1;
}

/// Orientations 5 to 8 lie on their side.
bool is_sideways(int orientation) { return orientation >= 5; }

Image turned_upright(Image image, int orientation) {
  if (orientation == 1) return image;
  const auto [width, height] = image.size;
  Image out(is_sideways(orientation) ? Size{height, width} : image.size);
  for (int y = 0; y < out.size.height; ++y) {
    for (int x = 0; x < out.size.width; ++x) {
      const int along = is_sideways(orientation) ? y : x;
      const int across = is_sideways(orientation) ? x : y;
      const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
      const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
      out.set(x, y, image.at(mirror_x ? width - 1 - along : along, mirror_y ? height - 1 - across : across));
    }
  }
  return out;
}

unsigned scale_for(Size size, int long_edge_min) {
  if (long_edge_min <= 0) return 8;
  const int long_edge = std::max(size.width, size.height);
  for (unsigned eighths = 1; eighths < 8; ++eighths) {
    if (static_cast<std::int64_t>(long_edge) * eighths / 8 >= long_edge_min) return eighths;
  }
  return 8;
}

auto jpeg_problem(const std::filesystem::path& path, const Decoder& decoder) {
  return problem(path.string() + " is not a readable JPEG: " + decoder.errors.text.data());
}

auto open_problem(const std::filesystem::path& path) { return problem(path.string() + " cannot be opened: " + std::strerror(errno)); }

}  // namespace

Image::Image(Size s, Color fill) : size(s) {
  samples.resize(static_cast<std::size_t>(s.width) * static_cast<std::size_t>(s.height) * color_channels);
  if (fill == Color{}) return;
  for (std::size_t i = 0; i < samples.size(); i += color_channels) {
    samples[i] = fill.red;
    samples[i + 1] = fill.green;
    samples[i + 2] = fill.blue;
  }
}

Color Image::at(int x, int y) const {
  const auto* sample = row(y) + static_cast<std::ptrdiff_t>(x) * color_channels;
  return {sample[0], sample[1], sample[2]};
}

void Image::set(int x, int y, Color color) {
  auto* sample = row(y) + static_cast<std::ptrdiff_t>(x) * color_channels;
  sample[0] = color.red;
  sample[1] = color.green;
  sample[2] = color.blue;
}

Result<Size> jpeg_size(const std::filesystem::path& path) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) return open_problem(path);
  Decoder decoder;
  if (!read_header(decoder, file.get())) return jpeg_problem(path, decoder);
  const Size size{static_cast<int>(decoder.info.image_width), static_cast<int>(decoder.info.image_height)};
  return is_sideways(orientation_of(decoder)) ? Size{size.height, size.width} : size;
}

Result<Image> load_jpeg(const std::filesystem::path& path, int long_edge_min) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) return open_problem(path);
  Decoder decoder;
  if (!read_header(decoder, file.get())) return jpeg_problem(path, decoder);
  const Size full{static_cast<int>(decoder.info.image_width), static_cast<int>(decoder.info.image_height)};
  if (!start(decoder, scale_for(full, long_edge_min))) return jpeg_problem(path, decoder);
  const Size scaled{static_cast<int>(decoder.info.output_width), static_cast<int>(decoder.info.output_height)};
  if (static_cast<std::int64_t>(scaled.width) * scaled.height > image_pixels_max) {
    return problem(path.string() + " has more than " + std::to_string(image_pixels_max) + " pixels; scale it down first");
  }
  const int orientation = orientation_of(decoder);  // the markers are gone once the decoder has finished
  Image image(scaled);
  if (!read_rows(decoder, image)) return jpeg_problem(path, decoder);
  return turned_upright(std::move(image), orientation);
}

Result<Bytes> encode_jpeg(const Image& image, int quality) {
  Encoder encoder;
  if (!write_rows(encoder, image, quality))
    return problem(std::string("the picture cannot be written as JPEG: ") + encoder.errors.text.data());
  return Bytes(encoder.buffer, encoder.buffer + encoder.length);
}

Result<Bytes> encode_png(const Image& image) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.size.width);
  png.height = static_cast<png_uint_32>(image.size.height);
  png.format = PNG_FORMAT_RGB;
  png_alloc_size_t length = PNG_IMAGE_PNG_SIZE_MAX(png);
  Bytes out(length);
  if (png_image_write_to_memory(&png, out.data(), &length, 0, image.samples.data(), 0, nullptr) == 0) {
    return problem(std::string("the picture cannot be written as PNG: ") + png.message);
  }
  out.resize(length);
  return out;
}

}  // namespace photo
