#include "broker/core/commit.h"

#include <xxhash.h>

#include <bit>
#include <cstring>
#include <limits>
#include <memory>

#include "proto/check.h"
#include "proto/limits.h"
#include "proto/planted_bug.h"

namespace takt::core {
namespace {

static_assert(std::endian::native == std::endian::little, "integers are copied as they stand in memory");

constexpr std::size_t header_bytes = 96;
constexpr std::size_t entry_bytes = 48;
constexpr std::size_t stamp_bytes = 24;
static_assert(run_overhead_bytes == entry_bytes + stamp_bytes);
constexpr std::uint32_t magic = 0x54'4B'41'54;   // "TAKT"
constexpr std::uint32_t known_features = 0;

/// Byte places of the header's fields. docs/log-format.md has the same table. Mark, version and header size have one
/// valid value each, so the checksum may begin behind itself and cover header and directory in one piece.
namespace header_at {
constexpr std::size_t magic = 0, version = 4, size = 6, checksum = 8, partition = 16, first = 32, count = 40, epoch = 44, time = 48,
                      durable_to = 56, runs = 64, required = 68, length = 72, optional = 80, era = 84, reserved = 86, reserved_too = 88;
}
constexpr std::size_t checksum_from = 16;
namespace entry_at {
constexpr std::size_t topic = 0, lane = 4, run_class = 5, flags = 6, first_offset = 8, count = 16, place = 20, metadata_length = 24,
                      payload_length = 28, metadata_checksum = 32, payload_checksum = 40;
}
namespace stamp_at {
constexpr std::size_t producer = 0, epoch = 8, sequence = 12, count = 20;
}

template <class Integer>
Integer load(ByteView bytes, std::size_t at) {
  Integer value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class Integer>
void store(std::byte* to, std::size_t at, Integer value) {
  std::memcpy(to + at, &value, sizeof value);
}

std::uint64_t xxh3(ByteView bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

bool has_stamp(proto::RunClass run_class) { return run_class != proto::RunClass::kControl; }

std::uint64_t checksum_seed(const PartitionUuid& partition, Position first) {
  std::array<std::byte, sizeof(PartitionUuid) + sizeof first.value> place;
  std::memcpy(place.data(), partition.data(), partition.size());
  std::memcpy(place.data() + partition.size(), &first.value, sizeof first.value);
  return xxh3(place);
}

/// The checksum over everything that no section's checksum covers: header and directory from byte 16 on, seeded with
/// the place, then each stamp in the order of the runs, seeded with the checksum so far.
std::uint64_t frame_checksum(ByteView header_and_directory, const PartitionUuid& partition, Position first) {
  const ByteView covered = header_and_directory.subspan(checksum_from);
  return XXH3_64bits_withSeed(covered.data(), covered.size(), checksum_seed(partition, first));
}
std::uint64_t with_stamp(std::uint64_t checksum, ByteView stamp) { return XXH3_64bits_withSeed(stamp.data(), stamp.size(), checksum); }

Corruption corrupt(std::string what) { return Corruption{std::move(what)}; }

std::string run_name(std::size_t index) { return "run " + std::to_string(index) + " of the directory: "; }

/// One directory entry, checked against nothing but itself.
struct Entry {
  RunView run;
  std::uint16_t flags = 0;
  std::uint8_t run_class = 0;
  std::uint32_t place = 0;
  std::uint32_t metadata_length = 0;
  std::uint32_t payload_length = 0;
  std::uint64_t metadata_checksum = 0;
  std::uint64_t payload_checksum = 0;

  std::uint64_t bytes() const { return std::uint64_t{run_class == 0 ? 0 : stamp_bytes} + metadata_length + payload_length; }
};

Entry read_entry(ByteView value, std::size_t index) {
  const ByteView bytes = value.subspan(header_bytes + index * entry_bytes, entry_bytes);
  Entry entry;
  entry.run.topic = TopicId(load<std::uint32_t>(bytes, entry_at::topic));
  entry.run.lane = Lane(load<std::uint8_t>(bytes, entry_at::lane));
  entry.run_class = load<std::uint8_t>(bytes, entry_at::run_class);
  entry.run.run_class = static_cast<proto::RunClass>(entry.run_class);
  entry.flags = load<std::uint16_t>(bytes, entry_at::flags);
  const auto first = load<std::uint64_t>(bytes, entry_at::first_offset);
  if (entry.run.run_class == proto::RunClass::kScheduled)
    entry.run.taken = WallTime(std::chrono::milliseconds(std::min(first, std::uint64_t{limits::place_max})));
  else
    entry.run.first_offset = Offset(first);
  entry.run.count = load<std::uint32_t>(bytes, entry_at::count);
  entry.place = load<std::uint32_t>(bytes, entry_at::place);
  entry.metadata_length = load<std::uint32_t>(bytes, entry_at::metadata_length);
  entry.payload_length = load<std::uint32_t>(bytes, entry_at::payload_length);
  entry.metadata_checksum = load<std::uint64_t>(bytes, entry_at::metadata_checksum);
  entry.payload_checksum = load<std::uint64_t>(bytes, entry_at::payload_checksum);
  return entry;
}

ProducerStamp read_stamp(ByteView bytes) {
  return {.producer = ProducerId(load<std::uint64_t>(bytes, stamp_at::producer)),
          .epoch = load<std::uint32_t>(bytes, stamp_at::epoch),
          .sequence = Sequence(load<std::uint64_t>(bytes, stamp_at::sequence)),
          .count = load<std::uint32_t>(bytes, stamp_at::count)};
}

CommitHeader read_header(ByteView value) {
  CommitHeader header;
  header.version = load<std::uint16_t>(value, header_at::version);
  header.required_features = load<std::uint32_t>(value, header_at::required);
  header.optional_features = load<std::uint32_t>(value, header_at::optional);
  std::memcpy(header.partition.data(), value.data() + header_at::partition, header.partition.size());
  header.first = Position(load<std::uint64_t>(value, header_at::first));
  header.count = load<std::uint32_t>(value, header_at::count);
  header.epoch = Epoch(load<std::uint32_t>(value, header_at::epoch));
  header.era = load<std::uint16_t>(value, header_at::era);
  header.time = WallTime(std::chrono::milliseconds(load<std::int64_t>(value, header_at::time)));
  header.durable_to = Position(load<std::uint64_t>(value, header_at::durable_to));
  return header;
}

void write_header(std::byte* to, const CommitHeader& header, std::size_t run_count, std::size_t length) {
  store(to, header_at::magic, magic);
  store(to, header_at::version, header.version);
  store(to, header_at::size, static_cast<std::uint16_t>(header_bytes));
  std::memcpy(to + header_at::partition, header.partition.data(), header.partition.size());
  store(to, header_at::first, header.first.value);
  store(to, header_at::count, header.count);
  store(to, header_at::epoch, header.epoch.value);
  store(to, header_at::time, static_cast<std::int64_t>(header.time.time_since_epoch().count()));
  store(to, header_at::durable_to, header.durable_to.value);
  store(to, header_at::runs, static_cast<std::uint32_t>(run_count));
  store(to, header_at::required, header.required_features);
  store(to, header_at::length, static_cast<std::uint64_t>(length));
  store(to, header_at::optional, header.optional_features);
  store(to, header_at::era, header.era);
  store(to, header_at::reserved, std::uint16_t{0});
  store(to, header_at::reserved_too, std::uint64_t{0});
}

/// What can be said of a value before its directory is looked at. The order gives the best message: an unknown version
/// may have another layout, so nothing after it is believed.
std::optional<Corruption> refuse_frame(ByteView value, const PartitionUuid& partition) {
  if (value.size() < header_bytes)
    return corrupt("a commit of " + std::to_string(value.size()) + " bytes is shorter than its header of 96");
  if (load<std::uint32_t>(value, header_at::magic) != magic) return corrupt("byte 0: no commit begins here, the mark TAKT is missing");
  const auto version = load<std::uint16_t>(value, header_at::version);
  if (version != log_format_version)
    return corrupt("byte 4: log format version " + std::to_string(version) + ", this software reads version " +
                   std::to_string(log_format_version) + ": a newer takt wrote it, or the bytes are damaged");
  if (load<std::uint16_t>(value, header_at::size) != header_bytes) return corrupt("byte 6: version 1 has a header of 96 bytes");
  const auto length = load<std::uint64_t>(value, header_at::length);
  if (length != value.size())
    return corrupt("byte 72: the commit says " + std::to_string(length) + " bytes and has " + std::to_string(value.size()));
  const std::uint64_t directory_bytes = std::uint64_t{load<std::uint32_t>(value, header_at::runs)} * entry_bytes;
  if (directory_bytes > value.size() - header_bytes)
    return corrupt("byte 64: a directory of " + std::to_string(directory_bytes) + " bytes does not fit in the commit");
  if (std::memcmp(value.data() + header_at::partition, partition.data(), partition.size()) != 0)
    return corrupt("byte 16: the commit belongs to another partition");
  return std::nullopt;
}

/// What an entry may not be, by itself and as the one that begins at `place` and may use `available` bytes.
std::optional<Corruption> refuse_entry(const Entry& entry, std::size_t index, std::uint64_t place, std::uint64_t available) {
  if (entry.run_class > static_cast<std::uint8_t>(proto::RunClass::kScheduled))
    return corrupt(run_name(index) + "class " + std::to_string(entry.run_class) + " is unknown");
  if (entry.run.lane.value >= lane_count) return corrupt(run_name(index) + "lane " + std::to_string(entry.run.lane.value) + " is unknown");
  if (entry.flags != 0) return corrupt(run_name(index) + "flags " + std::to_string(entry.flags) + " are unknown");
  if (entry.run.count == 0) return corrupt(run_name(index) + "it holds nothing");
  if (entry.run.run_class == proto::RunClass::kScheduled && entry.run.taken > WallTime(std::chrono::milliseconds(limits::due_ms_max)))
    return corrupt(run_name(index) + "it came behind the year 9999");
  if (entry.run.first_offset.value > std::numeric_limits<std::uint64_t>::max() - entry.run.count)
    return corrupt(run_name(index) + "its offsets overflow");
  if (entry.place != place)
    return corrupt(run_name(index) + "it should stand at byte " + std::to_string(place) + " and says " + std::to_string(entry.place));
  if (entry.bytes() > available) return corrupt(run_name(index) + "it reaches beyond the commit's end");
  if (!has_stamp(entry.run.run_class) && (entry.payload_length != 0 || entry.payload_checksum != 0))
    return corrupt(run_name(index) + "a control run has no payload");
  return std::nullopt;
}

}  // namespace

Result<CommitView, Corruption> CommitView::parse(ByteView value, const PartitionUuid& partition, Sections sections) {
  if (auto refused = refuse_frame(value, partition)) return failed(std::move(*refused));

  CommitView view;
  view.value = value;
  view.header = read_header(value);
  const std::size_t run_count = load<std::uint32_t>(value, header_at::runs);
  std::uint64_t checksum = frame_checksum(value.first(header_bytes + run_count * entry_bytes), partition, view.header.first);

  view.runs.reserve(run_count);
  std::uint64_t place = header_bytes + run_count * entry_bytes;
  std::uint64_t counted = 0;
  for (std::size_t index = 0; index < run_count; ++index) {
    const Entry entry = read_entry(value, index);
    if (auto refused = refuse_entry(entry, index, place, value.size() - place)) return failed(std::move(*refused));
    RunView run = entry.run;
    std::size_t at = place;
    if (has_stamp(run.run_class)) {
      checksum = with_stamp(checksum, value.subspan(at, stamp_bytes));
      run.stamp = read_stamp(value.subspan(at, stamp_bytes));
      at += stamp_bytes;
    }
    run.metadata = value.subspan(at, entry.metadata_length);
    run.payload = value.subspan(at + entry.metadata_length, entry.payload_length);
    run.first_position = Position(view.header.first.value + counted);
    counted += run.count;
    place += entry.bytes();
    view.runs.push_back(run);
  }
  if (checksum != load<std::uint64_t>(value, header_at::checksum))
    return failed(corrupt("byte 8: the checksum of header, directory and stamps does not match"));

  // From here on the bytes are those that somebody sealed; what is still refused is a newer writer's or a bug's.
  if ((view.header.required_features & ~known_features) != 0)
    return failed(corrupt("byte 68: required features " + std::to_string(view.header.required_features) +
                          " are unknown to this software: a newer takt wrote this commit"));
  if (load<std::uint16_t>(value, header_at::reserved) != 0 || load<std::uint64_t>(value, header_at::reserved_too) != 0)
    return failed(corrupt("byte 86: reserved bytes are in use"));
  if (run_count == 0) return failed(corrupt("byte 64: a commit without runs"));
  if (place != value.size()) return failed(corrupt("byte " + std::to_string(place) + ": bytes follow the last run"));
  if (counted != view.header.count)
    return failed(
        corrupt("byte 40: the commit says " + std::to_string(view.header.count) + " records and its runs hold " + std::to_string(counted)));
  if (view.header.first.value > std::numeric_limits<std::uint64_t>::max() - counted)
    return failed(corrupt("byte 32: the positions overflow"));
  for (std::size_t index = 0; index < run_count; ++index) {
    const RunView& run = view.runs[index];
    if (has_stamp(run.run_class) && run.stamp.count != run.count)
      return failed(corrupt(run_name(index) + "its stamp counts " + std::to_string(run.stamp.count) + " records, the directory " +
                            std::to_string(run.count)));
    if (sections == Sections::kTrust) continue;
    if (auto checked = view.check_sections(index); !checked) return failed(checked.error());
  }
  return view;
}

Result<void, Corruption> CommitView::check_sections(std::size_t index) const {
  if (planted(PlantedBug::kSectionChecksumUnchecked)) return {};
  const Entry entry = read_entry(value, index);
  const RunView& run = runs[index];
  if (xxh3(run.metadata) != entry.metadata_checksum) return failed(corrupt(run_name(index) + "the metadata's checksum does not match"));
  if (has_stamp(run.run_class) && xxh3(run.payload) != entry.payload_checksum)
    return failed(corrupt(run_name(index) + "the payload's checksum does not match"));
  return {};
}

std::size_t stored_bytes(const PendingRun& run) {
  return entry_bytes + (has_stamp(run.run_class) ? stamp_bytes : 0) + run.metadata.size() + run.payload.size();
}

Commit seal_commit(CommitHeader header, std::span<const PendingRun> runs) {
  check(!runs.empty(), "a commit has runs");
  std::size_t length = header_bytes;
  std::uint64_t count = 0;
  for (const PendingRun& run : runs) {
    length += stored_bytes(run);
    count += run.count;
  }
  check(length <= std::numeric_limits<std::uint32_t>::max(), "a commit's places fit in 32 bits");
  check(count <= std::numeric_limits<std::uint32_t>::max(), "a commit's count fits in 32 bits");
  header.count = static_cast<std::uint32_t>(count);

  auto buffer = std::make_shared_for_overwrite<std::byte[]>(length);
  std::byte* const value = buffer.get();
  write_header(value, header, runs.size(), length);

  std::byte* entry = value + header_bytes;
  std::size_t place = header_bytes + runs.size() * entry_bytes;
  for (const PendingRun& run : runs) {
    const bool stamped = has_stamp(run.run_class);
    check(run.count > 0, "a run holds something");
    check(stamped ? run.stamp.count == run.count : run.payload.size() == 0,
          "a run's stamp counts its records, and a control run has no payload");
    store(entry, entry_at::topic, run.topic.value);
    store(entry, entry_at::lane, run.lane.value);
    store(entry, entry_at::run_class, static_cast<std::uint8_t>(run.run_class));
    store(entry, entry_at::flags, std::uint16_t{0});
    store(entry, entry_at::first_offset,
          run.run_class == proto::RunClass::kScheduled ? static_cast<std::uint64_t>(run.taken.time_since_epoch().count())
                                                       : run.first_offset.value);
    store(entry, entry_at::count, run.count);
    store(entry, entry_at::place, static_cast<std::uint32_t>(place));
    store(entry, entry_at::metadata_length, static_cast<std::uint32_t>(run.metadata.size()));
    store(entry, entry_at::payload_length, static_cast<std::uint32_t>(run.payload.size()));
    store(entry, entry_at::metadata_checksum, stamped ? run.metadata_checksum : xxh3(run.metadata.bytes));
    store(entry, entry_at::payload_checksum, stamped ? run.payload_checksum : std::uint64_t{0});
    entry += entry_bytes;
    if (stamped) {
      store(value + place, stamp_at::producer, run.stamp.producer.value);
      store(value + place, stamp_at::epoch, run.stamp.epoch);
      store(value + place, stamp_at::sequence, run.stamp.sequence.value);
      store(value + place, stamp_at::count, run.stamp.count);
      place += stamp_bytes;
    }
    for (const ByteView section : {run.metadata.bytes, run.payload.bytes}) {
      if (section.empty()) continue;
      std::memcpy(value + place, section.data(), section.size());
      place += section.size();
    }
  }

  std::size_t at = header_bytes + runs.size() * entry_bytes;
  std::uint64_t checksum = frame_checksum(ByteView(value, at), header.partition, header.first);
  for (const PendingRun& run : runs) {
    if (has_stamp(run.run_class)) checksum = with_stamp(checksum, ByteView(value + at, stamp_bytes));
    at += stored_bytes(run) - entry_bytes;
  }
  store(value, header_at::checksum, checksum);
  return {.first = header.first, .end = header.first.plus(count), .value = {.owner = buffer, .bytes = ByteView(value, length)}};
}

}  // namespace takt::core
