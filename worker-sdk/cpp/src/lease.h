#pragma once

#include <optional>
#include <vector>

#include "worker-sdk/cpp/src/bits.h"
#include "worker-sdk/cpp/src/events.h"

namespace takt::sdk {

/// The client's side of one delivered range. A message is open (with a handler or before one), then its outcome waits
/// or is on its way, then it is gone. `held` is everything that is not gone: what Resume names.
struct Lease {
  /// A stretch of the range under one token; more than one only after a Resume that gave parts back.
  struct Piece {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::int64_t base = 0;               ///< the range's index i stands at wire index i - base
    Slot slot;
    LeaseToken token;                    ///< of wire index 0
  };

  std::uint32_t wire = 0;                ///< index of the wire subscription
  Lane lane;
  Offset first;
  Position first_position;
  std::uint32_t count = 0;
  Bits open;
  Bits held;
  Bits acks_queued;                      ///< done here, not on its way yet
  Bits acks_sent;                        ///< on its way, not confirmed
  bool dirty = false;                    ///< listed for the next Ack frame
  std::vector<Piece> pieces;

  const Piece* piece_of(std::uint32_t index) const {
    for (const Piece& piece : pieces) {
      if (index >= piece.first && index - piece.first < piece.count) return &piece;
    }
    return nullptr;
  }
  /// Calls fn(piece, run) for each run of `bits` cut at the pieces' edges; runs count from the start of the lease.
  template <class Fn>
  void for_each_run(const Bits& bits, Fn fn) const {
    for (const Piece& piece : pieces) {
      Bits part;
      part.set({piece.first, piece.count});
      part &= bits;
      part.for_each_run([&](proto::IndexRun run) { fn(piece, run); });
    }
  }
};

/// `run` of the lease as the wire counts it.
inline proto::IndexRun to_wire(const Lease::Piece& piece, proto::IndexRun run) {
  return {static_cast<std::uint32_t>(std::int64_t{run.first} - piece.base), run.count};
}

}  // namespace takt::sdk
