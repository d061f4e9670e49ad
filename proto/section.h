#pragma once
// A batch of messages as two byte strings, the same on the wire and in the log.
// Metadata section: count x {metadata end u32, payload end u32}, little-endian, then the records' metadata one after
// another. `metadata end` counts from the end of that table, `payload end` from the start of the payload section.

#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "proto/error_code.h"
#include "proto/result.h"
#include "proto/shared_bytes.h"

namespace takt::proto {

inline constexpr std::size_t section_entry_bytes = 8;
static_assert(std::endian::native == std::endian::little, "section tables are read in place");

struct SectionSlice;
struct Sections {
  std::vector<std::byte> metadata;
  std::vector<std::byte> payload;
};

/// Reads a checked batch. Cost of each accessor: two loads. The views live as long as the sections' bytes.
class SectionView {
 public:
  /// `metadata` and `payload` must have passed check_sections or come from the log under a valid checksum.
  SectionView(ByteView metadata, ByteView payload, std::uint32_t count) : metadata_(metadata), payload_(payload), count_(count) {}

  std::uint32_t count() const { return count_; }
  ByteView metadata(std::uint32_t index) const;
  ByteView payload(std::uint32_t index) const;
  /// Bytes of metadata and payload that messages [first, first + n) take together, without the table.
  std::size_t bytes(std::uint32_t first, std::uint32_t n) const;

 private:
  friend Sections gather(std::span<const SectionSlice> slices);
  struct End {
    std::uint32_t metadata, payload;
  };
  End end(std::uint32_t index) const;   ///< of the messages before `index`

  ByteView metadata_;
  ByteView payload_;
  std::uint32_t count_;
};

/// Checks a batch as it came from the wire: lengths, monotonic ends, exact fit, every record's metadata, each
/// message's size: payload up to `message_bytes_max`, metadata up to its own bound. Count 0 takes empty sections only.
/// Cost: one pass over the metadata; the payload is not touched.
/// Gives how many of the messages are scheduled.
/// Refusals: kBadSection, kMessageTooLarge, and those of check_record (with the message's index in the text).
Result<std::uint32_t, Refusal> check_sections(ByteView metadata, ByteView payload, std::uint32_t count, std::size_t message_bytes_max);

inline SectionView::End SectionView::end(std::uint32_t index) const {
  if (index == 0) return {0, 0};
  End end;
  std::memcpy(&end, metadata_.data() + (std::size_t{index} - 1) * section_entry_bytes, sizeof(end));
  return end;
}
inline ByteView SectionView::metadata(std::uint32_t index) const {
  const std::uint32_t from = end(index).metadata;
  return metadata_.subspan(std::size_t{count_} * section_entry_bytes + from, end(index + 1).metadata - from);
}
inline ByteView SectionView::payload(std::uint32_t index) const {
  const std::uint32_t from = end(index).payload;
  return payload_.subspan(from, end(index + 1).payload - from);
}
inline std::size_t SectionView::bytes(std::uint32_t first, std::uint32_t n) const {
  const End from = end(first);
  const End until = end(first + n);
  return std::size_t{until.metadata - from.metadata} + (until.payload - from.payload);
}

/// Part of a checked batch.
struct SectionSlice {
  SectionView from;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};
/// Copies the slices, in order, into one fresh pair of sections; each byte is copied once.
Sections gather(std::span<const SectionSlice> slices);

/// Builds a batch message by message.
class SectionBuilder {
 public:
  /// `metadata` is the record's msgpack form.
  void add(ByteView metadata, ByteView payload);
  std::uint32_t count() const { return static_cast<std::uint32_t>(ends_.size() / section_entry_bytes); }
  /// Size of both sections if taken now.
  std::size_t bytes() const { return ends_.size() + records_.size() + payload_.size(); }
  /// The sections; the builder is empty afterwards.
  Sections take();

 private:
  std::vector<std::byte> ends_;
  std::vector<std::byte> records_;
  std::vector<std::byte> payload_;
};

/// XXH3-64, unseeded: the checksum of a section on the wire and in the log.
std::uint64_t section_checksum(ByteView section);

}  // namespace takt::proto
