#pragma once

#include <algorithm>
#include <optional>

#include "broker/core/commit_builder.h"
#include "broker/core/state.h"
#include "proto/check.h"

namespace takt::core {

/// The leader's way into the log: what is staged is applied to the state at once and rides in the open commit.
class Journal {
 public:
  State& state() { return state_; }
  const State& state() const { return state_; }

  /// The log ends at `end`; the next commit begins there.
  void resume_at(Position end) { builder_ = CommitBuilder(end); }
  Position next() const { return builder_.next(); }
  bool empty() const { return builder_.empty(); }
  std::size_t bytes() const { return builder_.bytes(); }
  /// The open commit's time is well before `wall`: the clock has jumped, or the disk has stalled for long.
  bool is_behind(WallTime wall) const { return opened_ && wall > state_.time() + std::chrono::minutes(1); }

  /// Partition time of what is staged now: the open commit's, or that of the one which would be opened.
  WallTime time(WallTime wall) const { return opened_ ? state_.time() : std::max(state_.time(), wall); }
  /// Adds an event that the leader has decided; gives its position. A refusal by `apply` would be our bug.
  Position stage(const Event& event, WallTime wall) {
    open(wall);
    const Position at = builder_.add(event);
    const auto applied = state_.apply(event, at, state_.time());
    check(applied.has_value(), "apply accepts what decide staged");
    return at;
  }
  struct Stored {
    Position position;
    Offset offset;
  };
  /// Adds a batch at the end of its topic's lane, or among what waits for its due: then it has no offset.
  Stored stage(PendingRun run, WallTime wall) {
    open(wall);
    const Topic* topic = state_.find_topic(run.topic);
    check(topic != nullptr, "a batch goes to a topic that is there");
    const TopicLane* lane = topic->lanes.find(run.lane);
    if (run.run_class == proto::RunClass::kScheduled)
      run.taken = std::max(wall, state_.time());   // the commit may have been open for long
    else
      run.first_offset = lane == nullptr ? Offset(0) : lane->next;
    const RunView view{.topic = run.topic,
                       .lane = run.lane,
                       .run_class = run.run_class,
                       .first_offset = run.first_offset,
                       .taken = run.taken,
                       .first_position = builder_.next(),
                       .count = run.count,
                       .stamp = run.stamp,
                       .metadata = run.metadata.bytes,
                       .payload = run.payload.bytes};
    const auto applied = state_.apply(view, state_.time());
    check(applied.has_value(), "apply accepts what decide staged");
    const Position at = builder_.add(std::move(run));
    check(at == view.first_position, "positions count through the runs");
    return {at, view.first_offset};
  }
  Commit seal(CommitHeader header) {
    header.epoch = state_.epoch();
    header.time = state_.time();
    opened_ = false;
    return builder_.seal(header);
  }

 private:
  /// Partition time is fixed when a commit is opened.
  void open(WallTime wall) {
    if (!opened_) state_.open_commit(wall);
    opened_ = true;
  }

  State state_;
  CommitBuilder builder_;
  bool opened_ = false;
};

}  // namespace takt::core
