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
/// Bound: offer() refuses above `bound` items, those among them that the taker still has; put() is for mail whose number is
/// bounded by its sender (answers).
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
      const std::size_t waiting = mail_.prior.size() + mail_.later.size() + backlog_;
      if (waiting + prior.size() + later.size() > bound_ && waiting > 0) {
        refused_ = prior.size() + later.size();
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

  /// All there is; waits for the first item until `deadline`, without one as long as it takes. `backlog`: what the taker
  /// has taken and not worked off.
  Mail take_all(std::optional<Time> deadline, std::size_t backlog = 0) {
    Mail taken;
    bool has_room_again;
    {
      std::unique_lock lock(mutex_);
      backlog_ = backlog;
      const auto ready = [this] { return !mail_.empty() || mail_.is_closed || has_room(); };
      if (!deadline) {
        changed_.wait(lock, ready);
      } else if (!ready()) {
        changed_.wait_for(lock, std::max(Duration::zero(), *deadline - monotonic_now()), ready);
      }
      taken.prior.swap(mail_.prior);
      taken.later.swap(mail_.later);
      taken.is_closed = mail_.is_closed;
      has_room_again = has_room();
      if (has_room_again) refused_ = 0;
    }
    if (has_room_again && room_) room_();
    return taken;
  }

 private:
  /// For what was refused, once the mail is taken.
  bool has_room() const { return refused_ > 0 && (backlog_ == 0 || backlog_ + refused_ <= bound_); }

  template <class To, class From>
  static void move_to(std::vector<To>& to, std::vector<From>& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    from.clear();
  }

  const std::size_t bound_;
  const std::function<void()> room_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Mail mail_;                 // guarded by mutex_
  std::size_t backlog_ = 0;   // guarded by mutex_
  std::size_t refused_ = 0;   // guarded by mutex_; items of the last offer that found no room
};

}  // namespace takt::runtime
