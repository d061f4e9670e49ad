// links: takt_transport
// What a peer says before its first message. The verdict, and what is left of the bytes, are the same in whatever pieces they come;
// and once the routing id is hidden there is none.

#include <algorithm>
#include <span>
#include <vector>

#include "broker/transport/handshake.h"
#include "proto/check.h"

namespace {

using takt::transport::Handshake;
using Verdict = Handshake::Verdict;

struct Seen {
  std::vector<std::byte> bytes;
  Verdict verdict = Verdict::kMore;
  bool has_named = false;
};

Seen read_in_pieces(std::span<const std::byte> bytes, std::size_t piece) {
  Seen seen{{bytes.begin(), bytes.end()}};
  Handshake handshake;
  for (std::size_t at = 0; at < bytes.size() && seen.verdict == Verdict::kMore; at += piece)
    seen.verdict = handshake.read(std::span(seen.bytes).subspan(at, std::min(piece, bytes.size() - at)));
  seen.has_named = handshake.has_named();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const Seen whole = read_in_pieces(bytes, std::max<std::size_t>(size, 1));
  for (const std::size_t piece : {1, 2, 12, 53, 64}) {
    const Seen seen = read_in_pieces(bytes, piece);
    takt::check(seen.verdict == whole.verdict && seen.bytes == whole.bytes && seen.has_named == whole.has_named, "pieces change nothing");
  }
  const Seen again = read_in_pieces(whole.bytes, std::max<std::size_t>(size, 1));
  takt::check(again.verdict == whole.verdict && again.bytes == whole.bytes && !again.has_named, "nothing is left to hide");
  return 0;
}
