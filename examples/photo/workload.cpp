#include "examples/photo/workload.h"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>

namespace photo {
namespace {

constexpr std::size_t sample_jobs = 20;
constexpr std::size_t jobs_max = 20'000;
constexpr double margin = 1.4;

double cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

/// Every kind in turn, spread over the plan's photos and sizes.
std::vector<const Job*> sample_of(const std::vector<Job>& jobs) {
  constexpr std::size_t kinds = std::variant_size_v<Job>;
  std::vector<const Job*> sample;
  const std::size_t rounds = std::max<std::size_t>(1, jobs.size() / kinds);
  for (std::size_t i = 0; i < std::min(sample_jobs, jobs.size()); ++i) {
    // A stride that has no factor in common with usual numbers of photos visits many of them.
    const std::size_t round = i * 37 % rounds;
    sample.push_back(&jobs[std::min(jobs.size() - 1, round * kinds + i % kinds)]);
  }
  return sample;
}

Result<double> measure(const std::vector<const Job*>& sample) {
  double used = 0.0;
  std::size_t measured = 0;
  Problem last;
  for (const Job* job : sample) {
    const double before = cpu_seconds();
    const auto picture = std::visit([](const auto& one) { return perform(one); }, *job);
    const auto bytes = picture ? encode_jpeg(*picture) : Result<Bytes>(takt::failed(picture.error()));
    if (!bytes) {
      last = bytes.error();
      continue;
    }
    used += cpu_seconds() - before;
    ++measured;
  }
  if (measured == 0) return problem("none of the photos tried can be read; the last one: " + last.text);
  return used / static_cast<double>(measured);
}

}  // namespace

std::size_t jobs_for(double seconds, std::size_t processors, double cpu_seconds_per_job) {
  const double needed = std::ceil(margin * seconds * static_cast<double>(processors) / std::max(cpu_seconds_per_job, 1e-6));
  return static_cast<std::size_t>(std::min(needed, static_cast<double>(jobs_max)));
}

Result<Workload> plan_workload(const std::vector<std::filesystem::path>& photos, const WorkloadOptions& options) {
  Workload workload{.jobs = plan_jobs(photos, options.jobs, options.size), .cpu_seconds_per_job = 0.0};
  if (options.seconds_at_least <= 0.0) return workload;
  const auto per_job = measure(sample_of(workload.jobs));
  if (!per_job) return takt::failed(per_job.error());
  workload.cpu_seconds_per_job = *per_job;
  const auto processors = std::min<std::size_t>(options.threads, std::max(1u, std::thread::hardware_concurrency()));
  const auto needed = jobs_for(options.seconds_at_least, processors, *per_job);
  if (needed > options.jobs) workload.jobs = plan_jobs(photos, needed, options.size);
  return workload;
}

}  // namespace photo
