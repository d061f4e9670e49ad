#pragma once
// The four jobs: plain structs with a stable kind, as they travel to the workers, and what each one makes.

#include <takt/message.h>
#include <string>
#include <variant>

#include "examples/photo/operations.h"

namespace photo {

// `job` names the job for ever: its output, its effect and its lines in the ledger. `source` is the photo's path.
// Lengths are pixels of the longer edge, regions thousandths of the photo's edges.

struct ThumbnailJob {
  static constexpr std::string_view kind = "photo.thumbnail";
  std::string job;
  std::string source;
  int long_edge = 320;
  MSGPACK_DEFINE_MAP(job, source, long_edge)
};
struct CropJob {
  static constexpr std::string_view kind = "photo.crop";
  std::string job;
  std::string source;
  int left = 0;
  int top = 0;
  int width = 1000;
  int height = 1000;
  int long_edge = 1600;  ///< of the result
  MSGPACK_DEFINE_MAP(job, source, left, top, width, height, long_edge)
};
struct SharpenJob {
  static constexpr std::string_view kind = "photo.sharpen";
  std::string job;
  std::string source;
  int long_edge = 2000;
  double sigma = 2.0;
  double amount = 1.0;
  MSGPACK_DEFINE_MAP(job, source, long_edge, sigma, amount)
};
struct BlurJob {
  static constexpr std::string_view kind = "photo.blur";
  std::string job;
  std::string source;
  int long_edge = 2000;
  double sigma = 10.0;
  MSGPACK_DEFINE_MAP(job, source, long_edge, sigma)
};

using Job = std::variant<ThumbnailJob, CropJob, SharpenJob, BlurJob>;

/// What the job asks for: the same job gives the same picture. A photo that cannot be read or a number that makes no
/// sense is a Problem: trying again would not help.
Result<Image> perform(const ThumbnailJob& job);
Result<Image> perform(const CropJob& job);
Result<Image> perform(const SharpenJob& job);
Result<Image> perform(const BlurJob& job);

std::string job_name(const Job& job);
std::string job_source(const Job& job);
std::string_view job_kind(const Job& job);
/// For captions: `crop 50 x 40 %`.
std::string job_caption(const Job& job);

/// File name of the job's output. A name that would leave the folder is a Problem.
Result<std::string> output_name(const std::string& job);

}  // namespace photo
