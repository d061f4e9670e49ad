#pragma once
// How many jobs keep this machine busy for long enough.

#include <cstddef>
#include <filesystem>
#include <vector>

#include "examples/photo/plan.h"

namespace photo {

struct Workload {
  std::vector<Job> jobs;
  double cpu_seconds_per_job = 0.0;    ///< measured on a sample; 0 when nothing was measured
};

struct WorkloadOptions {
  std::size_t jobs = 300;              ///< at least
  double seconds_at_least = 30.0;      ///< 0: no measuring, exactly `jobs`
  std::size_t threads = 8;             ///< that will work, if the machine has so many processors
  WorkSize size = WorkSize::kFull;
};

/// A photo that cannot be read is left out of the measure; when no sample can be read, a Problem.
Result<Workload> plan_workload(const std::vector<std::filesystem::path>& photos, const WorkloadOptions& options);

/// Jobs for `seconds` of work on `processors`, with a margin for the jobs of the sample being heavier than the mean.
std::size_t jobs_for(double seconds, std::size_t processors, double cpu_seconds_per_job);

}  // namespace photo
