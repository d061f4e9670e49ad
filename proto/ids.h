#pragma once
// Strong types for every identifier that crosses a seam. Two ids of different kinds never mix by accident.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace takt {

/// An integer that only compares with its own kind. `value` is the number as it stands on the wire and on disk.
template <class Tag, class Rep>
struct StrongId {
  using rep = Rep;
  Rep value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep v) : value(v) {}

  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;
  /// The id `n` places later; what "place" means is the kind's own (positions, offsets and tokens are dense).
  constexpr StrongId plus(Rep n) const { return StrongId(static_cast<Rep>(value + n)); }
};

/// A record's place in its partition's log. Dense, never reused; `partition-position` is the message id.
using Position = StrongId<struct PositionTag, std::uint64_t>;
/// A message's place in the delivery order of one topic and lane of a partition. Dense.
using Offset = StrongId<struct OffsetTag, std::uint64_t>;
using PartitionId = StrongId<struct PartitionTag, std::uint32_t>;
/// Counted by TopicPut within one partition, never reused; on disk only. The wire names topics.
using TopicId = StrongId<struct TopicTag, std::uint32_t>;
/// Counted by GroupPut within one partition, never reused; on disk only.
using GroupId = StrongId<struct GroupTag, std::uint32_t>;
/// Counted by CronPut within one partition, never reused; on disk only.
using ScheduleId = StrongId<struct ScheduleTag, std::uint32_t>;
/// Priority, 0 (default) to 7 (most urgent). Each lane of a topic has its own offsets.
using Lane = StrongId<struct LaneTag, std::uint8_t>;
/// A leader's term. Raised by an Epoch event at every start, election and reload.
using Epoch = StrongId<struct EpochTag, std::uint32_t>;
/// One connection's session at a broker; given by the gateway, unique within a broker process.
using SessionId = StrongId<struct SessionTag, std::uint64_t>;
/// A client process's own random number: it survives reconnects, so held leases find their worker again.
using ClientId = StrongId<struct ClientTag, std::uint64_t>;
using ProducerId = StrongId<struct ProducerTag, std::uint64_t>;
/// Batches of one producer in one partition, counted up, gaps allowed.
using Sequence = StrongId<struct SequenceTag, std::uint64_t>;
/// Chosen by the client, unique within its session.
using SubscriptionId = StrongId<struct SubscriptionTag, std::uint32_t>;
/// Index of a lease range in its session's table.
using Slot = StrongId<struct SlotTag, std::uint32_t>;
/// Fencing token of one hand-out: epoch in the upper 20 bits, a counter in the lower 44. Message i of a range has token + i.
using LeaseToken = StrongId<struct LeaseTokenTag, std::uint64_t>;
using CorrelationId = StrongId<struct CorrelationTag, std::uint64_t>;

inline constexpr std::uint8_t lane_count = 8;

constexpr LeaseToken make_token(Epoch epoch, std::uint64_t counter) {
  return LeaseToken((std::uint64_t{epoch.value & 0xFFFFFu} << 44) | (counter & 0xFFF'FFFF'FFFFull));
}
constexpr Epoch epoch_of(LeaseToken token) { return Epoch(static_cast<std::uint32_t>(token.value >> 44)); }

}  // namespace takt

template <class Tag, class Rep>
struct std::hash<takt::StrongId<Tag, Rep>> {
  std::size_t operator()(const takt::StrongId<Tag, Rep>& id) const noexcept { return std::hash<Rep>{}(id.value); }
};
