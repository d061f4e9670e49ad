#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/command.h"
#include "broker/core/commit.h"
#include "broker/core/rows.h"
#include "broker/core/stats.h"
#include "proto/result.h"
#include "proto/time.h"

namespace takt::core {

struct PartitionSettings {
  PartitionId partition;
  PartitionUuid uuid{};
  Duration session_timeout = std::chrono::seconds(10);
  /// How long offsets that may be out with a worker wait for its Resume after a restart; 0 hands them out at once.
  Duration recover_grace = std::chrono::seconds(10);
  /// A lease older than this is logged once, so that it outlives a crash.
  Duration held_after = std::chrono::seconds(10);
  Duration producer_idle_expiry = std::chrono::hours(7 * 24);
  /// How long acks wait for a commit that is made anyway. A commit of their own would hold up the publish behind it.
  Duration ack_patience = std::chrono::milliseconds(5);
  std::size_t tail_cache_bytes = 64u << 20;
  std::uint32_t in_flight_max = 1'000'000;
  std::uint32_t in_flight_per_worker_max = 65'536;
  std::uint32_t topics_max = 200'000;
  std::uint32_t groups_per_topic_max = 1'000;
  std::uint32_t groups_max = 100'000;
  std::uint32_t schedules_max = 10'000;
  std::uint32_t subscriptions_per_session_max = 1'000;
  /// Remembered at once. Above it, whoever was silent for an hour is forgotten early; without such a one a new one is refused.
  std::uint32_t producers_max = 50'000;
  /// Topics, groups and producers that may be made between two freezes: above it, making one is refused as busy. Whoever
  /// makes them by the thousand must not hold up everybody else when they are frozen.
  std::uint32_t made_max = 8192;
};

/// One partition: a fold of its log, and the leader's memory of who holds what. Pure: no clock, thread, file, socket or
/// randomness; the same calls give the same bytes.
///
/// Life: construct; load_row() for every row of the tables; loaded_to(); replay() for every commit after the tables' applied position;
/// start(). Then, in turns: handle() commands, tick() when next_deadline() has passed, seal() when a commit may go to the
/// committer, committed() when it is durable, take_effects() after each of them. A failed append ends the object's life:
/// abandon() says what to tell the clients, and a new Partition is loaded.
/// Thread: its owner's, all of it.
class Partition {
 public:
  explicit Partition(const PartitionSettings& settings);
  ~Partition();
  Partition(Partition&&) noexcept;
  Partition& operator=(Partition&&) noexcept;

  // ---- recovery

  /// One row of table `table`, in scan order, tables in the order of `Table`. kCold rows are not wanted: they stay on disk.
  Result<void, Corruption> load_row(Table table, std::string_view key, std::string_view value);
  /// All rows are in; they are the fold of log[.. applied).
  void loaded_to(Position applied);
  /// The next commit; must begin where the last one ended. Also what a follower would do.
  Result<void, Corruption> replay(const CommitView& commit);
  /// Leadership begins: stages the Epoch event, after whose commit leases may be given.
  void start(Now now);

  // ---- live

  void handle(Command&& command, Now now);
  /// Due retries, expired pulls and peeks, grace ends, held leases; stages about a commit's size at most, and what is left is
  /// due at once. Nothing due: cheap.
  void tick(Now now);
  /// The earliest instant at which tick() has something to do; none when only commands can change anything.
  std::optional<Time> next_deadline() const;

  /// Bytes that wait to be sealed; 0 means that seal() has nothing.
  std::size_t staged_bytes() const;
  /// When what is staged should be sealed: acks alone wait `ack_patience` for company, anything else is due at once. None
  /// when nothing is staged.
  std::optional<Time> seal_due() const;
  /// The next commit for the committer: one that reached its size, or grew old, while commands were handled, else the open one is
  /// closed (staged acks become Done events, the lent hint is renewed). None when nothing is staged.
  std::optional<Commit> seal(Now now);
  /// Everything before `end` is durable: replies are released, messages become deliverable.
  void committed(Position end, Now now);
  /// Where the log ends with everything applied, and up to where it is durable.
  Position end() const;
  Position committed_end() const;
  /// Of the last commit, open or not; none: the log is empty.
  std::optional<WallTime> time() const;

  /// Effects that may leave now, in order. Deliveries, replies and loads.
  std::vector<Effect> take_effects();

  /// The tables' changes since the last freeze, for the cut at end(). Only when staged_bytes() is 0, so right after the
  /// seal() that gave none or the last commit. To be written once committed_end() has reached `applied`; one at a time.
  Checkpoint freeze();
  /// Topics, groups and producers that were made since the last freeze: a long one holds up everything else.
  std::size_t made() const;
  /// Many timers came, or were drained, since the last freeze: another one bounds their memory, and lets what waits for it go on.
  bool wants_freeze() const;
  /// So many that no more should come while a checkpoint is being written.
  bool is_behind() const;
  /// Messages that wait for their due.
  std::uint64_t waiting() const;
  /// What was read back cannot be right: the partition must not go on.
  const std::optional<Corruption>& damage() const;
  /// The last freeze is on disk: its index rows need no memory any more, and idle producers are forgotten.
  void checkpointed();

  /// The front of the log, run by run as its directory tells: what may go and what must be carried.
  struct FrontRun {
    TopicId topic;
    Lane lane;
    Offset first_offset;
    Position first_position;
    std::uint32_t count = 0;
    WallTime time{};                     ///< of its commit
  };
  struct LiveStretch {
    TopicId topic;
    Lane lane;
    Offset first_offset;
    Position first_position;
    std::uint32_t count = 0;
  };
  /// Of `runs`, the messages that somebody is still owed (or that `keep` retains), as stretches in log order.
  /// Where `keep` has passed, stages the event that moves the topic's horizon.
  std::vector<LiveStretch> live(std::span<const FrontRun> runs, Now now);

  /// The append of a sealed commit failed. Answers for everything withheld: unknown_outcome. The object is dead.
  std::vector<Effect> abandon();

  /// Enqueues are refused as store_full while set; acks go on. The caller's own accounting decides.
  enum class StoreRoom {
    kEnough,
    kFull,       ///< at its bound: what workers finish makes room
    kDiskFull,   ///< the disk is: somebody else may have to make room
  };
  void store_room(StoreRoom room);

  PartitionStats stats() const;

  /// A number over the replicated state: the same wherever the same log was folded, however often checkpoints were cut.
  std::uint64_t digest() const;
  /// The first invariant that does not hold between what the log says is owed and what memory says of leases; none when all
  /// hold, which is between any two calls. For tests and the simulation. Cost: every lease, retry and dead message.
  std::optional<std::string> broken_invariant() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace takt::core
