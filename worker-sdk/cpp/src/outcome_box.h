#pragma once

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "proto/time.h"
#include "worker-sdk/cpp/src/assignment.h"
#include "worker-sdk/cpp/src/consumer.h"

namespace takt::sdk {

/// The outcome of one message, other than a plain ack.
struct HandledOutcome {
  LeaseId lease;
  std::uint32_t index = 0;
  proto::FailOutcome fail = proto::FailOutcome::kRetry;
  std::optional<Duration> delay{};
  std::uint16_t code = 0;
  std::string text;
  proto::MessagePolicy policy{};          ///< of a retry: the message's own
  std::vector<FollowUpBatch> follow_ups;  ///< not empty: a complete, and the fields above mean nothing
};

/// From the handler threads to the network thread. Acks are bits in their assignment, which is listed here once until
/// it is collected; so a flood of short jobs costs one lock and one wake per millisecond, not per message.
class OutcomeBox {
 public:
  /// True: wake the network thread.
  bool done(const AssignmentPtr& assignment, const Bits& bits, std::uint32_t count) {
    assignment->mark_done(bits);
    const bool complete = assignment->settled.fetch_add(count) + count == assignment->count();
    const bool listed = assignment->listed.exchange(true);
    if (listed && !complete) return false;
    const std::lock_guard lock(mutex_);
    const bool first = acks_.empty();
    if (!listed) acks_.push_back(assignment);
    urgent_ = urgent_ || complete;
    return first || complete;
  }
  bool outcome(Assignment& assignment, HandledOutcome outcome) {
    assignment.settled.fetch_add(1);
    const std::lock_guard lock(mutex_);
    outcomes_.push_back(std::move(outcome));
    return !std::exchange(urgent_, true);
  }

  struct Contents {
    std::vector<AssignmentPtr> acks;
    std::vector<HandledOutcome> outcomes;
  };
  /// Everything, when something is urgent or `linger` has passed since the box was found non-empty.
  Contents collect(Time now, Duration linger) {
    const std::lock_guard lock(mutex_);
    if (acks_.empty() && outcomes_.empty()) return {};
    if (!due_) due_ = now + linger;
    if (!urgent_ && now < *due_) return {};
    due_.reset();
    urgent_ = false;
    Contents contents{std::exchange(acks_, {}), std::exchange(outcomes_, {})};
    // An exchange, to see the bits of whoever found it listed: a store could pass the loads of take_done().
    for (const AssignmentPtr& assignment : contents.acks) assignment->listed.exchange(false, std::memory_order_acq_rel);
    return contents;
  }
  std::optional<Time> deadline() const {
    const std::lock_guard lock(mutex_);
    return due_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<AssignmentPtr> acks_;
  std::vector<HandledOutcome> outcomes_;
  bool urgent_ = false;
  std::optional<Time> due_;
};

}  // namespace takt::sdk
