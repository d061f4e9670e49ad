#include "examples/photo/jobs.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace photo {
namespace {

constexpr int long_edge_max = 20'000;
constexpr double sigma_max = 200.0;
constexpr double amount_max = 20.0;

Result<void> check_edge(int long_edge) {
  if (long_edge >= 1 && long_edge <= long_edge_max) return {};
  return problem("long_edge is " + std::to_string(long_edge) + "; it must be 1 to " + std::to_string(long_edge_max));
}

Result<void> check_number(std::string_view name, double value, double most) {
  if (value > 0.0 && value <= most) return {};
  return problem(std::string(name) + " is " + std::to_string(value) + "; it must be above 0 and at most " + std::to_string(most));
}

Result<Image> load_fitted(const std::string& source, int long_edge) {
  if (auto fine = check_edge(long_edge); !fine) return takt::failed(fine.error());
  auto image = load_jpeg(source, long_edge);
  if (!image) return image;
  return thumbnail(*image, long_edge);
}

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

struct Caption {
  std::string operator()(const ThumbnailJob& job) const { return formatted("thumbnail %d px", job.long_edge); }
  std::string operator()(const CropJob& job) const { return formatted("crop %d x %d %%", job.width / 10, job.height / 10); }
  std::string operator()(const SharpenJob& job) const { return formatted("sharpen %.1f px", job.sigma); }
  std::string operator()(const BlurJob& job) const { return formatted("blur %.1f px", job.sigma); }
};

}  // namespace

Result<Image> perform(const ThumbnailJob& job) { return load_fitted(job.source, job.long_edge); }

Result<Image> perform(const CropJob& job) {
  if (auto fine = check_edge(job.long_edge); !fine) return takt::failed(fine.error());
  auto image = load_jpeg(job.source);
  if (!image) return image;
  auto part = cropped(*image, {.left = job.left, .top = job.top, .width = job.width, .height = job.height});
  if (!part) return part;
  return thumbnail(*part, job.long_edge);
}

Result<Image> perform(const SharpenJob& job) {
  if (auto fine = check_number("sigma", job.sigma, sigma_max); !fine) return takt::failed(fine.error());
  if (auto fine = check_number("amount", job.amount, amount_max); !fine) return takt::failed(fine.error());
  auto image = load_fitted(job.source, job.long_edge);
  if (!image) return image;
  return sharpened(*image, job.sigma, job.amount);
}

Result<Image> perform(const BlurJob& job) {
  if (auto fine = check_number("sigma", job.sigma, sigma_max); !fine) return takt::failed(fine.error());
  auto image = load_fitted(job.source, job.long_edge);
  if (!image) return image;
  return blurred(*image, job.sigma);
}

std::string job_name(const Job& job) {
  return std::visit([](const auto& one) { return one.job; }, job);
}

std::string job_source(const Job& job) {
  return std::visit([](const auto& one) { return one.source; }, job);
}

std::string_view job_kind(const Job& job) {
  return std::visit([](const auto& one) { return one.kind; }, job);
}

std::string job_caption(const Job& job) { return std::visit(Caption{}, job); }

Result<std::string> output_name(const std::string& job) {
  const bool leaves = job.empty() || job.front() == '.' || job.find('/') != std::string::npos || job.find('\0') != std::string::npos;
  if (leaves || job.size() > 200) return problem("job name '" + job + "' cannot be a file name: use 1 to 200 letters without '/'");
  return job + ".jpg";
}

}  // namespace photo
