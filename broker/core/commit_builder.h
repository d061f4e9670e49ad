#pragma once

#include <vector>

#include "broker/core/bytes.h"
#include "broker/core/commit.h"
#include "broker/core/event.h"
#include "proto/section.h"

namespace takt::core {

/// The open commit: runs in the order in which they are applied. Consecutive events share a run.
class CommitBuilder {
 public:
  explicit CommitBuilder(Position next = Position(0)) : first_(next), next_(next) {}

  /// Where the next record or event will stand.
  Position next() const { return next_; }
  bool empty() const { return next_ == first_; }
  /// Of the commit if sealed now, without its header.
  std::size_t bytes() const { return bytes_ + events_.size(); }

  /// Adds one event and gives its position.
  Position add(const Event& event) {
    append_event(events_, event);
    ++event_count_;
    return take(1);
  }
  /// Adds a producer's batch and gives the position of its first message.
  Position add(PendingRun run) {
    close_events();
    bytes_ += stored_bytes(run);
    const Position at = take(run.count);
    runs_.push_back(std::move(run));
    return at;
  }
  /// Seals what was added. `header.first` is set here. The builder is ready for the next commit afterwards.
  Commit seal(CommitHeader header) {
    close_events();
    header.first = first_;
    Commit commit = seal_commit(header, runs_);
    runs_.clear();
    bytes_ = 0;
    first_ = next_;
    return commit;
  }

 private:
  Position take(std::uint32_t count) {
    const Position at = next_;
    next_ = next_.plus(count);
    return at;
  }
  void close_events() {
    if (event_count_ == 0) return;
    const std::string bytes = events_.take();
    events_ = ByteWriter();
    const ByteView view = as_bytes(bytes);
    PendingRun run;
    run.count = event_count_;
    run.metadata = SharedBytes::own({view.begin(), view.end()});
    run.metadata_checksum = proto::section_checksum(run.metadata.bytes);
    run.payload_checksum = proto::section_checksum({});
    bytes_ += stored_bytes(run);
    runs_.push_back(std::move(run));
    event_count_ = 0;
  }

  Position first_;
  Position next_;
  std::vector<PendingRun> runs_;
  std::size_t bytes_ = 0;
  ByteWriter events_;
  std::uint32_t event_count_ = 0;
};

}  // namespace takt::core
