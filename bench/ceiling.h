#pragma once
// What the ground allows: the store and the wire without a broker. scripts/bench divides Takt's figures by these.

#include <cstdint>
#include <filesystem>
#include <vector>

namespace takt::bench {

struct LmdbCeiling {
  std::uint64_t messages = 0;
  double seconds = 0;
  std::vector<double> commit_ms;   ///< sorted
};
/// Appends values of `value_bytes` to a fresh LMDB file in `folder` with full sync, one per commit (MDB_APPEND, not
/// preallocated), until `seconds` have passed or 1 GiB is written; a value counts as value_bytes / message_bytes messages.
/// Throws std::runtime_error when LMDB refuses. The file is removed afterwards.
LmdbCeiling measure_lmdb(const std::filesystem::path& folder, std::size_t message_bytes, std::size_t value_bytes, double seconds);

struct ZmqCeiling {
  std::uint64_t messages = 0;
  double seconds = 0;
};
/// Sends frames of `frame_bytes` from a DEALER to a ROUTER over TCP loopback, one thread each, for `seconds`; a frame counts
/// as frame_bytes / message_bytes messages.
ZmqCeiling measure_zmq(std::size_t message_bytes, std::size_t frame_bytes, double seconds);

}  // namespace takt::bench
