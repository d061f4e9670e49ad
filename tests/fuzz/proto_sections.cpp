// links: takt_proto
// A batch: two bytes of count, two of the metadata section's length, then both sections. What passes the check can be
// read message by message and gathered into the same bytes.

#include <algorithm>
#include <cstdint>

#include "proto/check.h"
#include "proto/section.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const auto count = static_cast<std::uint32_t>(data[0] | data[1] << 8);
  const takt::ByteView bytes = std::as_bytes(std::span(data + 4, size - 4));
  const std::size_t metadata_bytes = std::min<std::size_t>(static_cast<std::size_t>(data[2] | data[3] << 8), bytes.size());
  const takt::ByteView metadata = bytes.first(metadata_bytes);
  const takt::ByteView payload = bytes.subspan(metadata_bytes);
  if (!takt::proto::check_sections(metadata, payload, count, 1024)) return 0;

  const takt::proto::SectionView view(metadata, payload, count);
  takt::proto::SectionBuilder builder;
  for (std::uint32_t i = 0; i < count; ++i) {
    takt::check(view.payload(i).size() <= 1024, "each message keeps its bound");
    builder.add(view.metadata(i), view.payload(i));
  }
  const std::uint32_t half = count / 2;
  const std::vector<takt::proto::SectionSlice> slices{{view, 0, half}, {view, half, count - half}};
  for (const takt::proto::Sections& copy : {builder.take(), takt::proto::gather(slices)}) {
    takt::check(std::ranges::equal(copy.metadata, metadata), "the metadata section survives its way");
    takt::check(std::ranges::equal(copy.payload, payload), "the payload section survives its way");
  }
  return 0;
}
