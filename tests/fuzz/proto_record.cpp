// links: takt_proto
// One message's metadata: checking and decoding agree, and what is read is written again as the same.

#include <cstdint>

#include "proto/check.h"
#include "proto/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const takt::ByteView bytes = std::as_bytes(std::span(data, size));
  const auto checked = takt::proto::check_record(bytes);
  const auto read = takt::proto::decode_record(bytes);
  takt::check(checked.has_value() == read.has_value(), "checking and decoding agree");
  if (!read) {
    takt::check(checked.error() == read.error(), "checking and decoding refuse alike");
    return 0;
  }
  std::vector<std::byte> written;
  takt::proto::append_record(written, *read);
  const auto again = takt::proto::decode_record(written);
  takt::check(again.has_value(), "what was read can be written");
  takt::check(*again == *read, "metadata survives its way");
  return 0;
}
