#pragma once
// What the disk shim writes down: one file, appended by taktd's shim and by the workload beside it, so its order is the
// order of what happened on the machine. Host byte order; it never leaves the machine.

#include <cstdint>

namespace takt::crash {

enum class RecordType : std::uint8_t {
  kWrite = 1,     ///< begun: `length` bytes at `offset`; not durable before a kSync of the file
  kSyncedWrite,   ///< the same through a descriptor that syncs each write: durable at its kWritten
  kWritten,       ///< the kSyncedWrite before it, of the same file, is durable
  kTruncate,      ///< the file ends at `offset`
  kSync,          ///< all that was written to the file before is durable
  kStruck,        ///< the fault was played; the bytes name the call
  kMark,          ///< the workload's: text
};
enum class StoreFile : std::uint8_t { kLog, kWal, kTables };
inline constexpr int store_files = 3;

struct RecordHeader {
  std::uint32_t magic = 0x4B54524A;
  RecordType type = RecordType::kMark;
  StoreFile file = StoreFile::kLog;
  std::uint16_t unused = 0;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;   ///< of the bytes that follow
  std::uint32_t unused_too = 0;
};
static_assert(sizeof(RecordHeader) == 24);

}  // namespace takt::crash
