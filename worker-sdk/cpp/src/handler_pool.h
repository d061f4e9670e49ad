#pragma once
// The handler threads of one subscription.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "worker-sdk/cpp/src/assignment.h"

namespace takt::sdk {

/// Hands claimed messages to `execute`. Claims inside an assignment take no lock; the queue's lock is taken once per
/// assignment and thread.
class HandlerPool {
 public:
  /// [first, first + count) of an assignment, claimed by one thread.
  struct Claim {
    Assignment& assignment;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::stop_token stop;
  };
  using Execute = std::function<void(const AssignmentPtr&, const Claim&)>;
  enum class Unit { kMessage, kRange };

  explicit HandlerPool(std::uint32_t threads);
  /// Waits for running handlers.
  ~HandlerPool();

  /// Once. `execute` runs on the pool's threads and lets no exception out.
  void start(Unit unit, Execute execute);
  void give(AssignmentPtr assignment);
  /// Takes back what no thread has claimed: calls `taken(assignment, first, count)` for each stretch.
  template <class Taken>
  void take_back(Taken taken) {
    const std::lock_guard lock(mutex_);
    for (const AssignmentPtr& assignment : queue_) {
      const std::uint32_t first = assignment->claim_rest();
      if (first < assignment->count()) taken(*assignment, first, assignment->count() - first);
    }
    queue_.clear();
  }
  /// Fires the stop tokens of handlers that run one of `bits` of `assignment`.
  void interrupt(const Assignment& assignment, const Bits& bits);
  void interrupt_all();
  /// Threads end when nothing is queued.
  void close();
  std::uint32_t running() const { return running_.load(); }
  std::uint32_t queued() const;

 private:
  /// What one thread runs; its lock is only contended when a lease is lost.
  struct Slot {
    std::mutex mutex;
    const Assignment* assignment = nullptr;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    bool fired = false;
    std::stop_source stop;
  };
  void work(Slot& slot);
  AssignmentPtr next_assignment();
  void run_claim(Slot& slot, const AssignmentPtr& assignment, std::uint32_t first, std::uint32_t count);
  template <class Matches>
  void fire(Matches matches);

  Unit unit_ = Unit::kMessage;          ///< constant once started
  Execute execute_;                     ///< constant once started

  mutable std::mutex mutex_;
  std::condition_variable work_there_;
  std::deque<AssignmentPtr> queue_;     ///< stays in until every message is claimed
  bool closed_ = false;

  std::atomic<std::uint32_t> running_{0};
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<std::thread> threads_;    ///< last: they use all of the above
};

}  // namespace takt::sdk
