#pragma once
// Rows of table kIndex: where the messages of a topic and lane stand in the log. Key: topic u32 | lane u8 | first
// offset u64. Value: per segment signed varint(position gap since the segment before: what was scheduled stands before), varint(count);
// offsets are dense.

#include <string>
#include <string_view>
#include <vector>

#include "broker/core/commit.h"
#include "broker/core/rows.h"
#include "proto/ids.h"
#include "proto/result.h"

namespace takt::core {

/// Messages consecutive in offset and in position.
struct IndexSegment {
  Offset first;
  Position position;
  std::uint64_t count = 0;
  Offset end() const { return first.plus(count); }
  friend bool operator==(const IndexSegment&, const IndexSegment&) = default;
};

std::string index_key(TopicId topic, Lane lane, Offset first);
/// Packs adjoining segments into as few rows as row_value_bytes_max allows.
std::vector<RowChange> encode_index_rows(TopicId topic, Lane lane, std::span<const IndexSegment> segments);
/// The row that may hold `offset` is the last one at or before index_key(topic, lane, offset).
struct IndexRow {
  TopicId topic;
  Lane lane;
  std::vector<IndexSegment> segments;
};
Result<IndexRow, Corruption> decode_index_row(std::string_view key, std::string_view value);

}  // namespace takt::core
