#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "broker/runtime/inbox.h"
#include "broker/runtime/shard_mail.h"
#include "broker/runtime/stores.h"

namespace takt::runtime {

/// The thread that does for the log's files what no append should wait for: draining, freeing in small steps, and once
/// no append came for a while preallocation, draining the rest and giving memory back.
/// Thread: any; `freed` is called on its own.
class Upkeep {
 public:
  /// `freed` is told of each step, but for the log's bounds.
  Upkeep(Stores& stores, std::function<void(FrontFreed)> freed);
  ~Upkeep();

  /// Frees in the given steps, ascending; each step is one call of Log::free_before.
  void free_before(std::vector<Position> steps) { inbox_.put(Free{std::move(steps)}); }
  /// After each append to `log`. Cost: next to nothing, unless something is to be done.
  void appended(const store::Log& log);

 private:
  struct LookAround {};   ///< something is due, or the rest is over
  struct Free {
    std::vector<Position> steps;
  };
  using Call = std::variant<LookAround, Free>;

  void run();
  std::optional<Time> next_look();
  std::optional<FrontFreed> look_around();

  Stores& stores_;
  const std::function<void(FrontFreed)> freed_;
  Inbox<Call> inbox_;
  std::atomic<Time> appended_at_{monotonic_now()};
  std::atomic<bool> is_resting_ = false;   ///< waits without a deadline
  std::atomic<bool> is_called_ = false;    ///< a LookAround is on its way

  // thread_ only.
  std::deque<Position> to_free_;
  Time quiet_since_;           ///< the append that the rest is about
  bool is_prepared_ = false;   ///< for the next appends
  bool is_tidied_ = false;     ///< drained, memory given back
  std::jthread thread_;
};

}  // namespace takt::runtime
