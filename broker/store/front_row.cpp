#include "broker/store/front_row.h"

#include <xxhash.h>

#include <cstring>

namespace takt::store {
namespace {

using Kind = StoreFailure::Kind;

constexpr std::uint16_t layout_version = 1;
namespace front_at {
constexpr std::size_t version = 0, partition = 8, begin = 24, counted_to = 32, bytes = 40, checksum = 48;
}

}  // namespace

std::array<char, front_row_bytes> encode(const FrontRow& front) {
  std::array<char, front_row_bytes> row{};
  std::memcpy(row.data() + front_at::version, &layout_version, sizeof layout_version);
  std::memcpy(row.data() + front_at::partition, front.partition.data(), front.partition.size());
  std::memcpy(row.data() + front_at::begin, &front.begin.value, 8);
  std::memcpy(row.data() + front_at::counted_to, &front.counted_to.value, 8);
  std::memcpy(row.data() + front_at::bytes, &front.bytes, 8);
  const std::uint64_t checksum = XXH3_64bits(row.data(), front_at::checksum);
  std::memcpy(row.data() + front_at::checksum, &checksum, 8);
  return row;
}

Result<FrontRow, StoreFailure> decode_front(std::string_view row, const core::PartitionUuid& partition, const std::filesystem::path& file) {
  std::uint16_t version = 0;
  if (row.size() >= sizeof version) std::memcpy(&version, row.data(), sizeof version);
  if (version > layout_version)
    return failed(StoreFailure{Kind::kForeign, file.string() + ": log layout version " + std::to_string(version) +
                                                   ", this takt reads up to " + std::to_string(layout_version) +
                                                   ": start the newer takt that wrote it"});
  std::uint64_t checksum = 0;
  if (row.size() == front_row_bytes) std::memcpy(&checksum, row.data() + front_at::checksum, 8);
  if (row.size() != front_row_bytes || checksum != XXH3_64bits(row.data(), front_at::checksum))
    return failed(
        StoreFailure{Kind::kCorrupt, file.string() + ": the front row's checksum does not match: restore the folder from a backup"});
  FrontRow front;
  std::memcpy(front.partition.data(), row.data() + front_at::partition, front.partition.size());
  std::memcpy(&front.begin.value, row.data() + front_at::begin, 8);
  std::memcpy(&front.counted_to.value, row.data() + front_at::counted_to, 8);
  std::memcpy(&front.bytes, row.data() + front_at::bytes, 8);
  if (front.partition != partition)
    return failed(StoreFailure{Kind::kForeign, file.string() + " is the log of another partition: put the folder back as it was"});
  return front;
}

}  // namespace takt::store
