#pragma once

#include <cstdint>

namespace takt::store {

/// Writes one step of zeros behind `descriptor`'s file, so that commits overwrite blocks instead of making the file longer,
/// which costs the file system a commit of its own at each sync. Nothing before `used_bytes` is touched. Ahead of that is
/// kept a quarter of it, 4 to 64 MiB, and never past `bytes_max`; a disk with less than 1 GiB free is left alone.
/// True: more is wanted. A favour: whatever fails is undone, and left for the next write to find.
/// Cost: about a millisecond, synced. Thread: the file's writer, between its transactions.
bool preallocate(int descriptor, std::uint64_t used_bytes, std::uint64_t bytes_max);

}  // namespace takt::store
