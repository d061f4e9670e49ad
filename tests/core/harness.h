#pragma once
// One partition under test: its durable log and tables as plain values, loads answered at once, and a crash that keeps
// only what was durable.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/partition.h"
#include "proto/record.h"
#include "proto/section.h"

namespace takt::core::test {

using Rows = std::map<std::pair<Table, std::string>, std::string>;

/// When the messages of a batch are due; at once without either.
struct Due {
  std::optional<std::chrono::milliseconds> delay = {};
  std::optional<WallTime> at = {};
  bool is_given() const { return delay || at; }
};
/// Batch of messages of kind "job" with these payloads, as the wire's sections.
proto::Sections sections_of(const std::vector<std::string>& payloads, const Due& due = {});
proto::Publish publish_of(std::string topic, const proto::Sections& sections, std::uint32_t count, ProducerId producer, Sequence sequence);
/// Texts of a slice list's payloads, in order.
std::vector<std::string> payloads_of(const std::vector<BlockSlice>& slices);
std::vector<proto::RecordMetadata> metadata_of(const std::vector<BlockSlice>& slices);
void apply_checkpoint(Rows& rows, const Checkpoint& checkpoint);

class Harness {
 public:
  explicit Harness(PartitionSettings settings = {}) : settings_(settings), partition_(settings) { begin(); }

  Partition& partition() { return partition_; }
  Now now() const { return now_; }
  void advance(Duration by);
  /// The wall clock is set, forward or back.
  void set_clock(std::chrono::milliseconds by) { now_.wall += by; }

  void send(Command command);
  void request(SessionId session, CorrelationId correlation, proto::Request body, proto::Sections sections = {});
  /// Seals what is staged without making it durable.
  void seal();
  /// Makes everything sealed durable.
  void sync();
  void commit() { seal(), sync(); }
  /// Commits until nothing is staged, then what may leave, loads answered.
  std::vector<Outgoing> settle();
  /// What may leave now; loads are answered from the durable log.
  std::vector<Outgoing> take();
  /// Writes the tables' changes; everything must be durable.
  void checkpoint();
  /// Frees durable commits before `position` as if the log's front had been freed.
  void free_before(Position position);
  /// What the log holds from `position` on in the commit that has it cannot be read until mend().
  void damage(Position position) { damaged_.insert(position); }
  void mend() { damaged_.clear(); }
  /// The process dies: what was not durable is gone. A new one loads tables and log. What the old one held is first
  /// compared with a replay of all that it had sealed.
  void crash();

  const Rows& rows() const { return rows_; }
  const std::vector<Commit>& log() const { return log_; }

 private:
  void begin();
  void expect_sound() const;
  BlocksLoaded load(const LoadBlocks& request) const;
  TimersLoaded load(const LoadTimers& request) const;
  MessagesFound load(const FindMessages& request) const;
  FoundMessage find(Position position) const;
  /// Whose timer it is, rescheduled ones too.
  Position position_of(scheduler::TimerId timer) const;
  /// What fired into `request`'s lane and stands at `position`; null when it is freed.
  BlockPtr fired_block(const LoadBlocks& request, Position position, Offset offset) const;
  bool is_damaged(const Commit& commit) const;

  PartitionSettings settings_;
  Partition partition_;
  Now now_{Time(std::chrono::seconds(1)), WallTime(std::chrono::milliseconds(1'700'000'000'000))};
  std::vector<Commit> log_;        ///< durable
  std::vector<Commit> sealed_;     ///< not yet
  Position front_;
  std::set<Position> damaged_;
  Rows rows_;
  Position applied_;
};

/// Holds what `log` folds to from the beginning.
Partition replayed(const PartitionSettings& settings, const std::vector<Commit>& log);
/// The rows that a fold of `log` from the beginning gives: what the tables must equal.
Rows fold(const PartitionSettings& settings, const std::vector<Commit>& log);
/// `rows` without what depends on when checkpoints were cut: the index as plain segments.
std::map<std::string, std::string> logical(const Rows& rows);

}  // namespace takt::core::test
