// libtakt_slow_sync.so: makes every sync of the program that preloads it take SLOW_SYNC_US microseconds longer, as a slower
// disk would. LMDB syncs twice per commit: fdatasync of its pages, then pwrite of the meta page on a descriptor that was
// opened with O_DSYNC; databases write their logs in either way. The delay sleeps, as a thread does that waits for a disk.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

timespec delay() {
  static const long microseconds = [] {
    const char* text = std::getenv("SLOW_SYNC_US");
    return text == nullptr ? 0 : std::atol(text);
  }();
  return {microseconds / 1'000'000, microseconds % 1'000'000 * 1'000};
}

/// Keeps errno, which is the answer of the call before.
void wait() {
  const int kept = errno;
  timespec rest = delay();
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {}
  errno = kept;
}

bool syncs_each_write(int fd) {
  const int kept = errno;
  const int flags = fcntl(fd, F_GETFL);
  errno = kept;
  return flags != -1 && (flags & O_DSYNC) != 0;  // O_SYNC contains it
}

/// The call of this name that we stand before.
template <class Function>
Function original(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

ssize_t written(int fd, ssize_t result) {
  if (result >= 0 && syncs_each_write(fd)) wait();
  return result;
}

}  // namespace

extern "C" {

int fsync(int fd) {
  static const auto call = original<int (*)(int)>("fsync");
  const int result = call(fd);
  wait();
  return result;
}

int fdatasync(int fd) {
  static const auto call = original<int (*)(int)>("fdatasync");
  const int result = call(fd);
  wait();
  return result;
}

int msync(void* address, size_t length, int flags) {
  static const auto call = original<int (*)(void*, size_t, int)>("msync");
  const int result = call(address, length, flags);
  if ((flags & MS_SYNC) != 0) wait();
  return result;
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static const auto call = original<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return written(fd, call(fd, data, size, offset));
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  static const auto call = original<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  return written(fd, call(fd, data, size, offset));
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  static const auto call = original<ssize_t (*)(int, const iovec*, int, off_t)>("pwritev");
  return written(fd, call(fd, parts, count, offset));
}

ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t offset) {
  static const auto call = original<ssize_t (*)(int, const iovec*, int, off64_t)>("pwritev64");
  return written(fd, call(fd, parts, count, offset));
}

}  // extern "C"
