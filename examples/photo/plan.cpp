#include "examples/photo/plan.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

namespace photo {
namespace {

bool is_jpeg_name(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return extension == ".jpg" || extension == ".jpeg";
}

/// `0042-crop-Bridge_by_Sander`: sorts by number, says what it is, and fits a file name.
std::string name_of(std::size_t index, std::string_view what, const std::filesystem::path& photo) {
  std::array<char, 24> number{};
  std::snprintf(number.data(), number.size(), "%04zu", index + 1);
  constexpr std::size_t stem_letters = 48;
  std::string stem = photo.stem().string().substr(0, stem_letters);
  std::replace_if(stem.begin(), stem.end(), [](char c) { return c <= ' ' || c > '~' || c == '/'; }, '_');
  return std::string(number.data()) + "-" + std::string(what) + "-" + stem;
}

struct Round {
  std::string name;
  std::string source;
  int variant = 0;   ///< how often this photo and kind were planned before
  bool small = false;

  int edge(int full) const { return small ? full / 3 : full; }
};

ThumbnailJob thumbnail_of(const Round& round) {
  return {.job = round.name, .source = round.source, .long_edge = round.edge(320 + 80 * (round.variant % 24))};
}

CropJob crop_of(const Round& round) {
  const int side = 380 + 40 * (round.variant % 8);
  const int room = 1000 - side;
  // Steps that share no factor with their circle visit different corners before they repeat.
  return {.job = round.name,
          .source = round.source,
          .left = (room / 2 + round.variant * 137) % room,
          .top = (room / 2 + round.variant * 89) % room,
          .width = side,
          .height = side,
          .long_edge = round.edge(1600)};
}

SharpenJob sharpen_of(const Round& round) {
  return {.job = round.name,
          .source = round.source,
          .long_edge = round.edge(2000),
          .sigma = 2.5 + 0.5 * (round.variant % 9),
          .amount = 1.0 + 0.25 * (round.variant % 5)};
}

BlurJob blur_of(const Round& round) {
  return {.job = round.name, .source = round.source, .long_edge = round.edge(2000), .sigma = 10.0 + 2.5 * (round.variant % 11)};
}

}  // namespace

Result<std::vector<std::filesystem::path>> find_photos(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder, error))
    return problem("folder " + folder.string() + " does not exist: name a folder with photos by --photos");
  if (!std::filesystem::is_directory(folder, error))
    return problem(folder.string() + " is not a folder: name a folder with photos by --photos");
  std::vector<std::filesystem::path> photos;
  auto entries = std::filesystem::directory_iterator(folder, error);
  if (error) return problem("folder " + folder.string() + " cannot be read: " + error.message());
  for (const auto& entry : entries) {
    if (entry.is_regular_file(error) && is_jpeg_name(entry.path())) photos.push_back(std::filesystem::absolute(entry.path()));
  }
  if (photos.empty()) return problem("folder " + folder.string() + " holds no .jpg or .jpeg files: name a folder with photos by --photos");
  std::sort(photos.begin(), photos.end());
  return photos;
}

std::vector<Job> plan_jobs(const std::vector<std::filesystem::path>& photos, std::size_t count, WorkSize size) {
  std::vector<Job> jobs;
  constexpr std::size_t kinds = std::variant_size_v<Job>;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& photo = photos[i / kinds % photos.size()];
    Round round{
        .name = {}, .source = photo.string(), .variant = static_cast<int>(i / kinds / photos.size()), .small = size == WorkSize::kSmall};
    const auto named = [&](std::string_view what) -> const Round& {
      round.name = name_of(i, what, photo);
      return round;
    };
    switch (i % kinds) {
      case 0: jobs.emplace_back(thumbnail_of(named("thumbnail"))); break;
      case 1: jobs.emplace_back(crop_of(named("crop"))); break;
      case 2: jobs.emplace_back(sharpen_of(named("sharpen"))); break;
      default: jobs.emplace_back(blur_of(named("blur"))); break;
    }
  }
  return jobs;
}

}  // namespace photo
