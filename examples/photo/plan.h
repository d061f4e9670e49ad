#pragma once
// Which jobs a run consists of: a pure function of the photos and a number, so that every producer and the final
// check know the same list.

#include <cstddef>
#include <filesystem>
#include <vector>

#include "examples/photo/jobs.h"

namespace photo {

/// Absolute paths of the .jpg and .jpeg files in `folder` (not below it), sorted. A folder that is missing, cannot be
/// read or holds none is a Problem.
Result<std::vector<std::filesystem::path>> find_photos(const std::filesystem::path& folder);

/// How large the pictures are that the jobs make.
enum class WorkSize { kFull, kSmall };

/// `count` different jobs over `photos` (at least one): kinds take turns, then photos, then sizes, regions and radii.
std::vector<Job> plan_jobs(const std::vector<std::filesystem::path>& photos, std::size_t count, WorkSize size);

}  // namespace photo
