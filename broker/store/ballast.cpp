#include "broker/store/ballast.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace takt::store {

Ballast::Ballast(const std::filesystem::path& folder, std::uint64_t bytes) : folder_(folder), file_(folder / "ballast") {
  struct statvfs figures{};
  if (::statvfs(folder_.c_str(), &figures) != 0) return;
  bytes_ = std::min<std::uint64_t>(bytes, std::uint64_t{figures.f_blocks} * figures.f_frsize / 20);
  take();
}

// Where a file system cannot hold room back the folder works as well without; only a full disk counts as "gone".
void Ballast::take() {
  if (bytes_ == 0) return;
  const int file = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  const int code = file < 0 ? errno : ::posix_fallocate(file, 0, static_cast<off_t>(bytes_));
  if (file >= 0) ::close(file);
  if (code != 0) ::unlink(file_.c_str());
  is_gone_ = code == ENOSPC || code == EDQUOT;
}

bool Ballast::give_up() {
  const std::lock_guard lock(mutex_);
  if (::unlink(file_.c_str()) != 0) return false;
  is_gone_ = true;
  return true;
}

DiskRoom Ballast::look() {
  const std::lock_guard lock(mutex_);
  DiskRoom room;
  struct statvfs figures{};
  if (::statvfs(folder_.c_str(), &figures) == 0) {
    room.free_bytes = std::uint64_t{figures.f_bavail} * figures.f_frsize;
    room.capacity_bytes = std::uint64_t{figures.f_blocks} * figures.f_frsize;
  }
  if (is_gone_ && room.free_bytes / 2 >= bytes_) {
    take();
    if (!is_gone_) room.free_bytes -= bytes_;
  }
  room.is_ballast_gone = is_gone_;
  return room;
}

}  // namespace takt::store
