// The wheel against a plain ordered set, with crashes wherever a commit may end: each timer fires once, in order, never early.

#include "scheduler/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <variant>

namespace takt::scheduler {
namespace {

Instant at(std::int64_t ms) { return Instant(Millis(ms)); }

/// The rows of a wheel, written as a whole.
class Storage {
 public:
  void take(const TimerWheel::Changes& changes) {
    for (const auto& range : changes.erased)
      chunks_.erase(chunks_.lower_bound({range.bucket, range.from}), chunks_.lower_bound({range.bucket, range.until}));
    for (const auto& chunk : changes.chunks) {
      ASSERT_LE(chunk.value.size(), 4072u);
      chunks_[{chunk.bucket, chunk.sequence}] = chunk.value;
    }
    for (const auto& row : changes.buckets) put(buckets_, row.bucket, row.value);
    for (const auto& row : changes.armed) put(armed_, row.index, row.value);
    state_ = changes.state;
  }
  void load(TimerWheel& wheel) const {
    for (const auto& [bucket, value] : buckets_) ASSERT_TRUE(wheel.load_bucket(bucket, value));
    for (const auto& [index, value] : armed_) ASSERT_TRUE(wheel.load_armed(index, value));
    if (!state_.empty()) {
      ASSERT_TRUE(wheel.load_state(state_));
    }
  }
  std::vector<std::string> read(const TimerWheel::ChunkRange& range) const {
    std::vector<std::string> values;
    for (std::uint64_t sequence = range.from; sequence < range.until; ++sequence) {
      const auto found = chunks_.find({range.bucket, sequence});
      values.push_back(found == chunks_.end() ? "" : found->second);
    }
    return values;
  }
  /// Nothing but what the last timer left.
  bool is_small() const { return chunks_.size() <= 2 && buckets_.size() <= 2 && armed_.empty(); }

 private:
  template <class Rows, class Key>
  static void put(Rows& rows, const Key& key, const std::optional<std::string>& value) {
    if (value)
      rows[key] = *value;
    else
      rows.erase(key);
  }

  std::map<std::pair<BucketId, std::uint64_t>, std::string> chunks_;
  std::map<BucketId, std::string> buckets_;
  std::map<std::uint64_t, std::string> armed_;
  std::string state_;
};

struct Armed {
  Timer timer;
};
struct Disarmed {
  TimerKey key;
};
struct Fired {
  std::vector<Timer> timers;
  TimerKey up_to;
};
using Event = std::variant<Armed, Disarmed, Fired>;

void take(TimerWheel& wheel, const Event& event) {
  if (const auto* armed = std::get_if<Armed>(&event)) wheel.arm(armed->timer);
  if (const auto* disarmed = std::get_if<Disarmed>(&event)) {
    EXPECT_TRUE(wheel.disarm(disarmed->key));
  }
  if (const auto* fired = std::get_if<Fired>(&event)) wheel.fire(fired->timers, fired->up_to);
}

/// How the random times are spread.
enum class Spread { kSeconds, kDays, kYears, kStorm };

class Model {
 public:
  Model(std::uint64_t seed, Spread spread) : random_(seed), spread_(spread), settings_(settings(seed)) { wheel_.emplace(settings_); }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      switch (random_() % 32) {
        case 0: freeze(); break;
        case 1: write(); break;
        case 2: crash(); break;
        case 3: storm(); break;
        case 4:
        case 5:
        case 6: disarm(); break;
        case 7:
        case 8: answer_one_load(); break;
        case 9: pass(jump()); break;
        case 10:
        case 11:
        case 12:
        case 13: pass(Millis(random_() % 300)); break;
        default: arm(now_ + delay()); break;
      }
      if (wheel_->wants_freeze()) freeze(), write();
      ASSERT_EQ(wheel_->armed(), model_.size());
    }
    drain();
  }
  std::uint64_t operations() const { return operations_; }
  std::uint64_t crashes() const { return crashes_; }

