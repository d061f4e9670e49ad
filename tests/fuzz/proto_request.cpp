// links: takt_proto
// A request envelope: whatever is read is written again as the same message.

#include <cstdint>

#include "proto/check.h"
#include "proto/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static takt::proto::Decoder decoder;
  const auto read = decoder.request(std::as_bytes(std::span(data, size)));
  if (!read) {
    takt::check(takt::find_error(read.error().refusal.code).has_value(), "a refusal has a code of the table");
    takt::check(!read.error().refusal.message.empty(), "a refusal says why");
    return 0;
  }
  const auto bytes = read->sections ? takt::proto::encode(read->body, read->correlation, *read->sections)
                                    : takt::proto::encode(read->body, read->correlation);
  const auto again = decoder.request(bytes);
  takt::check(again.has_value(), "what was read can be written");
  takt::check(again->body == read->body && again->correlation == read->correlation, "a request survives its way");
  takt::check(again->sections.has_value() == read->sections.has_value(), "sections stay where they stand");
  if (!read->sections) return 0;
  const bool is_same = takt::as_text(again->sections->metadata) == takt::as_text(read->sections->metadata) &&
                       takt::as_text(again->sections->payload) == takt::as_text(read->sections->payload);
  takt::check(is_same, "sections survive their way");
  return 0;
}
