#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "broker/core/partition.h"
#include "broker/core/partition_clock.h"
#include "broker/runtime/ports.h"
#include "broker/runtime/shard_mail.h"
#include "broker/runtime/waiting_line.h"
#include "broker/transport/gateway.h"

namespace takt::runtime {

struct ShardSettings {
  std::size_t checkpoint_bytes = 128u << 20;              ///< of log since the last one
  Duration checkpoint_interval = std::chrono::seconds(10);
  std::size_t checkpoint_made = 4096;                     ///< topics, groups and producers made since: a freeze of some 5 ms
  Duration full_interval = std::chrono::seconds(1);       ///< instead, while enqueues are refused for want of room
  std::size_t commit_bytes = core::commit_bytes_target;   ///< publishes wait when so much is staged and cannot be sealed
  std::size_t turn_cost = 1u << 20;                       ///< of commands in a turn, for each urgency: a millisecond or so
  std::uint64_t store_bytes_max = std::uint64_t{16} << 30;
  std::uint64_t disk_free_bytes_min = 1u << 30;           ///< at most 5 % of the disk
  Duration no_room_max = std::chrono::seconds(30);        ///< enqueues wait for room after an append that found none
  core::PartitionClock::Settings clock = {};
  Duration retry_after = std::chrono::seconds(1);         ///< first pause after a failed append or checkpoint; doubles to 4 s
};

/// The loop body of one partition's owner: turns mail into partition calls, seals commits, sends effects on, decides when
/// to checkpoint, what to do when the disk refuses, when enqueues are refused for want of room, and how to stop. It holds
/// no thread, no clock and no file: production calls turn() from a thread, the simulation from a single one.
///
/// At most two commits are with the committer, and full ones beside them for as long as a bare commit takes on this disk;
/// at most one checkpoint with the background.
/// A failed append: memory is given up, clients are told, sessions end, and when every port has answered the partition is
/// loaded anew (rule B5).
/// Thread: its owner's.
class Shard {
 public:
  struct Ports {
    CommitterPort& committer;
    ReaderPort& reader;
    ReaderPort& finder;   ///< may take long
    BackgroundPort& background;
    LoaderPort& loader;
    transport::Gateway& gateway;
  };

  /// `loaded` as the loader gave it. Leadership begins: the Epoch event is staged and sealed.
  Shard(const ShardSettings& settings, LoadedPartition loaded, Ports ports, Now told);

  /// Handles the mail of `prior`, and of the commands in both lists as many as a turn may cost, of `later` no more than fit
  /// the open commit. The rest has its turn in later turns, fair to sessions and topics. Call with empty lists when
  /// next_deadline() has passed. `told` is what the clocks say; how much of that is believed, core::PartitionClock says.
  void turn(std::vector<ShardMail> prior, std::vector<core::Command> later, Now told);
  /// When to call turn() without mail; none: only mail can change anything.
  std::optional<Time> next_deadline() const;

  ShardState state() const { return state_; }
  /// Commands that wait and will be worked off; what is kept during a reload is bounded by itself.
  std::size_t backlog() const { return is_live() ? waiting_.size() : 0; }
  /// Why the state is kFailed.
  const std::optional<store::StoreFailure>& failure() const { return failure_; }
  ShardReport report() const;
  const core::PartitionClock& clock() const { return clock_; }
  /// To look at between turns. After a failed append it is memory that was given up, until the reload.
  const core::Partition& partition() const { return partition_; }
  /// For whoever ends the shard and wants what it held.
  core::Partition surrender() && { return std::move(partition_); }

 private:
  using Urgency = WaitingLine::Urgency;

  struct Freeze {
    CheckpointJob job;
    bool is_with_background = false;
    std::optional<Time> retry_at;      ///< after a failure
  };

  /// An append found no room: enqueues are refused until there is some.
  struct NoRoom {
    std::optional<std::uint64_t> disk_bytes;   ///< to be free on the disk, which had less; none: the log's front must go
    Time until;                                ///< then they are tried again, whatever it was
  };

  void on(core::Command&& command, Now now) { take(Urgency::kPrior, std::move(command), now); }
  void on(Appended&& appended, Now now);
  void on(CheckpointWritten&& written, Now now);
  void on(FrontScanned&& scanned, Now now);
  void on(FrontFreed&& freed, Now now);
  void on(ReportWanted&& wanted, Now now);
  void on(StateWanted&& wanted, Now now);
  void on(DrainWanted&& wanted, Now now);

  bool is_live() const { return state_ == ShardState::kServing || state_ == ShardState::kDraining; }
  bool accepts_commands() const { return is_live() && !is_closing_; }
  void take(Urgency urgency, core::Command&& command, Now now);
  bool may_wait(const core::Command& command) const;
  void handle(core::Command&& command, Now now);
  void work_off_waiting(Now now);
  void spend(Urgency urgency, const core::Command& command);
  bool may_go_on(Urgency urgency, Now now);
  bool has_room(Now now);
  bool waits_for_checkpoint() const;
  bool may_hand_over() const;
  void seal(Now now);
  bool seal_one(Now now);   ///< false: nothing was staged after all
  bool is_dirty() const { return partition_.end() > frozen_end_ || partition_.staged_bytes() > 0; }
  /// When a checkpoint is due, for what changed, for the front's sake or to hear of the disk; none: never.
  std::optional<Time> checkpoint_due() const;
  void checkpoint(Now now);
  bool is_hurried() const;
  void hand_over_freeze();
  void abandon(Now now);
  void reload(Now now);
  void stop_damaged(Now now);
  void reload_failed(const store::StoreFailure& failure, Now now);
  void pause_reload(Now now);
  /// Takes what an append or a checkpoint saw of the disk.
  void account_disk(const store::DiskRoom& disk);
  void account_room(Now now);
  std::uint64_t disk_free() const { return store_.disk_free_bytes.value_or(~std::uint64_t{0}); }
  void collect_effects();
  void route_effects();
  void settle_drain();
  void count_failure(const store::StoreFailure& failure);

  const ShardSettings settings_;
  Ports ports_;
  core::Partition partition_;
  core::PartitionClock clock_;
  ShardState state_ = ShardState::kServing;
  std::optional<store::StoreFailure> failure_;

  WaitingLine waiting_;                       ///< what found no room in this turn or the open commit; all during a reload
  Time turned_at_;                            ///< the last turn
  std::array<std::size_t, 2> spent_{};        ///< of turn_cost in this turn, by urgency
  std::vector<core::Outgoing> outgoing_;      ///< of this turn
  std::size_t commits_outstanding_ = 0;
  Duration bare_commit_{};                    ///< what one takes that carries next to nothing, smoothed

  std::optional<Freeze> freeze_;
  Position frozen_end_;                       ///< cut of the last freeze: dirty when the partition's end is past it
  Time frozen_at_;
  std::size_t bytes_since_freeze_ = 0;
  std::optional<FrontScanned> front_;
  std::size_t bytes_since_front_ = 0;         ///< of log since the front was looked at

  bool drain_wanted_ = false;
  bool is_closing_ = false;                   ///< the last checkpoint is frozen: nothing may change any more
  std::optional<Time> reload_at_;
  Duration pause_;
  core::Partition::StoreRoom room_ = core::Partition::StoreRoom::kEnough;
  std::uint64_t disk_low_water_ = 0;          ///< enqueues are refused with less room
  bool is_ballast_gone_ = false;
  std::optional<NoRoom> no_room_;
  metrics::StoreStats store_;
};

}  // namespace takt::runtime
