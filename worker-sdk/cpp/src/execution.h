#pragma once
// How one claimed message, or a run of them, meets the user's handler.

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "worker-sdk/cpp/src/follow_ups.h"
#include "worker-sdk/cpp/src/handler_pool.h"
#include "worker-sdk/cpp/src/outcome_box.h"

namespace takt::sdk {

struct Handlers {
  std::map<std::string, Handler, std::less<>> by_kind;
  Handler any;
  BatchHandler batch;

  bool empty() const { return by_kind.empty() && !any && !batch; }
};

/// Counted by handler threads.
struct ExecutionCounters {
  std::atomic<std::uint64_t> decode_errors{0};
  std::atomic<std::uint64_t> unknown_kinds{0};
  std::atomic<std::uint64_t> exceptions{0};
};

/// Thread-safe. `wake` tells the network thread to look into the box.
class Executor {
 public:
  Executor(const Handlers& handlers, const std::optional<Backoff>& backoff, const ContextAccess::Bounds& bounds, OutcomeBox& box,
           std::function<void()> wake)
      : handlers_(handlers),
        backoff_(backoff),
        bounds_(bounds),
        box_(box),
        wake_(std::move(wake)) {}

  void run_one(const Subscription& subscription, const AssignmentPtr& assignment, const HandlerPool::Claim& claim);
  void run_batch(const AssignmentPtr& assignment, const HandlerPool::Claim& claim);
  const ExecutionCounters& counters() const { return counters_; }

 private:
  /// A kind without handler.
  struct UnknownKind {
    Duration delay;  ///< of its messages, since `since`
    Time since;
  };

  Outcome call(const Handler& handler, Context& context);
  void settle(const AssignmentPtr& assignment, std::uint32_t index, Outcome outcome, std::vector<FollowUpBatch> follow_ups);
  void done(const AssignmentPtr& assignment, const Bits& bits, std::uint32_t count);
  void release_unknown(const AssignmentPtr& assignment, std::uint32_t index, std::string_view kind);
  Duration unknown_delay(std::string_view kind);
  std::optional<Duration> retry_delay(std::uint32_t attempt) const;

  const Handlers& handlers_;
  const std::optional<Backoff> backoff_;
  const ContextAccess::Bounds& bounds_;
  OutcomeBox& box_;
  const std::function<void()> wake_;
  ExecutionCounters counters_;

  std::mutex unknown_mutex_;
  std::map<std::string, UnknownKind, std::less<>> unknown_;  ///< bounded
};

}  // namespace takt::sdk
