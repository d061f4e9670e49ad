#pragma once

#include <algorithm>
#include <deque>
#include <utility>

namespace takt {

/// A set for values that come nearly in order and leave nearly in order: a std::set without a node for each. A place may be
/// looked up by anything that values compare with, by `value < other` and `other < value`.
/// Cost: O(1) at either end; elsewhere a binary search, and a move of what lies between the place and the nearer end.
template <class Value>
class SortedDeque {
 public:
  using Place = typename std::deque<Value>::iterator;

  bool empty() const { return values_.empty(); }
  std::size_t size() const { return values_.size(); }
  const Value& front() const { return values_.front(); }
  Place begin() { return values_.begin(); }
  Place end() { return values_.end(); }
  /// end() when it is not there. What a value is ordered by must not be changed through its place.
  template <class Key>
  Place find(const Key& key) {
    const Place at = lower_bound(key);
    return at != end() && !(key < *at) ? at : end();
  }

  /// The value, or the one that was there already.
  Value& insert(Value value) {
    if (values_.empty() || values_.back() < value) return values_.emplace_back(std::move(value));
    const Place at = lower_bound(value);
    return value < *at ? *values_.insert(at, std::move(value)) : *at;
  }
  /// Of what is not there: nothing happens.
  template <class Key>
  void erase(const Key& key) {
    const Place at = find(key);
    if (at != end()) values_.erase(at);
  }
  /// Gives the place behind it.
  Place erase(const Place& at) { return values_.erase(at); }
  void clear() { values_.clear(); }

 private:
  /// The first value that is not below `key`; mostly it is the first of all.
  template <class Key>
  Place lower_bound(const Key& key) {
    if (!values_.empty() && !(values_.front() < key)) return begin();
    return std::lower_bound(begin(), end(), key);
  }

  std::deque<Value> values_;
};

}  // namespace takt
