#include "broker/store/preallocation.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace takt::store {
namespace {

constexpr std::uint64_t step_bytes = 1u << 20;
constexpr std::uint64_t ahead_bytes_min = 4u << 20;
constexpr std::uint64_t ahead_bytes_max = 64u << 20;
constexpr std::uint64_t disk_free_bytes_min = 1u << 30;

bool has_plenty(int descriptor) {
  struct statvfs figures{};
  return ::fstatvfs(descriptor, &figures) == 0 && std::uint64_t{figures.f_bavail} * figures.f_frsize >= disk_free_bytes_min;
}

}  // namespace

bool preallocate(int descriptor, std::uint64_t used_bytes, std::uint64_t bytes_max) {
  const std::uint64_t ahead = std::clamp(used_bytes / 4, ahead_bytes_min, ahead_bytes_max);
  struct stat there{};
  if (::fstat(descriptor, &there) != 0) return false;
  const std::uint64_t end = std::max(static_cast<std::uint64_t>(there.st_size), used_bytes);
  if (end + step_bytes > std::min(used_bytes + ahead, bytes_max) || !has_plenty(descriptor)) return false;
  const std::vector<char> zeros(step_bytes);
  const bool is_written = ::pwrite(descriptor, zeros.data(), zeros.size(), static_cast<off_t>(end)) == static_cast<ssize_t>(step_bytes);
  if (is_written) return ::fdatasync(descriptor) == 0;
  [[maybe_unused]] const int undone = ::ftruncate(descriptor, there.st_size);
  return false;
}

}  // namespace takt::store
