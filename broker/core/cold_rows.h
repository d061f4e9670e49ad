#pragma once
// Rows of table kCold: messages carried out of the log's front because somebody is still owed them. Key: topic u32 |
// lane u8 | offset u64 | part u16; one that was scheduled has lane 255, and its position where the others have their offset.
// Part 0 begins with varint position, lane, due (signed, ms since 1970), metadata length, payload length; the bytes of
// metadata and payload follow and run on through the later parts, each value at most one page.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/commit.h"
#include "broker/core/rows.h"
#include "proto/ids.h"
#include "proto/result.h"
#include "proto/shared_bytes.h"

namespace takt::core {

inline constexpr Lane staged_lane{255};

/// What the key of a scheduled message does not say, and its metadata only where nobody delayed it; empty for others.
struct Staged {
  Lane lane;
  WallTime due{};
  friend bool operator==(const Staged&, const Staged&) = default;
};
struct ColdMessage {
  TopicId topic;
  Lane lane;
  Offset offset;
  Position position;
  Staged staged;
  std::string metadata;
  std::string payload;
  friend bool operator==(const ColdMessage&, const ColdMessage&) = default;
};

/// What stands in a row's key in the offset's place; none: it is no key of this table.
std::optional<Offset> cold_offset(std::string_view key);
/// Part 0's key with part = 0: all parts of the message follow it in order.
std::string cold_key(TopicId topic, Lane lane, Offset offset);
std::vector<RowChange> encode_cold(TopicId topic, Lane lane, Offset offset, Position position, const Staged& staged, ByteView metadata,
                                   ByteView payload);

/// Puts messages together from rows in key order.
class ColdReader {
 public:
  /// Takes the next row; gives a message when this row was its last part. A missing part is a corruption.
  Result<std::optional<ColdMessage>, Corruption> add(std::string_view key, std::string_view value);

 private:
  std::optional<ColdMessage> open_;
  std::size_t metadata_length_ = 0;
  std::size_t payload_length_ = 0;
  std::uint16_t next_part_ = 0;
};

}  // namespace takt::core
