// links: takt_core
// Commits as a disk or a peer may hand them over: any bytes. A value that parses must keep its promises.

#include <cstddef>
#include <cstdint>

#include "broker/core/commit.h"
#include "proto/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using takt::core::CommitView;
  const takt::ByteView value(reinterpret_cast<const std::byte*>(data), size);
  takt::core::PartitionUuid partition{};
  for (std::size_t i = 0; i < partition.size(); ++i) partition[i] = static_cast<std::byte>(0xA0 + i);
  partition[15] = std::byte{1};
  for (const auto sections : {CommitView::Sections::kTrust, CommitView::Sections::kCheck}) {
    const auto view = CommitView::parse(value, partition, sections);
    if (!view) {
      takt::check(!view.error().what.empty(), "a refusal says why");
      continue;
    }
    std::uint64_t count = 0;
    for (const auto& run : view->runs) {
      takt::check(run.first_position.value == view->header.first.value + count, "runs follow each other");
      count += run.count;
      for (const takt::ByteView section : {run.metadata, run.payload})
        takt::check(section.empty() || (section.data() >= value.data() && section.data() + section.size() <= value.data() + value.size()),
                    "sections lie in the value");
    }
    takt::check(count == view->header.count, "runs hold what the header counts");
  }
  return 0;
}
