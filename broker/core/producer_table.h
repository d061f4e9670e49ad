#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "broker/core/bytes.h"
#include "broker/core/commit.h"
#include "broker/core/rows.h"
#include "proto/ids.h"
#include "proto/result.h"
#include "proto/time.h"

namespace takt::core {

/// A batch that was stored, so that its retry gets the same answer.
struct RememberedBatch {
  Sequence sequence;
  Position first_position;
  Offset first_offset;
  std::uint32_t count = 0;
  friend bool operator==(const RememberedBatch&, const RememberedBatch&) = default;
};

/// What the idempotent producers have stored: the last 1,024 batches of each. Part of the replicated state: record() and
/// put() are called by apply alone.
class ProducerTable {
 public:
  static constexpr std::uint64_t window = 1024;

  struct New {};              ///< above the last sequence: store it
  struct OutOfSequence {};    ///< inside the window and not there: definitely not stored
  struct TooOld {};           ///< before the window: nobody knows
  struct Fenced {};           ///< a later epoch of this producer has been seen
  using Answer = std::variant<New, RememberedBatch, OutOfSequence, TooOld, Fenced>;
  Answer find(ProducerId producer, std::uint32_t epoch, Sequence sequence) const;

  /// A run with `stamp` was applied. Runs of one command carry one sequence and are remembered as one batch.
  void record(const ProducerStamp& stamp, Position first_position, Offset first_offset, WallTime time);
  /// Raises the producer's epoch (its sequences begin anew); epoch 0 forgets it.
  void put(ProducerId producer, std::uint32_t epoch, WallTime time);

  bool knows(ProducerId producer) const { return producers_.contains(producer); }
  /// Producers not heard of since `before`, at most `limit`, the longest silent first.
  std::vector<ProducerId> idle_since(WallTime before, std::size_t limit) const;
  std::size_t size() const { return producers_.size(); }
  /// How many were made since take_changes().
  std::size_t made() const { return made_; }

  /// Appends all of it, the same bytes whenever the table is the same.
  void append_to(ByteWriter& out) const;

  std::vector<RowChange> take_changes();
  Result<void, Corruption> load(std::string_view key, std::string_view value);

 private:
  // Batch i of a producer (counted from its first) lives in slot i mod window; rows hold 128 slots each.
  static constexpr std::uint64_t slots_per_row = 128;
  struct Producer {
    std::uint32_t epoch = 0;
    std::uint64_t stored = 0;               ///< batches ever, in this epoch
    WallTime last_seen{};
    std::vector<RememberedBatch> slots;     ///< at most `window`
    std::uint8_t changed_rows = 0;          ///< bit per row of slots
    bool may_have_older_rows = true;        ///< of an earlier epoch, or of one that was just forgotten; a row that is not used must go
    const RememberedBatch& batch(std::uint64_t i) const { return slots[i % window]; }
  };

  void heard_of(ProducerId id, Producer& producer, WallTime time);

  std::map<ProducerId, Producer> producers_;
  std::set<std::pair<WallTime, ProducerId>> by_age_;   ///< all of them, by when they were last heard of
  std::set<ProducerId> changed_;
  std::size_t made_ = 0;
};

}  // namespace takt::core
