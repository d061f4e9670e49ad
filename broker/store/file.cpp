#include "broker/store/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace takt::store {

File::File(const std::filesystem::path& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0640)) {}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

StoreFailure system_failure(const std::filesystem::path& path, const char* doing, int code) {
  using Kind = StoreFailure::Kind;
  const Kind kind = is_full(code) ? Kind::kFull : Kind::kIo;
  std::string text = path.string() + ": cannot " + doing + ": " + std::generic_category().message(code);
  if (code == EACCES || code == EPERM) text += "; give the user that runs taktd the right to write there";
  if (code == ENOSPC) text += "; free some space";
  return {kind, std::move(text)};
}

bool is_full(int code) { return code == ENOSPC || code == EDQUOT || code == EFBIG; }

std::uint64_t File::size() const {
  struct stat there{};
  return ::fstat(descriptor_, &there) == 0 ? static_cast<std::uint64_t>(there.st_size) : 0;
}

ssize_t File::read_at(std::uint64_t offset, std::span<std::byte> to) const {
  std::size_t got = 0;
  while (got < to.size()) {
    const ssize_t n = ::pread(descriptor_, to.data() + got, to.size() - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return n;
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  return static_cast<ssize_t>(got);
}

int File::write_at(std::uint64_t offset, std::vector<iovec> parts) const {
  std::size_t begin = 0;
  while (begin < parts.size()) {
    const auto count = std::min<std::size_t>(parts.size() - begin, IOV_MAX);
    const ssize_t n = ::pwritev(descriptor_, parts.data() + begin, static_cast<int>(count), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    offset += static_cast<std::size_t>(n);
    auto left = static_cast<std::size_t>(n);
    for (; begin < parts.size() && left >= parts[begin].iov_len; ++begin) left -= parts[begin].iov_len;
    if (begin == parts.size()) return 0;
    if (n == 0) return EIO;
    parts[begin].iov_base = static_cast<char*>(parts[begin].iov_base) + left;
    parts[begin].iov_len -= left;
  }
  return 0;
}

Result<void, StoreFailure> sync_folder(const std::filesystem::path& path) {
  const File folder(path, O_RDONLY | O_DIRECTORY);
  if (!folder.is_open() || ::fsync(folder.get()) != 0) return failed(system_failure(path, "sync the folder", errno));
  return {};
}

void stop_process(const std::filesystem::path& file, const char* reason) {
  std::fprintf(stderr,
               "takt: store: writing %s to the disk failed (%s) and nobody can know what it kept; stopping. "
               "Look at the kernel's log and the disk, then start again: everything acknowledged is checked at the start.\n",
               file.c_str(), reason);
  std::abort();
}

}  // namespace takt::store
