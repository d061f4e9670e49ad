// links: takt_proto
// A reply envelope: whatever is read is written again as the same message.

#include <cstdint>

#include "proto/check.h"
#include "proto/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static takt::proto::Decoder decoder;
  const auto read = decoder.reply(std::as_bytes(std::span(data, size)));
  if (!read) {
    takt::check(takt::find_error(read.error().refusal.code).has_value(), "a refusal has a code of the table");
    takt::check(!read.error().refusal.message.empty(), "a refusal says why");
    return 0;
  }
  const auto again = decoder.reply(takt::proto::encode(read->body, read->correlation));
  takt::check(again.has_value(), "what was read can be written");
  takt::check(again->body == read->body && again->correlation == read->correlation, "a reply survives its way");
  return 0;
}
