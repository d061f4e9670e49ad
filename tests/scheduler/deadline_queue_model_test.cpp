// The queue against a slow model that is plainly right: a multimap from time to key keeps equal times in the order of
// insertion, and finding a key is a walk.

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>

#include "scheduler/deadline_queue.h"

namespace takt {
namespace {

class Model {
 public:
  void set(int key, int when) {
    cancel(key);
    entries_.emplace(when, key);
  }
  bool cancel(int key) {
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->second != key) continue;
      entries_.erase(it);
      return true;
    }
    return false;
  }
  std::optional<int> next() const { return entries_.empty() ? std::nullopt : std::optional(entries_.begin()->first); }
  std::optional<int> pop_due(int now) {
    if (entries_.empty() || entries_.begin()->first > now) return std::nullopt;
    const int key = entries_.begin()->second;
    entries_.erase(entries_.begin());
    return key;
  }
  std::size_t size() const { return entries_.size(); }

 private:
  std::multimap<int, int> entries_;
};

/// Every key in one bucket: the order must not come from the hash.
struct Colliding {
  std::size_t operator()(int) const { return 7; }
};

class DeadlineQueueModel : public testing::TestWithParam<unsigned> {};

TEST_P(DeadlineQueueModel, AgreesStepByStep) {
  std::mt19937 random(GetParam());
  const auto below = [&random](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };

  DeadlineQueue<int, int, Colliding> queue;
  Model model;
  int now = 0;
  for (int step = 0; step < 4'000; ++step) {
    SCOPED_TRACE(testing::Message() << "seed " << GetParam() << " step " << step);
    const int act = below(10);
    if (act < 5) {
      const int key = below(50);
      const int when = now + below(20) - 3;
      queue.set(key, when);
      model.set(key, when);
    } else if (act < 7) {
      const int key = below(50);
      ASSERT_EQ(queue.cancel(key), model.cancel(key));
    } else if (act < 9) {
      ASSERT_EQ(queue.pop_due(now), model.pop_due(now));
    } else {
      now += below(5);
      for (;;) {
        const auto key = queue.pop_due(now);
        ASSERT_EQ(key, model.pop_due(now));
        if (!key) break;
      }
    }
    ASSERT_EQ(queue.next(), model.next());
    ASSERT_EQ(queue.size(), model.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DeadlineQueueModel, testing::Range(1u, 41u));

}  // namespace
}  // namespace takt
