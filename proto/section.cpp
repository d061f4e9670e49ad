#include "proto/section.h"

#include <xxhash.h>

#include <limits>
#include <string>

#include "proto/check.h"
#include "proto/limits.h"
#include "proto/record.h"

namespace takt::proto {
namespace {

Refusal bad_section(std::string message) { return {ErrorCode::kBadSection, std::move(message)}; }

std::string message_at(std::uint32_t index) { return "message " + std::to_string(index); }

Refusal too_large(std::uint32_t index, std::string_view part, std::size_t bytes, std::size_t bytes_max) {
  return {ErrorCode::kMessageTooLarge, message_at(index) + ": " + std::string(part) + " of " + std::to_string(bytes) + " bytes, at most " +
                                           std::to_string(bytes_max) + " allowed"};
}

struct Ends {
  std::uint32_t metadata = 0;
  std::uint32_t payload = 0;
};
static_assert(sizeof(Ends) == section_entry_bytes);

Ends load_ends(ByteView metadata, std::uint32_t index) {
  Ends ends;
  std::memcpy(&ends, metadata.data() + std::size_t{index} * section_entry_bytes, sizeof(ends));
  return ends;
}

std::uint32_t as_end(std::size_t bytes) {
  check(bytes <= std::numeric_limits<std::uint32_t>::max(), "a section is smaller than 4 GiB");
  return static_cast<std::uint32_t>(bytes);
}

void append(std::vector<std::byte>& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

}  // namespace

Result<std::uint32_t, Refusal> check_sections(ByteView metadata, ByteView payload, std::uint32_t count, std::size_t message_bytes_max) {
  const std::size_t table_bytes = std::size_t{count} * section_entry_bytes;
  if (metadata.size() < table_bytes) {
    return failed(bad_section("metadata section: " + std::to_string(metadata.size()) + " bytes cannot hold the table of " +
                              std::to_string(count) + " messages"));
  }
  const ByteView records = metadata.subspan(table_bytes);
  Ends from;
  std::uint32_t scheduled = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Ends until = load_ends(metadata, i);
    if (until.metadata < from.metadata || until.metadata > records.size()) {
      return failed(bad_section(message_at(i) + ": metadata end " + std::to_string(until.metadata) + " is not between " +
                                std::to_string(from.metadata) + " and " + std::to_string(records.size())));
    }
    if (until.payload < from.payload || until.payload > payload.size()) {
      return failed(bad_section(message_at(i) + ": payload end " + std::to_string(until.payload) + " is not between " +
                                std::to_string(from.payload) + " and " + std::to_string(payload.size())));
    }
    const std::size_t payload_bytes = until.payload - from.payload;
    if (payload_bytes > message_bytes_max) return failed(too_large(i, "payload", payload_bytes, message_bytes_max));
    auto record = check_record(records.subspan(from.metadata, until.metadata - from.metadata));
    if (!record) {
      record.error().message.insert(0, message_at(i) + ": ");
      return failed(std::move(record.error()));
    }
    if (record->is_occurrence())
      return failed(Refusal{ErrorCode::kBadField, message_at(i) + ": schedule and planned are set by the broker alone: leave them out"});
    scheduled += record->is_scheduled() ? 1 : 0;
    from = until;
  }
  if (from.metadata != records.size()) {
    return failed(bad_section("metadata section: " + std::to_string(records.size() - from.metadata) + " bytes follow the last message"));
  }
  if (from.payload != payload.size()) {
    return failed(bad_section("payload section: " + std::to_string(payload.size() - from.payload) + " bytes follow the last message"));
  }
  return scheduled;
}

Sections gather(std::span<const SectionSlice> slices) {
  std::size_t count = 0;
  std::size_t record_bytes = 0;
  std::size_t payload_bytes = 0;
  for (const SectionSlice& slice : slices) {
    const auto from = slice.from.end(slice.first);
    const auto until = slice.from.end(slice.first + slice.count);
    count += slice.count;
    record_bytes += until.metadata - from.metadata;
    payload_bytes += until.payload - from.payload;
  }
  as_end(record_bytes);
  as_end(payload_bytes);

  Sections out;
  const std::size_t table_bytes = count * section_entry_bytes;
  out.metadata.reserve(table_bytes + record_bytes);
  out.metadata.resize(table_bytes);
  out.payload.reserve(payload_bytes);
  std::byte* entry = out.metadata.data();
  for (const SectionSlice& slice : slices) {
    const SectionView& view = slice.from;
    const auto from = view.end(slice.first);
    const auto until = view.end(slice.first + slice.count);
    // Modulo 2^32 the differences are right even when they are negative.
    const auto metadata_shift = static_cast<std::uint32_t>(out.metadata.size() - table_bytes) - from.metadata;
    const auto payload_shift = static_cast<std::uint32_t>(out.payload.size()) - from.payload;
    for (std::uint32_t i = 0; i < slice.count; ++i, entry += section_entry_bytes) {
      Ends ends = load_ends(view.metadata_, slice.first + i);
      ends.metadata += metadata_shift;
      ends.payload += payload_shift;
      std::memcpy(entry, &ends, sizeof(ends));
    }
    append(out.metadata,
           view.metadata_.subspan(std::size_t{view.count_} * section_entry_bytes + from.metadata, until.metadata - from.metadata));
    append(out.payload, view.payload_.subspan(from.payload, until.payload - from.payload));
  }
  return out;
}

void SectionBuilder::add(ByteView metadata, ByteView payload) {
  append(records_, metadata);
  append(payload_, payload);
  const Ends ends{as_end(records_.size()), as_end(payload_.size())};
  append(ends_, std::as_bytes(std::span(&ends, 1)));
}

Sections SectionBuilder::take() {
  Sections out;
  out.metadata.reserve(ends_.size() + records_.size());
  append(out.metadata, ends_);
  append(out.metadata, records_);
  out.payload = std::move(payload_);
  ends_.clear();
  records_.clear();
  payload_ = {};
  return out;
}

std::uint64_t section_checksum(ByteView section) { return XXH3_64bits(section.data(), section.size()); }

}  // namespace takt::proto
