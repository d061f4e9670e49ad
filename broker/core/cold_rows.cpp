#include "broker/core/cold_rows.h"

#include <algorithm>

#include "broker/core/bytes.h"
#include "proto/limits.h"

namespace takt::core {

std::string cold_key(TopicId topic, Lane lane, Offset offset) {
  return ByteWriter().key(topic).key(lane).key(offset).key(std::uint16_t{0}).take();
}

std::optional<Offset> cold_offset(std::string_view key) {
  ByteReader in(key);
  in.key_id<TopicId>();
  in.key_id<Lane>();
  const auto offset = in.key_id<Offset>();
  in.key<std::uint16_t>();
  return in.finished() ? std::optional(offset) : std::nullopt;
}

std::vector<RowChange> encode_cold(TopicId topic, Lane lane, Offset offset, Position position, const Staged& staged, ByteView metadata,
                                   ByteView payload) {
  ByteWriter all;
  all.id(position)
      .id(staged.lane)
      .signed_varint(staged.due.time_since_epoch().count())
      .varint(metadata.size())
      .varint(payload.size())
      .raw(as_text(metadata))
      .raw(as_text(payload));
  const std::string_view bytes = all.bytes();
  std::vector<RowChange> rows;
  std::uint16_t part = 0;
  for (std::size_t at = 0; at < bytes.size(); at += row_value_bytes_max, ++part) {
    std::string key = ByteWriter().key(topic).key(lane).key(offset).key(part).take();
    rows.push_back({Table::kCold, std::move(key), std::string(bytes.substr(at, row_value_bytes_max))});
  }
  return rows;
}

Result<std::optional<ColdMessage>, Corruption> ColdReader::add(std::string_view key, std::string_view value) {
  ByteReader k(key);
  ColdMessage named;
  named.topic = k.key_id<TopicId>();
  named.lane = k.key_id<Lane>();
  named.offset = k.key_id<Offset>();
  const auto part = k.key<std::uint16_t>();
  const auto bad = [&](const char* what) {
    return failed(Corruption{"carried message " + std::to_string(named.offset.value) + " of topic " + std::to_string(named.topic.value) +
                             " " + what});
  };
  if (!k.finished()) return failed(Corruption{"a row of carried messages has a malformed key"});
  if (part == 0) {
    if (open_) return bad("begins before the one in front of it ended");
    ByteReader in(value);
    named.position = in.id<Position>();
    named.staged.lane = in.id<Lane>();
    named.staged.due = WallTime(std::chrono::milliseconds(in.signed_varint()));
    metadata_length_ = in.varint();
    payload_length_ = in.varint();
    if (!in.ok() || named.staged.lane.value >= lane_count || metadata_length_ + payload_length_ > 2 * limits::batch_bytes_hard)
      return bad("is malformed");
    value = in.raw(in.remaining());
    open_ = std::move(named);
    next_part_ = 0;
  } else if (!open_ || part != next_part_ || open_->offset != named.offset || open_->topic != named.topic || open_->lane != named.lane) {
    return bad("has a part missing");
  }
  ++next_part_;
  const std::size_t to_metadata = std::min(value.size(), metadata_length_ - open_->metadata.size());
  open_->metadata.append(value.substr(0, to_metadata));
  open_->payload.append(value.substr(to_metadata));
  if (open_->payload.size() > payload_length_) return bad("is longer than it says");
  if (open_->metadata.size() < metadata_length_ || open_->payload.size() < payload_length_) return std::optional<ColdMessage>();
  std::optional<ColdMessage> whole = std::move(open_);
  open_.reset();
  return whole;
}

}  // namespace takt::core
