#pragma once
// Failures of the disk below the store: this program's own pwrite, pwritev, writev and fdatasync stand in front of libc's. Only calls
// of the process that asked are disturbed, and only after arm().

#include <cstddef>

namespace takt::testing {

enum class DiskFault {
  kWriteFails,       ///< the data pages' write returns `code`
  kWriteIsShort,     ///< it writes half and returns that
  kSyncFails,        ///< fdatasync returns `code`
  kMetaWriteFails,   ///< the write of the meta page returns `code`
  kAheadWritesFail,  ///< every pwritev, which LMDB does not use, returns `code` until disarm()
};

/// The next call of that sort fails once, unless the sort says otherwise.
void arm(DiskFault fault, int code = 0);
/// The same for another sort, beside the one that is armed.
void arm_too(DiskFault fault, int code);
/// Makes fstatvfs report no free block until disarm().
void pretend_disk_is_full();
/// Makes statfs report this file system until disarm().
void pretend_file_system(long magic);
void disarm();
/// Calls of fdatasync since the start, and writes of LMDB's meta pages, each of which is a sync of its own.
std::size_t sync_calls();
std::size_t meta_writes();
/// Bytes written by pwritev since the start.
std::size_t bytes_written_ahead();

}  // namespace takt::testing
