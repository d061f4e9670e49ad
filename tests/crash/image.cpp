#include "tests/crash/image.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace takt::crash {
namespace {

constexpr std::size_t sector_bytes = 512;

void keep(FileContent& content, const Record& record) {
  if (record.type == RecordType::kTruncate)
    content.resize(record.offset);
  else
    content.write(record.offset, record.bytes);
}

/// Each sector that the write touches is on the disk or is not.
void keep_sectors(FileContent& content, const Record& record, sim::Random& random) {
  if (record.type == RecordType::kTruncate) return random.permille(500) ? keep(content, record) : void();
  for (std::size_t at = 0; at < record.bytes.size();) {
    const std::size_t room = sector_bytes - (record.offset + at) % sector_bytes;
    const std::size_t size = std::min(room, record.bytes.size() - at);
    if (random.permille(500)) content.write(record.offset + at, record.bytes.subspan(at, size));
    at += size;
  }
}

/// The first sectors of it, from none to all.
void keep_beginning(FileContent& content, const Record& record, sim::Random& random) {
  if (record.type == RecordType::kTruncate) return;
  const std::size_t sectors = record.bytes.size() / sector_bytes;
  content.write(record.offset, record.bytes.first(random.below(sectors + 1) * sector_bytes));
}

}  // namespace

std::size_t cut_of(std::uint64_t seed, const Journal& journal, std::size_t ready) {
  sim::Random random(seed);
  const auto& records = journal.records();
  std::size_t cut = random.between(ready, records.size() - 1);
  // Most of the records are the workload's marks; instants within the disk's work are the interesting ones.
  if (random.permille(900))
    while (cut + 1 < records.size() && records[cut].type == RecordType::kMark) ++cut;
  return cut;
}

FileContent after_power_loss(const DiskFile& file, sim::Random& random) {
  FileContent content = file.durable;
  const auto& pending = file.pending;
  if (pending.empty()) return content;
  switch (random.below(6)) {
    case 0: break;
    case 1:
      for (const Record* one : pending) keep(content, *one);
      break;
    case 2: {
      const std::size_t whole = random.below(pending.size());
      for (std::size_t i = 0; i < whole; ++i) keep(content, *pending[i]);
      keep_beginning(content, *pending[whole], random);
      break;
    }
    case 3:
      for (const Record* one : pending)
        if (random.permille(500)) keep(content, *one);
      break;
    case 4: {
      const std::size_t torn = random.below(pending.size());
      for (std::size_t i = 0; i < pending.size(); ++i) {
        if (i == torn)
          keep_sectors(content, *pending[i], random);
        else if (random.permille(500))
          keep(content, *pending[i]);
      }
      break;
    }
    default:
      for (const Record* one : pending) keep_sectors(content, *one, random);
  }
  return content;
}

std::string_view name_of(StoreFile file) {
  constexpr std::array<std::string_view, store_files> names = {"log.mdb", "log.wal", "tables.mdb"};
  return names[static_cast<std::size_t>(file)];
}

ImageFolder::ImageFolder(std::filesystem::path folder, const std::filesystem::path& recorded) : folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_ / "partition-0");
  std::filesystem::copy_file(recorded / "identity.toml", folder_ / "identity.toml", std::filesystem::copy_options::overwrite_existing);
}

void ImageFolder::put(StoreFile file, std::span<const std::byte> content) const {
  const std::filesystem::path path = folder_ / "partition-0" / name_of(file);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  bool is_written = descriptor >= 0 && ::ftruncate(descriptor, static_cast<off_t>(content.size())) == 0;
  for (std::size_t at = 0; is_written && at < content.size();) {
    const ssize_t n = ::pwrite(descriptor, content.data() + at, content.size() - at, static_cast<off_t>(at));
    is_written = n > 0;
    if (is_written) at += static_cast<std::size_t>(n);
  }
  if (descriptor >= 0) ::close(descriptor);
  if (!is_written) throw std::runtime_error(path.string() + " cannot be written");
}

}  // namespace takt::crash
