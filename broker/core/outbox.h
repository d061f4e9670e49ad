#pragma once

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "broker/core/command.h"
#include "proto/planted_bug.h"

namespace takt::core {

/// Effects on their way out. Nothing that depends on a position leaves before that position is durable.
class Outbox {
 public:
  /// Leaves once `position` is durable.
  void send_after(Position position, Effect effect) {
    if (position < committed_ || planted(PlantedBug::kEffectBeforeCommit)) return ready_.push_back(std::move(effect));
    withheld_.insert(std::ranges::upper_bound(withheld_, position, {}, &Withheld::position), {position, std::move(effect)});
  }
  /// Leaves once everything that is staged now, acks among it, is durable. An answer that goes on where the one before it
  /// ends becomes a part of that one.
  void send_after_open_commit(Effect effect) {
    if (staged_.empty() || !joined(staged_.back(), effect)) staged_.push_back(std::move(effect));
  }
  void send_now(Effect effect) { ready_.push_back(std::move(effect)); }

  /// The open commit was sealed and ends at `end`; an empty one ends where the log does.
  void sealed(Position end) {
    for (Effect& effect : std::exchange(staged_, {})) {
      if (end.value == 0)
        ready_.push_back(std::move(effect));
      else
        send_after(Position(end.value - 1), std::move(effect));
    }
  }
  void committed(Position end) {
    committed_ = end;
    for (; !withheld_.empty() && withheld_.front().position < end; withheld_.pop_front())
      ready_.push_back(std::move(withheld_.front().effect));
  }
  Position committed() const { return committed_; }
  std::vector<Effect> take() { return std::exchange(ready_, {}); }
  /// Everything that was not allowed out, in order of its position.
  std::vector<Effect> take_withheld() {
    std::vector<Effect> all;
    all.reserve(withheld_.size() + staged_.size());
    for (Withheld& one : withheld_) all.push_back(std::move(one.effect));
    std::move(staged_.begin(), staged_.end(), std::back_inserter(all));
    withheld_.clear();
    staged_.clear();
    return all;
  }

 private:
  static bool joined(Effect& last, const Effect& next);

  struct Withheld {
    Position position;
    Effect effect;
  };

  Position committed_;
  std::vector<Effect> ready_;
  std::vector<Effect> staged_;
  std::deque<Withheld> withheld_;   ///< by position
};

}  // namespace takt::core
