#include "broker/runtime/shard.h"

#include <algorithm>
#include <utility>

#include "proto/check.h"
#include "proto/planted_bug.h"

namespace takt::runtime {
namespace {

// A disk that has room again is found within 5 s, the reload included.
constexpr Duration pause_max = std::chrono::seconds(4);
constexpr std::size_t waiting_credits_max = 131'072;        // standing ones, during a reload: only a flood has more
constexpr std::size_t commits_ahead = 2;
constexpr std::size_t full_commits_ahead_max = 8;
constexpr std::size_t bare_commit_bytes_max = 64 * 1024;
constexpr std::uint64_t append_overhead_bytes = 1u << 20;   // of pages beside the values, generously

}  // namespace

Shard::Shard(const ShardSettings& settings, LoadedPartition loaded, Ports ports, Now told)
    : settings_(settings),
      ports_(ports),
      partition_(std::move(loaded.partition)),
      clock_(settings.clock, partition_.time(), told),
      frozen_end_(loaded.applied),
      frozen_at_(told.mono),
      pause_(settings.retry_after) {
  store_.log_bytes = loaded.log.used_bytes;
  store_.tables_bytes = loaded.tables_bytes;
  store_.limit_bytes = settings.store_bytes_max;
  account_disk(loaded.disk);
  const Now now{told.mono, clock_.read(told)};
  partition_.start(now);
  account_room(now);
  seal(now);
  collect_effects();
  route_effects();
}

void Shard::turn(std::vector<ShardMail> prior, std::vector<core::Command> later, Now told) {
  const Now now{told.mono, clock_.read(told)};
  turned_at_ = now.mono;
  spent_ = {};
  if (accepts_commands()) partition_.tick(now);
  for (ShardMail& mail : prior) std::visit([&](auto&& item) { on(std::forward<decltype(item)>(item), now); }, std::move(mail));
  if (state_ == ShardState::kReloading) reload(now);
  for (core::Command& command : later) take(Urgency::kLater, std::move(command), now);
  work_off_waiting(now);
  if (is_live() && partition_.damage()) stop_damaged(now);
  if (is_live()) {
    if (!is_closing_) seal(now);
    checkpoint(now);
  }
  settle_drain();
  route_effects();
}

/// At once when nobody waits, so that the line costs nothing below saturation.
void Shard::take(Urgency urgency, core::Command&& command, Now now) {
  if (std::holds_alternative<core::BlocksLoaded>(command) || std::holds_alternative<core::TimersLoaded>(command) ||
      std::holds_alternative<core::MessagesFound>(command)) {   // an answer; during a reload to memory that is gone
    if (accepts_commands()) handle(std::move(command), now);
  } else if ((waiting_.empty() || planted(PlantedBug::kLineOvertaken)) && may_go_on(urgency, now)) {
    spend(urgency, command);
    handle(std::move(command), now);
  } else if (may_wait(command)) {
    waiting_.push(urgency, std::move(command));
  }
}

bool Shard::may_wait(const core::Command& command) const {
  if (state_ != ShardState::kReloading) return accepts_commands();
  const auto* request = std::get_if<core::ClientRequest>(&command);
  const auto* credit = request == nullptr ? nullptr : std::get_if<proto::Credit>(&request->body);
  const bool is_bounded = credit == nullptr || credit->kind != proto::CreditKind::kStanding;   // by the gateway
  return is_bounded || waiting_.size() < waiting_credits_max;
}

void Shard::handle(core::Command&& command, Now now) {
  partition_.handle(std::move(command), now);
  collect_effects();
}

void Shard::on(Appended&& appended, Now now) {
  check(appended.commits <= commits_outstanding_, "only what was handed over is answered");
  commits_outstanding_ -= appended.commits;
  account_disk(appended.disk);
  if (appended.failure) {
    count_failure(*appended.failure);
    if (appended.failure->kind == store::StoreFailure::Kind::kFull) {
      const std::uint64_t wanted = appended.bytes * 2 + append_overhead_bytes;
      no_room_ = NoRoom{disk_free() < wanted ? std::optional(wanted) : std::nullopt, now.mono + settings_.no_room_max};
    }
    if (is_live() && !planted(PlantedBug::kFailedAppendNotReloaded)) abandon(now);
    return;
  }
  store_.log_bytes = appended.log.used_bytes;
  store_.commit_seconds.observe(std::chrono::duration<double>(appended.took).count());
  store_.commit_bytes.observe(static_cast<double>(appended.bytes));
  if (appended.bytes <= bare_commit_bytes_max) bare_commit_ += (appended.took - bare_commit_) / 2;
  if (!is_live()) return;
  pause_ = settings_.retry_after;
  partition_.committed(appended.end, now);
  collect_effects();
  account_room(now);
  hand_over_freeze();
}

void Shard::on(CheckpointWritten&& written, Now now) {
  store_.carried_messages += written.carried_messages;
  if (written.tables_bytes) store_.tables_bytes = *written.tables_bytes;
  account_disk(written.disk);
  if (written.failure) count_failure(*written.failure);
  if (written.front_failure) count_failure(*written.front_failure);
  account_room(now);
  if (!freeze_) return;   // of memory that was given up
  freeze_->is_with_background = false;
  if (written.failure) {
    freeze_->retry_at = now.mono + pause_max;
  } else {
    if (written.is_written) ++store_.checkpoints;
    freeze_.reset();
    if (is_live()) partition_.checkpointed();
  }
}

void Shard::on(FrontScanned&& scanned, Now) {
  if (scanned.failure) count_failure(*scanned.failure);
  front_ = std::move(scanned);
}

void Shard::on(FrontFreed&& freed, Now now) {
  store_.log_bytes = freed.log.used_bytes;
  if (freed.failure) {
    count_failure(*freed.failure);
  } else {
    no_room_.reset();
  }
  account_room(now);
}

void Shard::on(ReportWanted&& wanted, Now) { wanted.answer(report()); }

void Shard::on(StateWanted&& wanted, Now) { wanted.answer(state_); }

void Shard::on(DrainWanted&&, Now) {
  drain_wanted_ = true;
  if (state_ == ShardState::kServing) state_ = ShardState::kDraining;
}

void Shard::work_off_waiting(Now now) {
  for (const Urgency urgency : {Urgency::kPrior, Urgency::kLater}) {
    while (waiting_.has(urgency) && may_go_on(urgency, now)) {
      auto next = waiting_.pop(urgency);
      if (!next) break;
      spend(urgency, *next);
      handle(std::move(*next), now);
    }
  }
}

bool Shard::may_go_on(Urgency urgency, Now now) {
  if (!accepts_commands() || spent_[static_cast<std::size_t>(urgency)] >= settings_.turn_cost) return false;
  return urgency == Urgency::kPrior || (!waits_for_checkpoint() && has_room(now));
}

void Shard::spend(Urgency urgency, const core::Command& command) {
  spent_[static_cast<std::size_t>(urgency)] += WaitingLine::cost_of(command);
}

// Publishes wait while the open commit is full and none can be sealed: that bounds a commit, and the memory it takes.
bool Shard::has_room(Now now) {
  if (partition_.staged_bytes() >= settings_.commit_bytes) seal(now);
  return partition_.staged_bytes() < settings_.commit_bytes;
}

// Publishes wait too while more timers came than a checkpoint can take at once. One that failed they do not wait for: they are
// refused when it was for want of room.
bool Shard::waits_for_checkpoint() const { return freeze_ && !freeze_->retry_at && partition_.is_behind(); }

/// Two, so that one is ready when the other is durable. A disk whose sync is slow takes about one full commit more in each
/// millisecond of it, and a window that small would leave it idle.
bool Shard::may_hand_over() const {
  std::size_t ahead = commits_ahead;
  if (partition_.staged_bytes() >= settings_.commit_bytes)
    ahead += std::min(full_commits_ahead_max, static_cast<std::size_t>(bare_commit_ / std::chrono::milliseconds(1)));
  return commits_outstanding_ < ahead;
}

void Shard::seal(Now now) {
  while (may_hand_over()) {
    const auto due = partition_.seal_due();
    if (!due || now.mono < *due || !seal_one(now)) return;
  }
}

bool Shard::seal_one(Now now) {
  auto commit = partition_.seal(now);
  if (!commit) return false;
  bytes_since_freeze_ += commit->value.size();
  bytes_since_front_ += commit->value.size();
  ++commits_outstanding_;
  if (planted(PlantedBug::kAckBeforeSync)) partition_.committed(commit->end, now);
  ports_.committer.append(std::move(*commit));
  collect_effects();
  return true;
}

std::optional<Time> Shard::checkpoint_due() const {
  const bool is_full = room_ != core::Partition::StoreRoom::kEnough;
  if (partition_.wants_freeze()) return frozen_at_;
  if (!is_dirty() && !front_ && !is_full) return std::nullopt;
  const bool is_much = bytes_since_freeze_ >= settings_.checkpoint_bytes || partition_.made() >= settings_.checkpoint_made;
  const bool is_at_once = (front_ && front_->is_behind) || (is_dirty() && is_much);
  if (is_at_once) return frozen_at_;
  return frozen_at_ + (is_full ? std::min(settings_.full_interval, settings_.checkpoint_interval) : settings_.checkpoint_interval);
}

void Shard::checkpoint(Now now) {
  if (freeze_) {
    if (freeze_->retry_at && now.mono >= *freeze_->retry_at) {
      freeze_->retry_at.reset();
      hand_over_freeze();
    }
    return;
  }
  if (is_closing_) return;
  is_closing_ = drain_wanted_ && waiting_.empty();
  const auto due = checkpoint_due();
  if (is_closing_ ? !is_dirty() : !due || now.mono < *due) return;

  // What is live is asked before the cut: whatever the answer rests on is then part of the checkpoint, or staged by it.
  Freeze freeze;
  if (front_ && !is_hurried()) {
    freeze.job.front = FrontLive{partition_.live(front_->runs, now), front_->end, partition_.waiting()};
    front_.reset();
    bytes_since_front_ = 0;
  }
  // A freeze needs a cut with nothing staged; so this once more than two commits may be with the committer.
  while (partition_.staged_bytes() > 0 && seal_one(now)) {}
  freeze.job.rows = std::make_shared<const core::Checkpoint>(partition_.freeze());
  frozen_end_ = freeze.job.rows->applied;
  frozen_at_ = now.mono;
  bytes_since_freeze_ = 0;
  freeze_ = std::move(freeze);
  hand_over_freeze();
}

/// Due for what was made, or for timers, alone: many come one after the other then, and the front, which costs a look at each of
/// its runs, can wait for the next.
bool Shard::is_hurried() const {
  const bool is_for_memory = partition_.made() >= settings_.checkpoint_made || partition_.wants_freeze();
  return is_for_memory && bytes_since_front_ < settings_.checkpoint_bytes && !front_->is_behind &&
         room_ == core::Partition::StoreRoom::kEnough && !is_closing_;
}

void Shard::hand_over_freeze() {
  if (!freeze_ || freeze_->is_with_background || freeze_->retry_at || partition_.committed_end() < freeze_->job.rows->applied) return;
  freeze_->is_with_background = true;
  ports_.background.checkpoint(freeze_->job);
}

// Nobody can say what the log holds behind the last good commit: memory goes, and so does every promise built on it.
void Shard::abandon(Now now) {
  for (core::Effect& effect : partition_.abandon())
    if (auto* reply = std::get_if<core::Outgoing>(&effect)) outgoing_.push_back(std::move(*reply));
  route_effects();
  ports_.gateway.end_sessions({ErrorCode::kStoreFailed, "the store refused a write and is read back: say Hello again and resume"});
  state_ = ShardState::kReloading;
  pause_reload(now);
}

// A disk that is full or refuses may come round; damage does not.
void Shard::reload_failed(const store::StoreFailure& failure, Now now) {
  count_failure(failure);
  using Kind = store::StoreFailure::Kind;
  if (failure.kind == Kind::kCorrupt || failure.kind == Kind::kForeign) {
    failure_ = failure;
    state_ = ShardState::kFailed;
    return;
  }
  pause_reload(now);
}

/// What was read of the tables cannot be right, and without it nobody knows what is due.
void Shard::stop_damaged(Now now) {
  const store::StoreFailure failure{store::StoreFailure::Kind::kCorrupt, partition_.damage()->what};
  abandon(now);
  reload_failed(failure, now);
}

void Shard::pause_reload(Now now) {
  reload_at_ = now.mono + pause_;
  pause_ = std::min(pause_ * 2, pause_max);
}

void Shard::reload(Now now) {
  const bool is_quiet = commits_outstanding_ == 0 && !(freeze_ && freeze_->is_with_background);
  if (!is_quiet || drain_wanted_ || now.mono < *reload_at_) return;
  auto loaded = ports_.loader.load();
  if (!loaded) return reload_failed(loaded.error(), now);
  reload_at_.reset();
  ++store_.reloads;
  freeze_.reset();
  front_.reset();
  partition_ = std::move(loaded->partition);
  frozen_end_ = loaded->applied;
  frozen_at_ = now.mono;
  bytes_since_freeze_ = 0;
  store_.log_bytes = loaded->log.used_bytes;
  store_.tables_bytes = loaded->tables_bytes;
  account_disk(loaded->disk);
  state_ = ShardState::kServing;
  partition_.start(now);
  account_room(now);
  collect_effects();
}

void Shard::account_disk(const store::DiskRoom& disk) {
  store_.disk_free_bytes = disk.free_bytes == ~std::uint64_t{0} ? std::nullopt : std::optional(disk.free_bytes);
  disk_low_water_ = std::min(settings_.disk_free_bytes_min, disk.capacity_bytes / 20);
  is_ballast_gone_ = disk.is_ballast_gone;
}

void Shard::account_room(Now now) {
  if (!is_live()) return;
  using Room = core::Partition::StoreRoom;
  const bool is_over = no_room_ && (now.mono >= no_room_->until || (no_room_->disk_bytes && disk_free() >= *no_room_->disk_bytes));
  if (is_over) no_room_.reset();
  const std::uint64_t percent = room_ == Room::kFull ? 88 : 90;   // apart, so that it does not flicker
  const bool is_at_bound = store_.log_bytes + store_.tables_bytes >= settings_.store_bytes_max / 100 * percent;
  const bool is_disk_full = disk_free() < disk_low_water_ || is_ballast_gone_ || (no_room_ && no_room_->disk_bytes);
  room_ = is_disk_full ? Room::kDiskFull : is_at_bound || no_room_ ? Room::kFull : Room::kEnough;
  store_.is_full = room_ != Room::kEnough;
  partition_.store_room(room_);
}

void Shard::collect_effects() {
  for (core::Effect& effect : partition_.take_effects()) {
    if (auto* reply = std::get_if<core::Outgoing>(&effect))
      outgoing_.push_back(std::move(*reply));
    else if (auto* blocks = std::get_if<core::LoadBlocks>(&effect))
      ports_.reader.load(std::move(*blocks));
    else if (auto* timers = std::get_if<core::LoadTimers>(&effect))
      ports_.reader.load(std::move(*timers));
    else
      ports_.finder.load(std::move(std::get<core::FindMessages>(effect)));
  }
}

void Shard::route_effects() {
  if (is_live()) collect_effects();
  if (!outgoing_.empty()) ports_.gateway.post(std::exchange(outgoing_, {}));
}

void Shard::settle_drain() {
  if (!drain_wanted_ || state_ == ShardState::kStopped || state_ == ShardState::kFailed) return;
  const bool is_quiet = commits_outstanding_ == 0 && !(freeze_ && freeze_->is_with_background);
  if (!is_quiet) return;
  const bool gave_up = state_ == ShardState::kReloading || (freeze_ && freeze_->retry_at);   // the log has it all
  if (gave_up || (is_closing_ && !freeze_)) state_ = ShardState::kStopped;
}

std::optional<Time> Shard::next_deadline() const {
  std::optional<Time> next;
  const auto earliest = [&next](std::optional<Time> other) {
    if (other) next = next ? std::min(*next, *other) : *other;
  };
  if (state_ == ShardState::kReloading) {
    if (commits_outstanding_ == 0 && !(freeze_ && freeze_->is_with_background)) earliest(reload_at_);
    return next;
  }
  if (!is_live()) return next;
  if (accepts_commands()) {
    earliest(clock_.held_until());
    earliest(partition_.next_deadline());
    if (may_hand_over()) earliest(partition_.seal_due());
    const bool has_room = !waits_for_checkpoint() && (partition_.staged_bytes() < settings_.commit_bytes || may_hand_over());
    const bool has_next = waiting_.has(Urgency::kPrior) || (waiting_.has(Urgency::kLater) && has_room);
    if (has_next && !planted(PlantedBug::kLineLeftWaiting)) earliest(turned_at_);
  }
  if (freeze_) {
    earliest(freeze_->retry_at);
  } else if (!is_closing_) {
    earliest(checkpoint_due());
  }
  return next;
}

ShardReport Shard::report() const {
  ShardReport report{state_, {}, store_, {clock_.state(), clock_.ahead(), clock_.steps()}};
  if (is_live()) report.partition = partition_.stats();
  return report;
}

void Shard::count_failure(const store::StoreFailure& failure) {
  switch (failure.kind) {
    case store::StoreFailure::Kind::kFull: ++store_.errors_full; return;
    case store::StoreFailure::Kind::kCorrupt:
    case store::StoreFailure::Kind::kForeign: ++store_.errors_corrupt; return;
    case store::StoreFailure::Kind::kRefused:   // follows from an error before it
      return;
    case store::StoreFailure::Kind::kIo:
    case store::StoreFailure::Kind::kLocked: ++store_.errors_io; return;
  }
}

}  // namespace takt::runtime
