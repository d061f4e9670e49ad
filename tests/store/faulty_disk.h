#pragma once
// Failures of the disk below LMDB: this program's own pwrite, writev and fdatasync stand in front of libc's. Only calls
// of the process that asked are disturbed, and only after arm().

#include <cstddef>

namespace takt::testing {

enum class DiskFault {
  kWriteFails,       ///< the data pages' write returns `code`
  kWriteIsShort,     ///< it writes half and returns that
  kSyncFails,        ///< fdatasync returns `code`
  kMetaWriteFails,   ///< the write of the meta page returns `code`
};

/// The next call of that sort fails once.
void arm(DiskFault fault, int code = 0);
/// Makes fstatvfs report no free block until disarm().
void pretend_disk_is_full();
/// Makes statfs report this file system until disarm().
void pretend_file_system(long magic);
void disarm();
/// Calls of fdatasync and of meta page writes since the start: how often something was synced.
std::size_t sync_calls();

}  // namespace takt::testing
