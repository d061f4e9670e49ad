// A library for LD_PRELOAD that stands between a program and its disk. It writes down what is done to the store's files
// (journal_format.h) and lets one call fail. Set by the environment:
//   DISK_SHIM_FOLDER    the data folder; files elsewhere are none of its business
//   DISK_SHIM_JOURNAL   where to write down; none: nowhere
//   DISK_SHIM_KILL      a file: once it exists, the process is killed behind its next write to a store's file
//   DISK_SHIM_FAULT     fail:K   the K-th call on a file of the folder fails with EIO, whatever it is
//                       short:K  the K-th write writes half and says so
//                       full:K   the K-th call that takes room (a write, posix_fallocate, mkdir) fails with ENOSPC
//                       each with :log.wal behind it: of the calls on that file while it is open
// LMDB 0.9.24 uses open, pread, pwrite, lseek and writev, fdatasync, ftruncate, and maps its files only to read; the
// write-ahead file uses pread, pwritev and fdatasync.

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <string_view>

#include "tests/crash/journal_format.h"

namespace {

using takt::crash::RecordHeader;
using takt::crash::RecordType;
using takt::crash::StoreFile;

enum class Kind : std::uint8_t { kForeign, kFolder, kLog, kWal, kTables };
struct Descriptor {
  std::atomic<Kind> kind = Kind::kForeign;
  std::atomic<bool> is_synced = false;   ///< opened with O_DSYNC
};
constexpr int descriptors_max = 4096;
constexpr int parts_max = IOV_MAX - 1;   // a record's head goes with them

enum class Fault { kNone, kFail, kShort, kFull };
struct Plan {
  std::string_view folder;
  int journal = -1;
  const char* wish = nullptr;
  Fault fault = Fault::kNone;
  long at = 0;
  Kind file = Kind::kForeign;   ///< only calls on this one count; foreign: all
};

std::array<Descriptor, descriptors_max> descriptors;
std::atomic<long> calls = 0;
std::atomic<bool> is_planned = false;
Plan plan;
std::shared_mutex whole_writes;   // whoever kills takes it alone: what is written down has been written

// The environment is read before main(), by one thread.
__attribute__((constructor)) void make_plan() {
  if (const char* folder = std::getenv("DISK_SHIM_FOLDER")) plan.folder = folder;
  if (const char* journal = std::getenv("DISK_SHIM_JOURNAL"))
    plan.journal = static_cast<int>(syscall(SYS_openat, AT_FDCWD, journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  plan.wish = std::getenv("DISK_SHIM_KILL");
  if (const char* fault = std::getenv("DISK_SHIM_FAULT")) {
    const std::string_view text = fault;
    if (text.starts_with("fail:")) plan.fault = Fault::kFail;
    if (text.starts_with("short:")) plan.fault = Fault::kShort;
    if (text.starts_with("full:")) plan.fault = Fault::kFull;
    plan.at = std::strtol(fault + text.find(':') + 1, nullptr, 10);
    if (text.ends_with(":log.wal")) plan.file = Kind::kWal;
  }
  is_planned = !plan.folder.empty();
}

/// Keeps errno for the caller, whose call went well or badly before.
void note(RecordHeader header, const iovec* parts, int count) {
  if (plan.journal < 0) return;
  const int kept = errno;
  std::array<iovec, parts_max + 1> all;
  all[0] = {&header, sizeof header};
  for (int i = 0; i < count; ++i) {
    all[static_cast<std::size_t>(i) + 1] = parts[i];
    header.length += static_cast<std::uint32_t>(parts[i].iov_len);
  }
  // One call, so that records of several threads and processes do not mix.
  if (syscall(SYS_writev, plan.journal, all.data(), count + 1) < 0) std::abort();
  errno = kept;
}
void note_whole(RecordHeader header, const iovec* parts = nullptr, int count = 0) {
  const std::shared_lock whole(whole_writes);
  note(header, parts, count);
}

void die_if_wished() {
  if (plan.wish == nullptr || access(plan.wish, F_OK) != 0) return;
  const std::unique_lock alone(whole_writes);
  kill(getpid(), SIGKILL);
  pause();
}

Kind kind_of(int descriptor) {
  return is_planned && descriptor >= 0 && descriptor < descriptors_max ? descriptors[static_cast<std::size_t>(descriptor)].kind.load()
                                                                       : Kind::kForeign;
}
bool is_store(Kind kind) { return kind == Kind::kLog || kind == Kind::kWal || kind == Kind::kTables; }
StoreFile file_of(Kind kind) { return kind == Kind::kLog ? StoreFile::kLog : kind == Kind::kWal ? StoreFile::kWal : StoreFile::kTables; }

void strike(const char* call) {
  iovec name{const_cast<char*>(call), std::strlen(call)};
  note_whole({.type = RecordType::kStruck}, &name, 1);
}

enum class Call { kWrite, kTakesRoom, kOther };
/// What this call of the folder's must do; none: what it always does.
Fault fate_of(Kind kind, Call call, const char* name) {
  if (kind == Kind::kForeign || plan.fault == Fault::kNone) return Fault::kNone;
  if (plan.file != Kind::kForeign && kind != plan.file) return Fault::kNone;
  if (plan.fault == Fault::kShort && call != Call::kWrite) return Fault::kNone;
  if (plan.fault == Fault::kFull && call == Call::kOther) return Fault::kNone;
  if (++calls != plan.at) return Fault::kNone;
  strike(name);
  return plan.fault;
}
ssize_t failed_by(Fault fate) {
  errno = fate == Fault::kFull ? ENOSPC : EIO;
  return -1;
}

/// Of a call on a name in the folder: false when it must fail, and errno says how.
bool may_go_on(const char* path, Call call, const char* name) {
  const bool is_ours = is_planned && std::string_view(path).starts_with(plan.folder);
  const Fault fate = is_ours ? fate_of(Kind::kFolder, call, name) : Fault::kNone;
  if (fate != Fault::kNone) failed_by(fate);
  return fate == Fault::kNone;
}

void remember(int descriptor, const char* path, int flags) {
  if (!is_planned || descriptor < 0 || descriptor >= descriptors_max) return;
  const std::string_view name = path;
  Descriptor& slot = descriptors[static_cast<std::size_t>(descriptor)];
  slot.is_synced = (flags & O_DSYNC) != 0;
  if (!name.starts_with(plan.folder))
    slot.kind = Kind::kForeign;
  else
    slot.kind = name.ends_with("/log.mdb")      ? Kind::kLog
                : name.ends_with("/log.wal")    ? Kind::kWal
                : name.ends_with("/tables.mdb") ? Kind::kTables
                                                : Kind::kFolder;
}

int open_file(const char* path, int flags, mode_t mode) {
  if (!may_go_on(path, Call::kOther, "open")) return -1;
  const int descriptor = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  remember(descriptor, path, flags);
  return descriptor;
}

/// Writes `parts` at `offset`, or less when that is its fate.
ssize_t write_parts(int descriptor, Kind kind, const iovec* parts, int count, off_t offset, const char* name) {
  const Fault fate = fate_of(kind, Call::kWrite, name);
  if (fate == Fault::kFail || fate == Fault::kFull) return failed_by(fate);
  iovec half = parts[0];
  if (fate == Fault::kShort) {
    half.iov_len /= 2;
    parts = &half;
    count = 1;
  }
  const bool is_synced = descriptors[static_cast<std::size_t>(descriptor)].is_synced;
  if (!is_store(kind)) return syscall(SYS_pwritev, descriptor, parts, count, offset, 0L);
  const RecordHeader header{.type = is_synced ? RecordType::kSyncedWrite : RecordType::kWrite,
                            .file = file_of(kind),
                            .offset = static_cast<std::uint64_t>(offset)};
  ssize_t written;
  {
    const std::shared_lock whole(whole_writes);
    note(header, parts, count);
    written = syscall(SYS_pwritev, descriptor, parts, count, offset, 0L);
  }
  die_if_wished();
  if (is_synced && written >= 0) note_whole({.type = RecordType::kWritten, .file = header.file});
  return written;
}

int sync_file(int descriptor, long number, const char* name) {
  const Kind kind = kind_of(descriptor);
  if (fate_of(kind, Call::kOther, name) != Fault::kNone) return static_cast<int>(failed_by(Fault::kFail));
  const int result = static_cast<int>(syscall(number, descriptor));
  if (result == 0 && is_store(kind)) note_whole({.type = RecordType::kSync, .file = file_of(kind)});
  return result;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_file(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_file(path, flags, mode);
}

int close(int descriptor) {
  if (descriptor >= 0 && descriptor < descriptors_max) descriptors[static_cast<std::size_t>(descriptor)].kind = Kind::kForeign;
  return static_cast<int>(syscall(SYS_close, descriptor));
}

ssize_t read(int descriptor, void* bytes, size_t count) {
  if (fate_of(kind_of(descriptor), Call::kOther, "read") != Fault::kNone) return failed_by(Fault::kFail);
  return syscall(SYS_read, descriptor, bytes, count);
}

ssize_t pread(int descriptor, void* bytes, size_t count, off_t offset) {
  if (fate_of(kind_of(descriptor), Call::kOther, "pread") != Fault::kNone) return failed_by(Fault::kFail);
  return syscall(SYS_pread64, descriptor, bytes, count, offset);
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  const Kind kind = kind_of(descriptor);
  const Fault fate = fate_of(kind, Call::kWrite, "write");
  if (fate == Fault::kFail || fate == Fault::kFull) return failed_by(fate);
  return syscall(SYS_write, descriptor, bytes, fate == Fault::kShort ? count / 2 : count);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  const Kind kind = kind_of(descriptor);
  if (kind == Kind::kForeign) return syscall(SYS_pwrite64, descriptor, bytes, count, offset);
  const iovec part{const_cast<void*>(bytes), count};
  return write_parts(descriptor, kind, &part, 1, offset, "pwrite");
}

ssize_t pwritev(int descriptor, const struct iovec* parts, int count, off_t offset) {
  const Kind kind = kind_of(descriptor);
  if (kind == Kind::kForeign) return syscall(SYS_pwritev, descriptor, parts, count, offset, 0L);
  count = std::min(count, parts_max);   // a short write, if there were more
  return write_parts(descriptor, kind, parts, count, offset, "pwritev");
}

ssize_t writev(int descriptor, const struct iovec* parts, int count) {
  const Kind kind = kind_of(descriptor);
  if (!is_store(kind) || count > parts_max) return syscall(SYS_writev, descriptor, parts, count);
  const off_t offset = syscall(SYS_lseek, descriptor, 0, SEEK_CUR);
  const ssize_t written = write_parts(descriptor, kind, parts, count, offset, "writev");
  if (written > 0) syscall(SYS_lseek, descriptor, offset + written, SEEK_SET);
  return written;
}

int fdatasync(int descriptor) { return sync_file(descriptor, SYS_fdatasync, "fdatasync"); }
int fsync(int descriptor) { return sync_file(descriptor, SYS_fsync, "fsync"); }

int ftruncate(int descriptor, off_t size) noexcept {
  const Kind kind = kind_of(descriptor);
  if (fate_of(kind, Call::kOther, "ftruncate") != Fault::kNone) return static_cast<int>(failed_by(Fault::kFail));
  const int result = static_cast<int>(syscall(SYS_ftruncate, descriptor, size));
  if (result == 0 && is_store(kind))
    note_whole({.type = RecordType::kTruncate, .file = file_of(kind), .offset = static_cast<std::uint64_t>(size)});
  return result;
}

// Gives the error instead of setting errno.
int posix_fallocate(int descriptor, off_t offset, off_t length) {
  const Fault fate = fate_of(kind_of(descriptor), Call::kTakesRoom, "posix_fallocate");
  if (fate != Fault::kNone) return fate == Fault::kFull ? ENOSPC : EIO;
  return syscall(SYS_fallocate, descriptor, 0, offset, length) == 0 ? 0 : errno;
}

int rename(const char* from, const char* to) noexcept {
  return may_go_on(from, Call::kOther, "rename") ? static_cast<int>(syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to)) : -1;
}

int mkdir(const char* path, mode_t mode) noexcept {
  return may_go_on(path, Call::kTakesRoom, "mkdir") ? static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode)) : -1;
}

int unlink(const char* path) noexcept {
  return may_go_on(path, Call::kOther, "unlink") ? static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0)) : -1;
}
}
