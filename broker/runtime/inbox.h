#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "broker/runtime/clock.h"

namespace takt::runtime {

/// How threads reach one another's objects: many put, one takes. Two priorities; order within each is kept. The only
/// place in the broker with a condition variable.
/// Bound: offer() refuses above `bound` items; put() is for mail whose number is bounded by its sender (answers).
/// Thread: take_all by the owner; the rest by any.
template <class T, class Later = T>
class Inbox {
 public:
  struct Mail {
    std::vector<T> prior;
    std::vector<Later> later;
    bool is_closed = false;
    bool empty() const { return prior.empty() && later.empty(); }
  };

  /// `room` is called on the taking thread, without the lock, when a refused offer may be repeated.
  explicit Inbox(std::size_t bound, std::function<void()> room = {}) : bound_(bound), room_(std::move(room)) {}

  /// Takes everything out of `prior` and `later`, or nothing and returns false when the bound is passed.
  template <class FromPrior, class FromLater>
  bool offer(std::vector<FromPrior>& prior, std::vector<FromLater>& later) {
    {
      const std::lock_guard lock(mutex_);
      if (mail_.prior.size() + mail_.later.size() + prior.size() + later.size() > bound_ && !mail_.empty()) {
        refused_ = true;
        return false;
      }
      move_to(mail_.prior, prior);
      move_to(mail_.later, later);
    }
    changed_.notify_one();
    return true;
  }
  /// Adds one item, ahead of all that is `later`. After close() it is thrown away.
  void put(T item) {
    {
      const std::lock_guard lock(mutex_);
      if (mail_.is_closed) return;
      mail_.prior.push_back(std::move(item));
    }
    changed_.notify_one();
  }
  /// No more is expected: take_all does not wait from now on.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      mail_.is_closed = true;
    }
    changed_.notify_one();
  }

  /// All there is; waits for the first item until `deadline`, without one as long as it takes.
  Mail take_all(std::optional<Time> deadline) {
    Mail taken;
    bool was_refused;
    {
      std::unique_lock lock(mutex_);
      const auto ready = [this] { return !mail_.empty() || mail_.is_closed; };
      if (!deadline) {
        changed_.wait(lock, ready);
      } else if (!ready()) {
        changed_.wait_for(lock, std::max(Duration::zero(), *deadline - monotonic_now()), ready);
      }
      taken.prior.swap(mail_.prior);
      taken.later.swap(mail_.later);
      taken.is_closed = mail_.is_closed;
      was_refused = std::exchange(refused_, false);
    }
    if (was_refused && room_) room_();
    return taken;
  }

 private:
  template <class To, class From>
  static void move_to(std::vector<To>& to, std::vector<From>& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    from.clear();
  }

  const std::size_t bound_;
  const std::function<void()> room_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Mail mail_;               // guarded by mutex_
  bool refused_ = false;    // guarded by mutex_
};

}  // namespace takt::runtime
