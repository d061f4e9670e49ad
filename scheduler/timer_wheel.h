#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "scheduler/id_set.h"
#include "scheduler/wheel_chunk.h"

namespace takt::scheduler {

/// A durable hierarchical timer wheel: timers without a horizon, of which each fires once, in the order of (due, id), never
/// early. Pending ones lie in storage, in buckets of 16 ms to 35 years; memory holds what is due soon and what came since the
/// last checkpoint. README.md walks through an example. After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels"
/// (1987); that small buckets are loaded and only large ones cascade is ours.
///
/// The owner keeps a log. arm(), disarm() and fire() are what it holds, and make the same state wherever it is replayed;
/// `fired_to` is the watermark: every timer up to it has fired or was disarmed, every armed timer lies behind it. All other
/// calls concern memory and storage and change nothing of that.
///
/// Pure: no clock, thread or file. Storage is the owner's: freeze() says what to write, all or none of it, and next_load()
/// what to read. Thread: its owner's.
class TimerWheel {
 public:
  struct Settings {
    /// A bucket with more timers is drained into finer ones, one with fewer is read into memory when it opens.
    std::size_t load_timers_max = 65'536;
    /// Timers that came, or were drained, since the last freeze(): above it wants_freeze().
    std::size_t unwritten_max = 65'536;
    std::size_t chunk_bytes_max = 4072;
    std::uint64_t drain_chunks = 64;         ///< read at once from a bucket that is drained
    Millis kept = std::chrono::seconds(10);  ///< a timer whose bucket opens so soon stays in memory too: a checkpoint takes time
  };
  TimerWheel() = default;
  explicit TimerWheel(const Settings& settings) : settings_(settings) {}

  // ---- the fold

  /// `timer.key` lies behind fired_to(), and its id above all that were armed.
  void arm(const Timer& timer);
  /// False: it has fired or was disarmed. `key` is what it was armed with.
  bool disarm(const TimerKey& key);
  /// `fired` are armed and in order, behind fired_to() and up to `up_to`, and there are no other armed ones up to it.
  void fire(std::span<const Timer> fired, const TimerKey& up_to);

  bool is_armed(TimerId id) const { return armed_.contains(static_cast<std::uint64_t>(id)); }
  std::uint64_t armed() const { return armed_.size(); }
  TimerKey fired_to() const { return fired_to_; }
  /// The same wherever the same calls were made.
  std::uint64_t digest() const;

  // ---- time: the leader's

  struct Due {
    std::vector<Timer> timers;
    TimerKey up_to;
  };
  /// Takes out what is due by `now`, in order, at most `max`. fire() must follow before the next call. What lies behind a
  /// bucket that is not in memory yet has to wait for it.
  Due take_due(Instant now, std::size_t max);
  /// Opens the buckets whose time comes. Call it before take_due(), with the same `now`.
  void turn_to(Instant now);
  /// When turn_to() or take_due() have something to do; none: nothing is armed, or all that is due waits for loaded().
  std::optional<Instant> next() const;
  /// No armed timer of an open bucket is due before; where such a bucket is not in memory, its start. None: nothing is near.
  std::optional<Instant> first_due() const;

  // ---- storage

  struct Chunk {
    BucketId bucket;
    std::uint64_t sequence = 0;
    std::string value;
  };
  struct ChunkRange {
    BucketId bucket;
    std::uint64_t from = 0;                  ///< sequences
    std::uint64_t until = 0;
    friend bool operator==(const ChunkRange&, const ChunkRange&) = default;
  };
  struct BucketRow {
    BucketId bucket;
    std::optional<std::string> value;        ///< none: the row goes
  };
  struct Changes {
    std::vector<ChunkRange> erased;
    std::vector<Chunk> chunks;
    std::vector<BucketRow> buckets;
    std::vector<IdSet::Row> armed;
    std::string state;                       ///< one row
  };
  /// What brings the storage from the last freeze to now. One at a time: written() before the next.
  Changes freeze();
  void written();
  /// Much has come since the last freeze, and memory is bounded by making one.
  bool wants_freeze() const { return fresh_.size() >= settings_.unwritten_max; }
  /// Freezes do not keep pace with what comes: arm no more while one is being written, or memory grows without a bound.
  bool is_behind() const { return fresh_.size() >= 8 * settings_.unwritten_max; }

