#pragma once
// The journal that the disk shim and the workload wrote, and the disk that it describes at each of its instants.

#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/crash/journal_format.h"

namespace takt::crash {

struct Record {
  RecordType type;
  StoreFile file;
  std::uint64_t offset;
  std::span<const std::byte> bytes;

  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

class Journal {
 public:
  /// Throws std::runtime_error when `file` is none.
  explicit Journal(const std::filesystem::path& file);

  const std::vector<Record>& records() const { return records_; }

 private:
  std::vector<std::byte> content_;
  std::vector<Record> records_;
};

/// Adds the workload's own records. Thread-safe: each is one write to the end of the file.
class Marker {
 public:
  explicit Marker(const std::filesystem::path& journal);
  ~Marker();
  Marker(const Marker&) = delete;
  Marker& operator=(const Marker&) = delete;

  void mark(std::string_view text) const;

 private:
  int file_;
};

/// A file's content; grows as it is written to.
class FileContent {
 public:
  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void resize(std::uint64_t size) { bytes_.resize(size); }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

/// One of the store's files on a disk with a cache: what is durable, and what a loss of power may or may not keep.
struct DiskFile {
  FileContent durable;
  std::vector<const Record*> pending;   ///< writes and truncations since, in their order

  void take(const Record& record);
};
using Disk = std::array<DiskFile, store_files>;

}  // namespace takt::crash
