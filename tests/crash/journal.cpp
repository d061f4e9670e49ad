#include "tests/crash/journal.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace takt::crash {

Journal::Journal(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  content_.resize(std::filesystem::file_size(file));
  in.read(reinterpret_cast<char*>(content_.data()), static_cast<std::streamsize>(content_.size()));
  for (std::size_t at = 0; at + sizeof(RecordHeader) <= content_.size();) {
    RecordHeader header;
    std::memcpy(&header, content_.data() + at, sizeof header);
    at += sizeof header;
    if (header.magic != RecordHeader{}.magic || header.length > content_.size() - at)
      throw std::runtime_error(file.string() + ": no record at byte " + std::to_string(at - sizeof header));
    records_.push_back({header.type, header.file, header.offset, std::span(content_).subspan(at, header.length)});
    at += header.length;
  }
}

Marker::Marker(const std::filesystem::path& journal) : file_(::open(journal.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)) {
  if (file_ < 0) throw std::runtime_error(journal.string() + " cannot be opened");
}
Marker::~Marker() { ::close(file_); }

void Marker::mark(std::string_view text) const {
  RecordHeader header{.type = RecordType::kMark, .length = static_cast<std::uint32_t>(text.size())};
  const std::array<iovec, 2> parts{iovec{&header, sizeof header}, iovec{const_cast<char*>(text.data()), text.size()}};
  if (::writev(file_, parts.data(), static_cast<int>(parts.size())) < 0) throw std::runtime_error("the journal cannot be written");
}

void FileContent::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  bytes_.resize(std::max<std::size_t>(bytes_.size(), offset + bytes.size()));
  std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
}

void DiskFile::take(const Record& record) {
  const auto keep = [this](const Record& pending_one) {
    if (pending_one.type == RecordType::kTruncate)
      durable.resize(pending_one.offset);
    else
      durable.write(pending_one.offset, pending_one.bytes);
  };
  switch (record.type) {
    case RecordType::kWrite:
    case RecordType::kSyncedWrite:
    case RecordType::kTruncate: pending.push_back(&record); return;
    case RecordType::kSync:
      for (const Record* one : pending) keep(*one);
      pending.clear();
      return;
    case RecordType::kWritten: {
      const auto last =
          std::ranges::find_if(pending.rbegin(), pending.rend(), [](const Record* one) { return one->type == RecordType::kSyncedWrite; });
      if (last == pending.rend()) throw std::runtime_error("the journal has the end of a write that never began");
      keep(**last);
      pending.erase(std::next(last).base());
      return;
    }
    case RecordType::kStruck:
    case RecordType::kMark: return;
  }
}

}  // namespace takt::crash