  /// The next chunks to read, each of them once; none: nothing until the wheel is turned, written() or loaded(). Each range is
  /// answered by loaded(), in any order.
  std::optional<ChunkRange> next_load();
  /// Whether `range` was asked for and not answered: an answer may come late, to a wheel that has been read anew.
  bool awaits(const ChunkRange& range) const;
  /// `chunks` are the values of `range`, in order; nothing happens when they are not awaited. False: they are damaged, and nothing
  /// was taken in.
  [[nodiscard]] bool loaded(const ChunkRange& range, std::span<const std::string> chunks);

  /// A start takes in all rows of storage, then what the log holds behind them. False: the row is damaged.
  [[nodiscard]] bool load_bucket(BucketId bucket, std::string_view value);
  [[nodiscard]] bool load_armed(std::uint64_t index, std::string_view value) { return armed_.load(index, value); }
  [[nodiscard]] bool load_state(std::string_view value);

  /// Of memory, about.
  std::size_t bytes() const;
  /// Timers that are due by `now` behind a bucket that is not in memory: it should have been.
  bool is_late(Instant now) const;

 private:
  struct Bucket {
    std::uint64_t timers = 0;                ///< in storage, disarmed ones too
    std::uint64_t first = 0, next = 0;       ///< sequences of its chunks
    bool is_frozen = false;                  ///< some of them are in a checkpoint that is being written
    enum class Content {
      kStored,      ///< not opened yet, or nothing of it need be read
      kWanted,      ///< opened: to be read
      kLoading,     ///< asked for
    } content = Content::kStored;
    std::uint64_t asked_until = 0;           ///< of kLoading
  };
  using Buckets = std::map<BucketId, Bucket>;

  struct Later {
    bool operator()(const Timer& a, const Timer& b) const { return a.key > b.key; }
  };
  /// Timers that are in storage too: taken from the front.
  struct Sorted {
    std::vector<Timer> timers;
    std::size_t at = 0;
    std::size_t left() const { return timers.size() - at; }
  };

  BucketId place_of(Instant due) const;
  bool is_open(BucketId bucket) const { return bucket.number < first_unopened_[bucket.level]; }
  bool drains(BucketId id, const Bucket& bucket) const;
  Instant barrier() const;
  const Timer* head() const;
  void drop_head();
  void push(const Timer& timer);
  void add_sorted(std::vector<Timer> timers);
  void open(Buckets::iterator bucket);
  void write_fresh(Changes& changes);
  void write_chunks(BucketId id, std::vector<Timer>& timers, Changes& changes);
  void drop_passed(Changes& changes);

  Settings settings_;

  // The fold.
  IdSet armed_;
  TimerKey fired_to_;
  std::uint64_t sum_ = 0;                    ///< of the armed timers' hashes

  // Storage.
  std::array<std::uint64_t, BucketId::levels> first_unopened_{};
  Buckets buckets_;
  std::set<BucketId> changed_buckets_;
  std::vector<ChunkRange> erased_;
  std::vector<BucketId> frozen_;             ///< have chunks in the checkpoint that is being written

  // Memory.
  std::vector<Timer> fresh_;                 ///< came since the last freeze: a heap
  std::vector<Sorted> sorted_;               ///< each has twice as many left as the next, or it had when that came
  std::set<std::pair<Instant, BucketId>> waiting_;   ///< wanted or loading, by start
  Instant turned_to_{};
};

}  // namespace takt::scheduler
