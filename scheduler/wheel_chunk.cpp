#include "scheduler/wheel_chunk.h"

namespace takt::scheduler {
namespace {

struct Level {
  unsigned shift;        ///< of a due time, to its bucket's number
  std::size_t width;     ///< bytes of a distance within the bucket
};
constexpr std::array<Level, BucketId::levels> layout{{{4, 1}, {10, 2}, {16, 2}, {22, 3}, {28, 4}, {34, 5}, {40, 5}}};

void put_varint(std::string& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool is_at_end() const { return bytes_.empty(); }
  std::optional<std::uint64_t> fixed(std::size_t width) {
    if (bytes_.size() < width) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value |= std::uint64_t{static_cast<unsigned char>(bytes_[i])} << (8 * i);
    bytes_.remove_prefix(width);
    return value;
  }
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = fixed(1);
      if (!byte || (shift == 63 && *byte > 1)) return std::nullopt;
      value |= (*byte & 0x7F) << shift;
      if (*byte < 0x80) return value;
    }
    return std::nullopt;
  }

 private:
  std::string_view bytes_;
};

}  // namespace

BucketId BucketId::of(std::uint8_t level, Instant due) {
  return {level, static_cast<std::uint64_t>(due.time_since_epoch().count()) >> layout[level].shift};
}
Instant BucketId::start() const { return Instant(Millis(static_cast<std::int64_t>(number << layout[level].shift))); }
Instant BucketId::end() const { return start() + span(level); }
Millis BucketId::span(std::uint8_t level) { return Millis(std::int64_t{1} << layout[level].shift); }

bool ChunkWriter::add(const Timer& timer) {
  const auto id = static_cast<std::uint64_t>(timer.key.id);
  const std::size_t before = bytes_.size();
  if (count_ == 0) put_varint(bytes_, prior_id_ = id);
  auto within = static_cast<std::uint64_t>((timer.key.due - bucket_.start()).count());
  for (std::size_t i = 0; i < layout[bucket_.level].width; ++i, within >>= 8) bytes_.push_back(static_cast<char>(within));
  const bool has_tag = count_ == 0 || timer.tag != prior_tag_;
  put_varint(bytes_, ((id - prior_id_) << 1) | (has_tag ? 1 : 0));
  if (has_tag) put_varint(bytes_, timer.tag);
  if (bytes_.size() > bytes_max_) {
    bytes_.resize(before);
    return false;
  }
  prior_id_ = id;
  prior_tag_ = timer.tag;
  ++count_;
  return true;
}

bool read_chunk(BucketId bucket, std::string_view chunk, std::vector<Timer>& timers) {
  Reader reader(chunk);
  auto id = reader.varint();
  if (!id || reader.is_at_end()) return false;
  std::uint64_t tag = 0;
  const auto span = static_cast<std::uint64_t>(BucketId::span(bucket.level).count());
  for (bool is_first = true; !reader.is_at_end(); is_first = false) {
    const auto within = reader.fixed(layout[bucket.level].width);
    const auto step = reader.varint();
    if (!within || *within >= span || !step || (*step >> 1 == 0) != is_first || (is_first && (*step & 1) == 0)) return false;
    if ((*step & 1) != 0) {
      const auto own = reader.varint();
      if (!own) return false;
      tag = *own;
    }
    const std::uint64_t next = *id + (*step >> 1);
    if (next < *id) return false;
    id = next;
    timers.push_back({{bucket.start() + Millis(static_cast<std::int64_t>(*within)), TimerId(*id)}, tag});
  }
  return true;
}

}  // namespace takt::scheduler