 private:
  static TimerWheel::Settings settings(std::uint64_t seed) {
    TimerWheel::Settings settings;
    if (seed % 2 == 0) settings.load_timers_max = 8;   // so that buckets drain
    if (seed % 3 == 0) settings.unwritten_max = 64;
    if (seed % 5 == 0) settings.chunk_bytes_max = 40;
    if (seed % 5 == 0) settings.drain_chunks = 2;
    if (seed % 7 == 0) settings.kept = Millis(0);
    return settings;
  }
  Millis delay() {
    switch (spread_) {
      case Spread::kSeconds: return Millis(random_() % 20'000);
      case Spread::kDays: return Millis(random_() % (std::uint64_t{30} * 86'400'000));
      case Spread::kYears: return Millis(std::uint64_t{1} << (random_() % 42)) + Millis(random_() % 1000);
      case Spread::kStorm: return Millis(((random_() % 4) + 1) * 3'600'000);
    }
    return {};
  }
  Millis jump() { return Millis(random_() % (std::uint64_t{1} << (random_() % 36))); }

  void log(Event event) {
    take(*wheel_, event);
    log_.push_back(std::move(event));
    ++operations_;
  }
  void arm(Instant due) {
    if (due <= wheel_->fired_to().due) due = wheel_->fired_to().due + Millis(1);
    const Timer timer{{due, TimerId(next_id_ += 1 + random_() % 3)}, random_() % 3};
    log(Armed{timer});
    model_.insert({timer.key, timer.tag});
  }
  void storm() {
    const Instant due = now_ + delay();
    for (int i = 0; i < 40; ++i) arm(due);
  }
  void disarm() {
    if (model_.empty()) return;
    auto chosen = model_.lower_bound({now_ + delay(), TimerId{}});
    if (chosen == model_.end()) chosen = model_.begin();
    log(Disarmed{chosen->first});
    EXPECT_FALSE(wheel_->disarm(chosen->first));
    model_.erase(chosen);
  }
  void pass(Millis time) {
    now_ += time;
    wheel_->turn_to(now_);
    if (random_() % 2 == 0) answer_all_loads();
    fire(1 + random_() % 100);
  }
  void fire(std::size_t max) {
    const auto due = wheel_->take_due(now_, max);
    auto expected = model_.begin();
    for (const Timer& timer : due.timers) {
      ASSERT_NE(expected, model_.end());
      ASSERT_EQ(timer.key, expected->first);   // in order, none left out
      ASSERT_EQ(timer.tag, expected->second);
      ASSERT_LE(timer.key.due, now_);          // never early
      expected = model_.erase(expected);
    }
    if (due.timers.size() < max && !wheel_->is_late(now_) && expected != model_.end()) {
      ASSERT_GT(expected->first.due, now_);   // nor later than it must
    }
    if (due.timers.empty()) return;
    log(Fired{due.timers, due.up_to});
  }
  void freeze() {
    if (frozen_) write();
    frozen_ = wheel_->freeze();
    frozen_log_ = log_.size();
  }
  void write() {
    if (!frozen_) return;
    storage_.take(*frozen_);
    frozen_.reset();
    wheel_->written();
    log_.erase(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(frozen_log_));
  }
  void answer_one_load() {
    if (const auto range = wheel_->next_load()) {
      const std::uint64_t before = wheel_->armed();
      answer(*range);
      ASSERT_EQ(wheel_->armed(), before);
    }
  }
  void answer(const TimerWheel::ChunkRange& range) { ASSERT_TRUE(wheel_->loaded(range, storage_.read(range))); }
  void answer_all_loads() {
    for (int i = 0; i < 100'000; ++i) {
      if (wheel_->wants_freeze()) freeze(), write();
      const auto range = wheel_->next_load();
      if (!range) {
        if (!frozen_) return;
        write();
        continue;
      }
      answer(*range);
    }
    FAIL() << "loads never end";
  }
  /// What is in memory is gone, and a checkpoint that was not written.
  void crash() {
    const std::uint64_t digest = wheel_->digest();
    wheel_.emplace(settings_);
    frozen_.reset();
    storage_.load(*wheel_);
    for (const Event& event : log_) take(*wheel_, event);
    ASSERT_EQ(wheel_->digest(), digest);
    ASSERT_EQ(wheel_->armed(), model_.size());
    wheel_->turn_to(now_);
    ++crashes_;
  }
  /// To the end of all time: everything fires, by what next() says alone, and nothing stays in storage.
  void drain() {
    for (int i = 0; i < 1'000'000 && !model_.empty(); ++i) {
      answer_all_loads();
      const auto next = wheel_->next();
      ASSERT_TRUE(next) << model_.size() << " timers wait and the wheel does not say for when";
      now_ = std::max(now_, *next);
      wheel_->turn_to(now_);
      answer_all_loads();
      ASSERT_FALSE(wheel_->is_late(now_));
      fire(1000);
      // Everything that is due has fired, or the batch was full.
      if (::testing::Test::HasFailure()) return;
    }
    ASSERT_TRUE(model_.empty());
    // The watermark passes the last buckets only with a timer behind them.
    arm(now_ + std::chrono::days(366 * 40));
    for (int i = 0; i < 100 && !model_.empty(); ++i) {
      now_ += std::chrono::days(366 * 2);
      wheel_->turn_to(now_);
      answer_all_loads();
      fire(10);
    }
    freeze();
    write();
    ASSERT_TRUE(storage_.is_small()) << "what has fired is still stored";
  }

  std::mt19937_64 random_;
  const Spread spread_;
  const TimerWheel::Settings settings_;
  std::optional<TimerWheel> wheel_;
  Storage storage_;
  std::vector<Event> log_;                 ///< behind what is in storage
  std::optional<TimerWheel::Changes> frozen_;
  std::size_t frozen_log_ = 0;
  std::map<TimerKey, std::uint64_t> model_;
  Instant now_ = at(1'700'000'000'000);
  std::uint64_t next_id_ = 0;
  std::uint64_t operations_ = 0, crashes_ = 0;
};

TEST(TimerWheelModel, FiresEachTimerOnceInOrderNeverEarlyOverCrashes) {
  std::uint64_t operations = 0, crashes = 0;
  for (std::uint64_t seed = 1; seed <= 240; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed, static_cast<Spread>(seed % 4));
    model.run(5000);
    if (HasFailure()) return;
    operations += model.operations();
    crashes += model.crashes();
  }
  EXPECT_GT(operations, 2'000'000u);
  EXPECT_GT(crashes, 30'000u);
}

}  // namespace
}  // namespace takt::scheduler
