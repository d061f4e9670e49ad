#include "tests/sdk/peer.h"

#include "proto/record.h"
#include "proto/section.h"

namespace takt::sdk {

proto::Sections sections_of(std::uint32_t count) {
  proto::SectionBuilder builder;
  std::vector<std::byte> record;
  proto::RecordMetadata metadata;
  metadata.kind = "k";
  proto::append_record(record, metadata);
  for (std::uint32_t i = 0; i < count; ++i) builder.add(record, as_bytes("p" + std::to_string(i)));
  return builder.take();
}

}  // namespace takt::sdk
