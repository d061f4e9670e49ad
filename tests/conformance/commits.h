#pragma once
// Commits as a partition would seal them, for tests of whoever stores them.

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "broker/core/commit.h"
#include "proto/section.h"

namespace takt::testing {

inline core::PartitionUuid test_uuid(unsigned number = 1) {
  core::PartitionUuid uuid{};
  for (std::size_t i = 0; i < uuid.size(); ++i) uuid[i] = static_cast<std::byte>(0xA0 + i);
  uuid[15] = static_cast<std::byte>(number);
  return uuid;
}

inline SharedBytes shared_text(std::string_view text) {
  const auto bytes = as_bytes(text);
  return SharedBytes::own({bytes.begin(), bytes.end()});
}

/// A producer's batch of `count` messages; the sections are any bytes, since nothing below the core looks into them.
inline core::PendingRun batch_run(Offset first_offset, std::uint32_t count, std::string_view metadata, std::string_view payload) {
  core::PendingRun run{.topic = TopicId(7),
                       .lane = Lane(2),
                       .run_class = proto::RunClass::kImmediate,
                       .first_offset = first_offset,
                       .count = count,
                       .stamp = {.producer = ProducerId(0x1122334455667788), .epoch = 3, .sequence = Sequence(41), .count = count},
                       .metadata = shared_text(metadata),
                       .payload = shared_text(payload)};
  run.metadata_checksum = proto::section_checksum(run.metadata.bytes);
  run.payload_checksum = proto::section_checksum(run.payload.bytes);
  return run;
}

inline core::PendingRun control_run(std::uint32_t count, std::string_view events) {
  core::PendingRun run;
  run.count = count;
  run.metadata = shared_text(events);
  return run;
}

/// One commit of `count` messages from `first` on, with about `bytes` of payload that depend on `first`.
inline core::Commit make_commit(Position first, std::uint32_t count, std::size_t bytes, const core::PartitionUuid& uuid = test_uuid()) {
  std::string payload(bytes, '\0');
  std::mt19937_64 random(first.value * 31 + bytes);
  for (std::size_t i = 0; i + 8 <= bytes; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(payload.data() + i, &word, sizeof word);
  }
  const core::PendingRun run = batch_run(Offset(first.value), count, "metadata", payload);
  return core::seal_commit({.partition = uuid, .first = first, .epoch = Epoch(1), .durable_to = first}, std::span(&run, 1));
}

/// Consecutive commits from `first` on; sizes as listed.
inline std::vector<core::Commit> make_commits(Position first, std::span<const std::size_t> sizes,
                                              const core::PartitionUuid& uuid = test_uuid()) {
  std::vector<core::Commit> commits;
  for (const std::size_t size : sizes) {
    commits.push_back(make_commit(first, static_cast<std::uint32_t>(size % 5 + 1), size, uuid));
    first = commits.back().end;
  }
  return commits;
}

inline bool same_bytes(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}
inline bool same_commit(const core::Commit& a, const core::Commit& b) {
  return a.first == b.first && a.end == b.end && same_bytes(a.value.bytes, b.value.bytes);
}

}  // namespace takt::testing
