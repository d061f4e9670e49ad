#include "tests/store/faulty_disk.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <optional>
#include <string>

namespace takt::testing {
namespace {

constexpr off_t meta_pages_end = 2 * 4096;

std::map<DiskFault, int> armed;   // with the code of each
bool full = false;
std::optional<long> file_system;
std::atomic<std::size_t> syncs = 0;
std::atomic<std::size_t> metas = 0;
std::atomic<std::size_t> ahead_bytes = 0;

bool strikes(DiskFault fault) {
  const auto found = armed.find(fault);
  if (found == armed.end()) return false;
  errno = found->second;
  if (fault != DiskFault::kAheadWritesFail) armed.erase(found);
  return true;
}

}  // namespace

void arm(DiskFault fault, int code) {
  armed.clear();
  arm_too(fault, code);
}
void arm_too(DiskFault fault, int code) { armed[fault] = code; }
void pretend_disk_is_full() { full = true; }
void pretend_file_system(long magic) { file_system = magic; }
void disarm() {
  armed.clear();
  full = false;
  file_system.reset();
}
std::size_t sync_calls() { return syncs; }
std::size_t meta_writes() { return metas; }
std::size_t bytes_written_ahead() { return ahead_bytes; }

}  // namespace takt::testing

using namespace takt::testing;

extern "C" {

ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  const bool meta = offset < meta_pages_end;
  if (meta) ++metas;
  if (meta ? strikes(DiskFault::kMetaWriteFails) : strikes(DiskFault::kWriteFails)) return -1;
  if (!meta && strikes(DiskFault::kWriteIsShort)) count /= 2;
  return syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}

ssize_t writev(int descriptor, const struct iovec* parts, int count) {
  if (strikes(DiskFault::kWriteFails)) return -1;
  if (strikes(DiskFault::kWriteIsShort)) count = 1;
  return syscall(SYS_writev, descriptor, parts, count);
}

ssize_t pwritev(int descriptor, const struct iovec* parts, int count, off_t offset) {
  if (strikes(DiskFault::kAheadWritesFail) || strikes(DiskFault::kWriteFails)) return -1;
  if (strikes(DiskFault::kWriteIsShort)) count = 1;
  const ssize_t written = syscall(SYS_pwritev, descriptor, parts, count, offset, 0L);
  if (written > 0) ahead_bytes += static_cast<std::size_t>(written);
  return written;
}

int fdatasync(int descriptor) {
  ++syncs;
  if (strikes(DiskFault::kSyncFails)) return -1;
  return static_cast<int>(syscall(SYS_fdatasync, descriptor));
}

int statfs(const char* path, struct statfs* figures) noexcept {
  const int result = static_cast<int>(syscall(SYS_statfs, path, figures));
  if (result == 0 && file_system) figures->f_type = *file_system;
  return result;
}

int fstatvfs(int descriptor, struct statvfs* figures) noexcept {
  // statvfs by way of the descriptor's own path: libc's fstatvfs has no other name to call it by.
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  const int result = ::statvfs(path.c_str(), figures);
  if (result == 0 && full) figures->f_bavail = figures->f_bfree = 0;
  return result;
}
}
