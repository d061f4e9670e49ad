#pragma once
// Looking at messages without leasing, acking or changing anything: what peek and tail share.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/connection.h"
#include "cli/payload.h"

namespace takt::cli {

/// A lane of a topic in one partition, and where the next look begins.
struct Cursor {
  std::string topic;
  std::uint32_t partition = 0;
  std::uint8_t priority = 0;
  std::uint64_t next = 0;
};

struct SeenMessage {
  PeekedMessage message;
  std::uint8_t priority = 0;
};

/// The lanes that a user means: one, or all of every partition, the most urgent first.
std::vector<Cursor> cursors_of(const std::string& topic, std::uint32_t partitions, std::optional<std::uint8_t> priority);

/// At most `count` messages from cursor.next on; moves the cursor behind them.
Result<std::vector<SeenMessage>, Failure> read_from(const Environment& environment, Admin& admin, Cursor& cursor, std::uint64_t count);
/// The last `count` messages of the lane; leaves the cursor at its end.
Result<std::vector<SeenMessage>, Failure> read_last(const Environment& environment, Admin& admin, Cursor& cursor, std::uint64_t count);

/// Stable field names: id, offset, priority, kind, tags, attributes, content_type, payload, payload_form, payload_bytes.
Json document_of(const SeenMessage& seen);
/// `0-17  photo.resize  {"path":"in/1.jpg"}`, tags and priority between them when there are any.
std::string line_of(const SeenMessage& seen, std::size_t payload_width);

/// Columns that a payload may take on a line: no bound when stdout is not a terminal.
std::size_t payload_width();

}  // namespace takt::cli
