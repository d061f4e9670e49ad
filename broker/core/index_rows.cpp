#include "broker/core/index_rows.h"

#include "broker/core/bytes.h"
#include "proto/limits.h"

namespace takt::core {
namespace {

constexpr std::size_t segment_bytes_max = 20;   // two varints

}  // namespace

std::string index_key(TopicId topic, Lane lane, Offset first) { return ByteWriter().key(topic).key(lane).key(first).take(); }

std::vector<RowChange> encode_index_rows(TopicId topic, Lane lane, std::span<const IndexSegment> segments) {
  std::vector<RowChange> rows;
  for (std::size_t i = 0; i < segments.size();) {
    std::string key = index_key(topic, lane, segments[i].first);
    ByteWriter value;
    std::uint64_t end = 0;
    for (; i < segments.size() && value.size() + segment_bytes_max <= row_value_bytes_max; ++i) {
      value.signed_varint(static_cast<std::int64_t>(segments[i].position.value - end)).varint(segments[i].count);
      end = segments[i].position.value + segments[i].count;
    }
    rows.push_back({Table::kIndex, std::move(key), value.take()});
  }
  return rows;
}

Result<IndexRow, Corruption> decode_index_row(std::string_view key, std::string_view value) {
  ByteReader k(key);
  IndexRow row{k.key_id<TopicId>(), k.key_id<Lane>(), {}};
  std::uint64_t offset = k.key<std::uint64_t>();
  if (!k.finished()) return failed(Corruption{"an index row has a malformed key"});
  ByteReader in(value);
  std::uint64_t position = 0;
  while (in.ok() && in.remaining() > 0) {
    position += static_cast<std::uint64_t>(in.signed_varint());
    const std::uint64_t count = in.varint();
    if (count == 0 || position > limits::place_max || count > limits::place_max - position || count > limits::place_max - offset) break;
    row.segments.push_back({Offset(offset), Position(position), count});
    position += count;
    offset += count;
  }
  if (!in.finished() || row.segments.empty())
    return failed(Corruption{"index row of topic " + std::to_string(row.topic.value) + " is malformed"});
  return row;
}

}  // namespace takt::core
