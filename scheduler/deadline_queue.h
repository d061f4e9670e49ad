#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace takt {

/// Deadlines by key, at most one per key; gives back what is due, earliest first and first set first among equals. So the
/// same calls give the same order, whatever the keys hash to. Used for session timeouts, long polls and retries.
/// Knows no clock: `TimePoint` is any ordered value, and "due" is `when <= now`.
///
/// Bound: none of its own; whoever sets deadlines bounds the keys. Memory: one tree node and one hash node per key.
/// Cost: set, cancel and pop_due O(log n); next O(1). Moving a deadline allocates nothing.
/// Thread: its owner's.
template <class Key, class TimePoint, class Hash = std::hash<Key>>
class DeadlineQueue {
 public:
  DeadlineQueue() = default;
  DeadlineQueue(DeadlineQueue&& other) noexcept { swap(other); }
  DeadlineQueue& operator=(DeadlineQueue&& other) noexcept {
    DeadlineQueue(std::move(other)).swap(*this);
    return *this;
  }
  DeadlineQueue(const DeadlineQueue&) = delete;
  DeadlineQueue& operator=(const DeadlineQueue&) = delete;
  ~DeadlineQueue() = default;

  /// Sets the deadline of `key`, or moves the one it has. Either way it now stands last among those of the same instant.
  void set(const Key& key, TimePoint when) {
    const Place place{when, next_serial_++};
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      auto node = by_time_.extract(found->second);
      node.key() = place;
      found->second = by_time_.insert(std::move(node)).position;
      return;
    }
    by_key_.emplace(key, by_time_.emplace(place, key).first);
  }

  /// Forgets the deadline of `key`; false when it has none.
  bool cancel(const Key& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return false;
    by_time_.erase(found->second);
    by_key_.erase(found);
    return true;
  }

  /// The earliest deadline: when to look again. None when nothing is set.
  std::optional<TimePoint> next() const {
    if (by_time_.empty()) return std::nullopt;
    return by_time_.begin()->first.when;
  }

  /// Takes out the first key whose deadline is at or before `now`; none when nothing is due. Call until none. Between two
  /// calls anything may be set or cancelled: a key set anew to a time that is due comes again, so set it later than `now`.
  std::optional<Key> pop_due(TimePoint now) {
    if (by_time_.empty() || now < by_time_.begin()->first.when) return std::nullopt;
    auto node = by_time_.extract(by_time_.begin());
    by_key_.erase(node.mapped());
    return std::move(node.mapped());
  }

  /// The deadline that `key` has now, if any.
  std::optional<TimePoint> deadline(const Key& key) const {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return std::nullopt;
    return found->second->first.when;
  }

  bool contains(const Key& key) const { return by_key_.contains(key); }
  std::size_t size() const { return by_key_.size(); }
  bool empty() const { return by_key_.empty(); }

  void clear() {
    by_time_.clear();
    by_key_.clear();
  }

  void swap(DeadlineQueue& other) noexcept {
    by_time_.swap(other.by_time_);
    by_key_.swap(other.by_key_);
    std::swap(next_serial_, other.next_serial_);
  }

 private:
  struct Place {
    TimePoint when;
    std::uint64_t serial;   // makes places unique and keeps the order of setting; 2^64 is never reached
    friend bool operator<(const Place& a, const Place& b) {
      if (a.when < b.when) return true;
      if (b.when < a.when) return false;
      return a.serial < b.serial;
    }
  };
  using ByTime = std::map<Place, Key>;

  ByTime by_time_;
  std::unordered_map<Key, typename ByTime::iterator, Hash> by_key_;   // same keys as by_time_, always
  std::uint64_t next_serial_ = 0;
};

}  // namespace takt
