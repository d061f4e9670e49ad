#include "tests/store/faulty_disk.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <optional>
#include <string>

namespace takt::testing {
namespace {

constexpr off_t meta_pages_end = 2 * 4096;

std::optional<DiskFault> armed;
int armed_code = 0;
bool full = false;
std::optional<long> file_system;
std::atomic<std::size_t> syncs = 0;

bool strikes(DiskFault fault) {
  if (armed != fault) return false;
  armed.reset();
  errno = armed_code;
  return true;
}

}  // namespace

void arm(DiskFault fault, int code) {
  armed = fault;
  armed_code = code;
}
void pretend_disk_is_full() { full = true; }
void pretend_file_system(long magic) { file_system = magic; }
void disarm() {
  armed.reset();
  full = false;
  file_system.reset();
}
std::size_t sync_calls() { return syncs; }

}  // namespace takt::testing

using namespace takt::testing;

extern "C" {

ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  const bool meta = offset < meta_pages_end;
  if (meta ? strikes(DiskFault::kMetaWriteFails) : strikes(DiskFault::kWriteFails)) return -1;
  if (!meta && strikes(DiskFault::kWriteIsShort)) count /= 2;
  return syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}

ssize_t writev(int descriptor, const struct iovec* parts, int count) {
  if (strikes(DiskFault::kWriteFails)) return -1;
  if (strikes(DiskFault::kWriteIsShort)) count = 1;
  return syscall(SYS_writev, descriptor, parts, count);
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
