#pragma once
// The simulated disk under MemoryLog and MemoryTables: what would be left of one partition after a crash.

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/core/commit.h"
#include "broker/core/rows.h"
#include "broker/store/log.h"

namespace takt::store {

/// One partition's disk. Outlives the log and tables that are opened on it; deterministic: the same calls leave the same
/// bytes. At most one log and one tables object may be open on it at a time.
/// Thread: any.
class MemoryDisk {
 public:
  enum class Durability {
    kAtOnce,    ///< append and checkpoint return when they are durable, as their contracts say
    kWhenTold,  ///< they return when written; sync() makes them durable. The simulation decides when an append counts.
  };

  explicit MemoryDisk(const core::PartitionUuid& partition, Durability durability = Durability::kAtOnce)
      : partition_(partition),
        durability_(durability) {}

  /// Log and tables are two files: each is synced by itself, and a crash may keep more of one than of the other.
  enum class File : std::uint8_t { kLog, kTables };
  struct Steps {
    std::size_t log = 0;
    std::size_t tables = 0;
  };

  /// Makes everything written durable. Returns the log's durable end.
  Position sync();
  Position sync(File file);
  Position durable_end() const;
  Steps unsynced_steps() const;

  /// The machine stops: of the steps that were not synced the first ones survive, as many as `kept` says per file (a disk
  /// may have written more than it confirmed, but a torn transaction is absent, and later ones stand on earlier ones).
  /// Objects that were open answer kIo from now on; open new ones.
  void crash(Steps kept = {0, 0});

  /// The next append (checkpoint) fails with `kind` and writes nothing.
  void fail_next_append(StoreFailure::Kind kind);
  void fail_next_checkpoint(StoreFailure::Kind kind);
  /// The next read of the log fails with `kind`.
  void fail_next_read(StoreFailure::Kind kind);
  /// Appends that would keep more than this fail with kFull; freeing always works.
  void limit_log_bytes(std::uint64_t bytes);
  /// Flips one bit of the commit that contains `position`, durably. False when there is none.
  bool flip_log_bit(Position position, std::size_t bit);

  /// How often something was synced: group commits, as a simulation counts them.
  std::uint64_t syncs() const;

 private:
  friend class MemoryLog;
  friend class MemoryTables;

  struct LogState {
    std::map<Position, core::Commit> commits;
    Position first, end;
    std::uint64_t bytes = 0;
  };
  using Rows = std::map<std::string, std::string, std::less<>>;
  struct TablesState {
    std::array<Rows, core::table_count> rows;
    Position applied;
  };
  struct State {
    LogState log;
    TablesState tables;
  };
  struct Append {
    std::vector<core::Commit> commits;
  };
  struct Truncate {
    Position end;
  };
  struct Free {
    Position position;
  };
  using Step = std::variant<Append, Truncate, Free, core::Checkpoint>;

  static void carry_out(State& state, const Step& step);
  static File file_of(const Step& step) { return std::holds_alternative<core::Checkpoint>(step) ? File::kTables : File::kLog; }
  // With mutex_ held:
  /// To the state that is seen; to the durable one too, now or at sync().
  void take(Step step);
  /// The steps of `file` become durable, all of them or the first `most`.
  void keep(File file, std::size_t most);
  void sync_file(File file);
  static std::optional<StoreFailure::Kind> take_fault(std::optional<StoreFailure::Kind>& fault) {
    return std::exchange(fault, std::nullopt);
  }

  const core::PartitionUuid partition_;
  const Durability durability_;

  mutable std::mutex mutex_;       // guards what follows
  State durable_;
  State seen_;
  std::array<std::vector<Step>, 2> unsynced_;   ///< by file
  std::uint64_t generation_ = 0;   ///< counts crashes: objects opened before the last one are dead
  bool log_open_ = false;
  bool tables_open_ = false;
  std::optional<StoreFailure::Kind> append_fault_;
  std::optional<StoreFailure::Kind> checkpoint_fault_;
  std::optional<StoreFailure::Kind> read_fault_;
  std::uint64_t log_bytes_max_ = ~std::uint64_t{0};
  std::uint64_t syncs_ = 0;
};

}  // namespace takt::store
