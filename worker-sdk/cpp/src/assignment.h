#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "proto/section.h"
#include "takt/worker.h"
#include "worker-sdk/cpp/src/bits.h"
#include "worker-sdk/cpp/src/events.h"

namespace takt {

/// Makes what handlers see.
class DeliveredAccess {
 public:
  static Delivered make(const sdk::DeliveredLease& lease, PartitionId partition, const proto::SectionView& messages, std::uint32_t index) {
    Delivered delivered;
    delivered.id_ = {partition.value, lease.first_position.value + index};
    delivered.offset_ = lease.first_offset.value + index;
    delivered.token_ = lease.token.value + index;
    delivered.attempt_ = lease.attempt;
    delivered.priority_ = lease.lane.value;
    delivered.metadata_ = messages.metadata(lease.first + index);
    delivered.payload_ = messages.payload(lease.first + index);
    return delivered;
  }
  static ByteView metadata(const Delivered& delivered) { return delivered.metadata_; }
};

namespace sdk {

/// One delivered range in the hands of the handler threads. They claim messages by counting up and leave done bits,
/// without a lock; the network thread collects them.
struct Assignment {
  Assignment(const DeliveredLease& delivered, const Delivery& delivery)
      : lease(delivered),
        partition(delivery.partition),
        metadata(delivery.metadata),
        payload(delivery.payload),
        messages(metadata.bytes, payload.bytes, delivery.count) {}

  const DeliveredLease lease;
  const PartitionId partition;
  const SharedBytes metadata;
  const SharedBytes payload;
  const proto::SectionView messages;

  std::atomic<std::uint32_t> next{0};              ///< messages below are claimed; may run past the count
  std::atomic<std::uint32_t> settled{0};
  std::atomic<bool> listed{false};                 ///< waits for the network thread to collect it
  std::array<std::atomic<std::uint64_t>, Bits::words> done{};
  std::array<std::atomic<std::uint64_t>, Bits::words> lost{};

  std::uint32_t count() const { return lease.count; }
  bool exhausted() const { return next.load(std::memory_order_relaxed) >= lease.count; }
  bool is_lost(std::uint32_t index) const { return (lost[index / 64].load(std::memory_order_relaxed) >> (index % 64)) & 1; }
  Delivered message(std::uint32_t index) const { return DeliveredAccess::make(lease, partition, messages, index); }

  /// Takes everything that is not claimed yet: [first, count).
  std::uint32_t claim_rest() { return std::min(next.exchange(lease.count), lease.count); }
  void mark_done(const Bits& bits) {
    for (std::size_t i = 0; i < Bits::words; ++i) {
      if (bits.word(i) != 0) done[i].fetch_or(bits.word(i));
    }
  }
  void mark_lost(const Bits& bits) {
    for (std::size_t i = 0; i < Bits::words; ++i) {
      if (bits.word(i) != 0) lost[i].fetch_or(bits.word(i));
    }
  }
  Bits take_done() {
    Bits bits;
    for (std::size_t i = 0; i < Bits::words; ++i) {
      if (done[i].load(std::memory_order_relaxed) != 0) bits.word(i) = done[i].exchange(0);
    }
    return bits;
  }
};
using AssignmentPtr = std::shared_ptr<Assignment>;

}  // namespace sdk
}  // namespace takt
