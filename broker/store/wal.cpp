#include "broker/store/wal.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "proto/check.h"
#include "proto/planted_bug.h"

namespace takt::store {
namespace {

using Kind = StoreFailure::Kind;

constexpr std::uint16_t layout_version = 1;
constexpr std::size_t ring_at = Wal::block_bytes;
constexpr std::uint32_t blocks_max = 65'536;

constexpr std::string_view head_magic("TAKTWAL\n");
constexpr std::size_t head_bytes = 48;
namespace head_field {
constexpr std::size_t version = 8, blocks = 12, partition = 16, seed = 32, checksum = 40;
}

constexpr std::uint64_t record_magic = 0x4452'4F43'4552'4157;   // "WARECORD"
constexpr std::size_t record_head_bytes = 64;
namespace record_field {
constexpr std::size_t magic = 0, first = 8, end = 16, append_first = 24, following = 32, bytes = 40, value_checksum = 48, checksum = 56;
}
using RecordHead = std::array<std::byte, record_head_bytes>;

std::uint64_t number(const std::byte* at) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

RecordHead encode(const core::Commit& commit, Position append_first, std::uint64_t following, std::uint64_t seed) {
  namespace at = record_field;
  RecordHead head{};
  const auto put = [&head](std::size_t place, std::uint64_t value) { std::memcpy(head.data() + place, &value, sizeof value); };
  put(at::magic, record_magic);
  put(at::first, commit.first.value);
  put(at::end, commit.end.value);
  put(at::append_first, append_first.value);
  put(at::following, following);
  put(at::bytes, commit.value.size());
  put(at::value_checksum, XXH3_64bits_withSeed(commit.value.bytes.data(), commit.value.size(), seed));
  put(at::checksum, XXH3_64bits_withSeed(head.data(), at::checksum, seed));
  return head;
}

std::size_t blocks_of(const core::Commit& commit) {
  return (record_head_bytes + commit.value.size() + Wal::block_bytes - 1) / Wal::block_bytes;
}

const std::array<char, 16 * Wal::block_bytes> zeros{};
iovec part_of(const void* bytes, std::size_t size) { return {const_cast<void*>(bytes), size}; }

void add_zeros(std::vector<iovec>& parts, std::size_t blocks) {
  for (std::size_t bytes = blocks * Wal::block_bytes; bytes > 0; bytes -= parts.back().iov_len)
    parts.push_back(part_of(zeros.data(), std::min(bytes, zeros.size())));
}

void add_record(std::vector<iovec>& parts, const RecordHead& head, const core::Commit& commit) {
  parts.push_back(part_of(head.data(), head.size()));
  parts.push_back(part_of(commit.value.bytes.data(), commit.value.size()));
  const std::size_t padding = blocks_of(commit) * Wal::block_bytes - head.size() - commit.value.size();
  if (padding > 0) parts.push_back(part_of(zeros.data(), padding));
}

std::size_t file_bytes(std::size_t blocks) { return ring_at + blocks * Wal::block_bytes; }
std::uint64_t offset_of(std::size_t block) { return ring_at + block * Wal::block_bytes; }

}  // namespace

std::size_t Wal::blocks_of(std::span<const core::Commit> commits) {
  std::size_t count = 0;
  for (const core::Commit& commit : commits) count += store::blocks_of(commit);
  return count;
}

StoreFailure Wal::corrupt(const std::string& what) const {
  return {Kind::kCorrupt, options_.file.string() + " " + what + ": restore the folder from a backup"};
}

// ---- opening

Result<std::unique_ptr<Wal>, StoreFailure> Wal::open(Options options) {
  const bool may_make = options.create == Options::Create::kAllowed;
  File file(options.file, O_RDWR | (may_make ? O_CREAT : 0));
  if (!file.is_open() && errno == ENOENT)
    return failed(StoreFailure{Kind::kCorrupt, options.file.string() + " is missing: restore the folder from a backup"});
  if (!file.is_open()) return failed(system_failure(options.file, "open it", errno));
  std::unique_ptr<Wal> wal(new Wal(std::move(options), std::move(file)));
  const std::uint64_t bytes = wal->file_.size();
  if (bytes == 0 && !may_make) return failed(wal->corrupt("is empty"));
  auto opened = bytes == 0 ? wal->make() : wal->read(bytes);
  if (!opened) return failed(opened.error());
  return wal;
}

Result<void, StoreFailure> Wal::make() {
  if (::getrandom(&seed_, sizeof seed_, 0) != sizeof seed_)
    return failed(StoreFailure{Kind::kIo, "the kernel gives no random bytes for " + options_.file.string()});
  blocks_ = options_.blocks;
  std::array<char, head_bytes> head{};
  std::memcpy(head.data(), head_magic.data(), head_magic.size());
  std::memcpy(head.data() + head_field::version, &layout_version, sizeof layout_version);
  std::memcpy(head.data() + head_field::blocks, &options_.blocks, sizeof options_.blocks);
  std::memcpy(head.data() + head_field::partition, options_.partition.data(), options_.partition.size());
  std::memcpy(head.data() + head_field::seed, &seed_, sizeof seed_);
  const std::uint64_t checksum = XXH3_64bits(head.data(), head_field::checksum);
  std::memcpy(head.data() + head_field::checksum, &checksum, sizeof checksum);
  std::vector<iovec> parts = {part_of(head.data(), head.size()), part_of(zeros.data(), block_bytes - head.size())};
  add_zeros(parts, blocks_);
  int code = file_.write_at(0, std::move(parts));
  if (code == 0 && ::fsync(file_.get()) != 0) code = errno;
  if (code != 0) return failed(system_failure(options_.file, "make it", code));
  return {};
}

Result<void, StoreFailure> Wal::read(std::size_t bytes) {
  if (bytes < file_bytes(1) || bytes > file_bytes(blocks_max)) return failed(corrupt("has " + std::to_string(bytes) + " bytes"));
  std::vector<std::byte> all(bytes);
  const ssize_t read = file_.read_at(0, all);
  if (read < 0) return failed(system_failure(options_.file, "read it", errno));
  if (static_cast<std::size_t>(read) < bytes) return failed(corrupt("became shorter while it was read"));
  if (std::memcmp(all.data(), head_magic.data(), head_magic.size()) != 0) return failed(corrupt("is not a write-ahead file"));
  if (number(all.data() + head_field::checksum) != XXH3_64bits(all.data(), head_field::checksum))
    return failed(corrupt("has a head whose checksum does not match"));
  std::uint16_t version = 0;
  std::memcpy(&version, all.data() + head_field::version, sizeof version);
  if (version > layout_version)
    return failed(StoreFailure{Kind::kForeign, options_.file.string() + ": layout version " + std::to_string(version) +
                                                   ", this takt reads up to " + std::to_string(layout_version) +
                                                   ": start the newer takt that wrote it"});
  std::uint32_t blocks = 0;
  std::memcpy(&blocks, all.data() + head_field::blocks, sizeof blocks);
  blocks_ = blocks;
  if (bytes != file_bytes(blocks_))
    return failed(corrupt("has " + std::to_string(bytes) + " bytes instead of " + std::to_string(file_bytes(blocks_))));
  if (std::memcmp(all.data() + head_field::partition, options_.partition.data(), options_.partition.size()) != 0)
    return failed(StoreFailure{Kind::kForeign, options_.file.string() + " is of another partition: put the folder back as it was"});
  seed_ = number(all.data() + head_field::seed);
  const ByteView ring(all.data() + ring_at, bytes - ring_at);
  for (std::size_t block = 0; block < blocks_;) {
    auto record = record_at(ring, block);
    block += record && record->is_whole ? store::blocks_of(record->commit) : 1;
    if (record) found_.push_back(std::move(*record));
  }
  return {};
}

std::optional<Wal::Record> Wal::record_at(ByteView ring, std::size_t block) const {
  namespace at = record_field;
  const std::byte* head = ring.data() + block * block_bytes;
  if (number(head + at::magic) != record_magic) return std::nullopt;
  if (number(head + at::checksum) != XXH3_64bits_withSeed(head, at::checksum, seed_)) return std::nullopt;
  const std::uint64_t bytes = number(head + at::bytes);
  if (bytes > ring.size() - block * block_bytes - record_head_bytes) return std::nullopt;
  const std::byte* value = head + record_head_bytes;
  auto buffer = std::make_shared_for_overwrite<std::byte[]>(bytes);
  std::memcpy(buffer.get(), value, bytes);
  return Record{.append_first = Position(number(head + at::append_first)),
                .following = number(head + at::following),
                .block = block,
                .is_whole = number(head + at::value_checksum) == XXH3_64bits_withSeed(value, bytes, seed_),
                .commit = {.first = Position(number(head + at::first)),
                           .end = Position(number(head + at::end)),
                           .value = {.owner = buffer, .bytes = ByteView(buffer.get(), bytes)}}};
}

Result<std::vector<core::Commit>, StoreFailure> Wal::recover(Position end) {
  std::vector<Record> found = std::exchange(found_, {});
  if (planted(PlantedBug::kWalForgotten)) found.clear();
  std::erase_if(found, [end](const Record& record) { return record.commit.first < end; });
  std::ranges::sort(found, {}, [](const Record& record) { return record.commit.first; });
  // An append counts when all its records are there, one behind the other.
  std::size_t kept = 0;
  for (std::size_t next = 0; next < found.size() && found[next].commit.first == end; next = kept) {
    std::size_t last = next;
    while (last + 1 < found.size() && found[last].is_whole && found[last + 1].continues(found[last])) ++last;
    if (!found[last].is_whole || (found[last].following > 0 && !planted(PlantedBug::kTornAppendTaken))) break;
    kept = last + 1;
    end = found[last].commit.end;
  }
  for (std::size_t i = kept; i < found.size(); ++i)
    if (found[i].append_first != end)
      return failed(
          corrupt("misses commits between positions " + std::to_string(end.value) + " and " + std::to_string(found[i].commit.first.value)));
  found.resize(kept);
  if (const int code = write_anew(found); code != 0) return failed(system_failure(options_.file, "write it anew", code));
  std::vector<core::Commit> commits;
  for (Record& record : found) {
    const std::size_t count = store::blocks_of(record.commit);
    in_use_.push_back({record.commit.end, record.block, count});
    next_ = record.block + count;
    commits.push_back(std::move(record.commit));
  }
  return commits;
}

int Wal::write_anew(std::span<const Record> kept) const {
  std::vector<const Record*> in_place;
  for (const Record& record : kept) in_place.push_back(&record);
  std::ranges::sort(in_place, {}, &Record::block);
  std::vector<RecordHead> heads;
  heads.reserve(kept.size());
  std::vector<iovec> parts;
  std::size_t next = 0;
  for (const Record* record : in_place) {
    add_zeros(parts, record->block - next);
    heads.push_back(encode(record->commit, record->append_first, record->following, seed_));
    add_record(parts, heads.back(), record->commit);
    next = record->block + store::blocks_of(record->commit);
  }
  add_zeros(parts, blocks_ - next);
  int code = file_.write_at(offset_of(0), parts);
  if (is_full(code) && options_.make_room && options_.make_room()) code = file_.write_at(offset_of(0), std::move(parts));
  if (code == 0 && ::fdatasync(file_.get()) != 0) code = errno;
  return code;
}

// ---- writing

std::optional<std::size_t> Wal::place(std::size_t count) const {
  const std::size_t oldest = in_use_.empty() ? 0 : in_use_.front().block;
  if (!in_use_.empty() && next_ <= oldest) return oldest - next_ >= count ? std::optional(next_) : std::nullopt;
  if (blocks_ - next_ >= count) return next_;
  const std::size_t room = in_use_.empty() ? blocks_ : oldest;
  return room >= count ? std::optional<std::size_t>(0) : std::nullopt;
}

Result<void, StoreFailure> Wal::append(std::span<const core::Commit> commits) {
  const std::size_t count = blocks_of(commits);
  const auto block = place(count);
  check(block.has_value(), "an append has room in the write-ahead file");
  std::vector<RecordHead> heads;
  std::vector<iovec> parts;
  heads.reserve(commits.size());
  parts.reserve(commits.size() * 3);
  for (std::size_t i = 0; i < commits.size(); ++i) {
    heads.push_back(encode(commits[i], commits.front().first, commits.size() - 1 - i, seed_));
    add_record(parts, heads.back(), commits[i]);
  }
  int code = file_.write_at(offset_of(*block), std::move(parts));
  if (planted(PlantedBug::kFailedWriteTaken)) code = 0;
  if (is_full(code)) return failed(system_failure(options_.file, "write to it", code));
  if (code != 0) stop_process(options_.file, std::strerror(code));
  sync();
  in_use_.push_back({commits.back().end, *block, count});
  next_ = *block + count;
  return {};
}

void Wal::release(Position end) {
  while (!in_use_.empty() && in_use_.front().end <= end) in_use_.pop_front();
}

Result<void, StoreFailure> Wal::wipe() {
  if (const int code = write_anew({}); code != 0) return failed(system_failure(options_.file, "wipe it", code));
  in_use_.clear();
  next_ = 0;
  return {};
}

void Wal::sync() {
  if (planted(PlantedBug::kSyncSkipped)) return;
  if (::fdatasync(file_.get()) != 0) stop_process(options_.file, std::strerror(errno));
}

}  // namespace takt::store
