// links: takt_transport
// What a peer says before its first message. The verdict is the same in whatever pieces it comes.

#include <algorithm>
#include <span>

#include "broker/transport/handshake.h"
#include "proto/check.h"

namespace {

using takt::transport::Handshake;
using Verdict = Handshake::Verdict;

Verdict read_in_pieces(std::span<const std::byte> bytes, std::size_t piece) {
  Handshake handshake;
  auto verdict = Verdict::kMore;
  while (verdict == Verdict::kMore && !bytes.empty()) {
    const auto next = bytes.first(std::min(piece, bytes.size()));
    verdict = handshake.read(next);
    bytes = bytes.subspan(next.size());
  }
  return verdict;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const Verdict whole = read_in_pieces(bytes, std::max<std::size_t>(size, 1));
  for (const std::size_t piece : {1, 2, 12, 53, 64}) takt::check(read_in_pieces(bytes, piece) == whole, "pieces change nothing");
  if (whole == Verdict::kPlain || whole == Verdict::kNamesRoutingId)
    takt::check(size > 64 + 2 + 6 && data[0] == 0xFF && data[10] >= 3, "only ZMTP 3 with a READY is told apart");
  return 0;
}
