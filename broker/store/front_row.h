#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "broker/store/log.h"

namespace takt::store {

/// The row in front of all commits of a log in LMDB: whose log this is, and what an empty log would not know about itself.
struct FrontRow {
  core::PartitionUuid partition{};
  Position begin;             ///< nothing before it is kept
  Position counted_to;        ///< `bytes` counts the values before it
  std::uint64_t bytes = 0;
};
inline constexpr std::string_view front_row_key("\0", 1);   // one byte: sorts before every position
inline constexpr std::size_t front_row_bytes = 56;

/// As docs/log-format.md lays it out, with its checksum.
std::array<char, front_row_bytes> encode(const FrontRow& front);
/// Errors: kForeign (a newer layout, another partition's), kCorrupt; `file` is named in the message.
Result<FrontRow, StoreFailure> decode_front(std::string_view row, const core::PartitionUuid& partition, const std::filesystem::path& file);

}  // namespace takt::store
