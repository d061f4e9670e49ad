#include "scheduler/timer_wheel.h"

#include <algorithm>
#include <utility>

namespace takt::scheduler {
namespace {

constexpr std::size_t state_words = 3 + BucketId::levels;
constexpr Millis lead_min = std::chrono::seconds(2);

/// How long before its start a bucket opens: long enough to read or drain it.
Millis lead(std::uint8_t level) { return std::max(lead_min, BucketId::span(level) / 16); }

std::uint64_t number(TimerId id) { return static_cast<std::uint64_t>(id); }

std::uint64_t mixed(std::uint64_t value) {   // the finalizer of MurmurHash3
  value = (value ^ (value >> 33)) * 0xff51'afd7'ed55'8ccd;
  value = (value ^ (value >> 33)) * 0xc4ce'b9fe'1a85'ec53;
  return value ^ (value >> 33);
}
std::uint64_t hash_of(const TimerKey& key) {
  return mixed(mixed(static_cast<std::uint64_t>(key.id)) + static_cast<std::uint64_t>(key.due.time_since_epoch().count()));
}

template <std::size_t N>
std::string encode(const std::array<std::uint64_t, N>& words) {
  std::string value;
  for (const std::uint64_t word : words)
    for (unsigned shift = 0; shift < 64; shift += 8) value.push_back(static_cast<char>(word >> shift));
  return value;
}
template <std::size_t N>
std::optional<std::array<std::uint64_t, N>> decode(std::string_view value) {
  if (value.size() != N * 8) return std::nullopt;
  std::array<std::uint64_t, N> words{};
  for (std::size_t i = 0; i < value.size(); ++i) words[i / 8] |= std::uint64_t{static_cast<unsigned char>(value[i])} << (8 * (i % 8));
  return words;
}

}  // namespace

// ---- the fold

void TimerWheel::arm(const Timer& timer) {
  armed_.add(number(timer.key.id));
  sum_ += hash_of(timer.key);
  push(timer);
}

bool TimerWheel::disarm(const TimerKey& key) {
  if (!armed_.remove(number(key.id))) return false;
  sum_ -= hash_of(key);
  return true;
}

void TimerWheel::fire(std::span<const Timer> fired, const TimerKey& up_to) {
  for (const Timer& timer : fired) {
    armed_.remove(number(timer.key.id));
    sum_ -= hash_of(timer.key);
  }
  fired_to_ = up_to;
  for (const Timer* next = head(); next != nullptr && next->key <= fired_to_; next = head()) drop_head();
}

std::uint64_t TimerWheel::digest() const { return mixed(sum_ + mixed(armed_.size())) + mixed(hash_of(fired_to_)); }

// ---- time

/// The earliest instant of what is not in memory though its bucket is open: nothing from there on may fire.
Instant TimerWheel::barrier() const { return waiting_.empty() ? instant_max : waiting_.begin()->first; }

const Timer* TimerWheel::head() const {
  const Timer* first = fresh_.empty() ? nullptr : &fresh_.front();
  for (const Sorted& sorted : sorted_)
    if (first == nullptr || sorted.timers[sorted.at].key < first->key) first = &sorted.timers[sorted.at];
  return first;
}

void TimerWheel::drop_head() {
  const Timer* const first = head();
  if (!fresh_.empty() && first == &fresh_.front()) {
    std::ranges::pop_heap(fresh_, Later());
    fresh_.pop_back();
    return;
  }
  const auto from = std::ranges::find_if(sorted_, [&](const Sorted& sorted) { return first == &sorted.timers[sorted.at]; });
  if (++from->at == from->timers.size()) sorted_.erase(from);
}

void TimerWheel::push(const Timer& timer) {
  fresh_.push_back(timer);
  std::ranges::push_heap(fresh_, Later());
}

/// Merged with those before that are not much larger: so there are few to look at, and each timer is copied a few times.
void TimerWheel::add_sorted(std::vector<Timer> timers) {
  if (timers.empty()) return;
  std::ranges::sort(timers, {}, &Timer::key);
  while (!sorted_.empty() && sorted_.back().left() < 2 * timers.size()) {
    const Sorted& last = sorted_.back();
    std::vector<Timer> merged;
    merged.reserve(last.left() + timers.size());
    std::ranges::merge(std::span(last.timers).subspan(last.at), timers, std::back_inserter(merged), {}, &Timer::key, &Timer::key);
    timers = std::move(merged);
    sorted_.pop_back();
  }
  sorted_.push_back({std::move(timers), 0});
}

TimerWheel::Due TimerWheel::take_due(Instant now, std::size_t max) {
  Due due{{}, fired_to_};
  const Instant limit = std::min(now, barrier() - Millis(1));
  for (const Timer* next = head(); next != nullptr && next->key.due <= limit && due.timers.size() < max; next = head()) {
    // Twice in memory is what was written to a bucket that was open already.
    if (next->key > due.up_to && is_armed(next->key.id)) {
      due.timers.push_back(*next);
      due.up_to = next->key;
    }
    drop_head();
  }
  return due;
}

void TimerWheel::turn_to(Instant now) {
  turned_to_ = std::max({turned_to_, now, fired_to_.due});
  for (std::uint8_t level = BucketId::levels; level-- > 0;) {
    const std::uint64_t until = BucketId::of(level, turned_to_ + lead(level)).number + 1;
    if (until <= first_unopened_[level]) continue;
    const auto from = buckets_.lower_bound({level, first_unopened_[level]});
    first_unopened_[level] = until;
    for (auto at = from; at != buckets_.end() && at->first.level == level && at->first.number < until; ++at) open(at);
  }
}

void TimerWheel::open(Buckets::iterator bucket) {
  if (bucket->first.end() <= fired_to_.due || bucket->second.first == bucket->second.next) return;
  bucket->second.content = Bucket::Content::kWanted;
  waiting_.emplace(bucket->first.start(), bucket->first);
}

std::optional<Instant> TimerWheel::next() const {
  std::optional<Instant> next;
  const auto consider = [&](Instant at) { next = next ? std::min(*next, at) : at; };
  if (const Timer* first = head(); first != nullptr && first->key.due < barrier()) consider(first->key.due);
  for (std::uint8_t level = 0; level < BucketId::levels; ++level) {
    const auto bucket = buckets_.lower_bound({level, first_unopened_[level]});
    if (bucket != buckets_.end() && bucket->first.level == level) consider(bucket->first.start() - lead(level));
  }
  return next;
}

std::optional<Instant> TimerWheel::first_due() const {
  const Timer* const first = head();
  const Instant due = std::min(first == nullptr ? instant_max : first->key.due, barrier());
  return due == instant_max ? std::nullopt : std::optional(due);
}

bool TimerWheel::is_late(Instant now) const { return barrier() <= now; }

// ---- storage

/// The coarsest bucket that is not open yet; else the finest one, which is open and in memory.
BucketId TimerWheel::place_of(Instant due) const {
  for (std::uint8_t level = BucketId::levels; level-- > 0;)
    if (const BucketId bucket = BucketId::of(level, due); !is_open(bucket)) return bucket;
  return BucketId::of(0, due);
}

TimerWheel::Changes TimerWheel::freeze() {
  Changes changes;
  changes.erased = std::exchange(erased_, {});
  write_fresh(changes);
  drop_passed(changes);
  for (const BucketId id : changed_buckets_) {
    const auto found = buckets_.find(id);
    if (found == buckets_.end())
      changes.buckets.push_back({id, std::nullopt});
    else
      changes.buckets.push_back({id, encode<3>({found->second.timers, found->second.first, found->second.next})});
  }
  changed_buckets_.clear();
  changes.armed = armed_.take_changes();
  std::array<std::uint64_t, state_words> state{static_cast<std::uint64_t>(fired_to_.due.time_since_epoch().count()),
                                               static_cast<std::uint64_t>(fired_to_.id), sum_};
  std::ranges::copy(first_unopened_, state.begin() + 3);
  changes.state = encode(state);
  return changes;
}

/// What came since the last freeze goes to its buckets. In memory stays what belongs to an open bucket, or one that opens soon.
void TimerWheel::write_fresh(Changes& changes) {
  std::map<BucketId, std::vector<Timer>> placed;
  std::vector<Timer> kept;
  for (const Timer& timer : fresh_) {
    if (timer.key <= fired_to_ || !is_armed(timer.key.id)) continue;
    const BucketId bucket = place_of(timer.key.due);
    placed[bucket].push_back(timer);
    if (is_open(bucket) || bucket.start() - lead(bucket.level) <= turned_to_ + settings_.kept) kept.push_back(timer);
  }
  fresh_.clear();
  if (fresh_.capacity() > 2 * settings_.unwritten_max) fresh_.shrink_to_fit();
  for (auto& [id, timers] : placed) write_chunks(id, timers, changes);
  add_sorted(std::move(kept));
}

void TimerWheel::write_chunks(BucketId id, std::vector<Timer>& timers, Changes& changes) {
  std::ranges::sort(timers, {}, [](const Timer& timer) { return timer.key.id; });
  Bucket& bucket = buckets_[id];
  bucket.timers += timers.size();
  bucket.is_frozen = true;
  frozen_.push_back(id);
  changed_buckets_.insert(id);
  ChunkWriter writer(id, settings_.chunk_bytes_max);
  const auto flush = [&] { changes.chunks.push_back({id, bucket.next++, std::exchange(writer, {id, settings_.chunk_bytes_max}).take()}); };
  for (const Timer& timer : timers) {
    if (writer.add(timer)) continue;
    flush();
    writer.add(timer);
  }
  flush();
}

/// Buckets that lie before the watermark are of no use to anybody.
void TimerWheel::drop_passed(Changes& changes) {
  for (std::uint8_t level = 0; level < BucketId::levels; ++level) {
    for (auto at = buckets_.lower_bound({level, 0}); at != buckets_.end() && at->first.level == level && is_open(at->first);) {
      if (at->first.end() > fired_to_.due || at->second.content != Bucket::Content::kStored) {
        ++at;
        continue;
      }
      if (at->second.first < at->second.next) changes.erased.push_back({at->first, at->second.first, at->second.next});
      changed_buckets_.insert(at->first);
      at = buckets_.erase(at);
    }
  }
}

void TimerWheel::written() {
  for (const BucketId id : frozen_)
    if (const auto found = buckets_.find(id); found != buckets_.end()) found->second.is_frozen = false;
  frozen_.clear();
}

/// Too large to be read at once, and there are finer buckets.
bool TimerWheel::drains(BucketId id, const Bucket& bucket) const { return id.level > 0 && bucket.timers > settings_.load_timers_max; }

std::optional<TimerWheel::ChunkRange> TimerWheel::next_load() {
  for (const auto& [start, id] : waiting_) {
    Bucket& bucket = buckets_.at(id);
    if (bucket.content != Bucket::Content::kWanted || bucket.is_frozen) continue;
    const bool is_drained = drains(id, bucket);
    if (is_drained && wants_freeze()) continue;
    bucket.content = Bucket::Content::kLoading;
    bucket.asked_until = is_drained ? std::min(bucket.next, bucket.first + settings_.drain_chunks) : bucket.next;
    return ChunkRange{id, bucket.first, bucket.asked_until};
  }
  return std::nullopt;
}

bool TimerWheel::awaits(const ChunkRange& range) const {
  const auto bucket = buckets_.find(range.bucket);
  return bucket != buckets_.end() && bucket->second.content == Bucket::Content::kLoading && bucket->second.first == range.from &&
         bucket->second.asked_until == range.until;
}

bool TimerWheel::loaded(const ChunkRange& range, std::span<const std::string> chunks) {
  if (!awaits(range)) return true;
  const auto found = buckets_.find(range.bucket);
  Bucket& bucket = found->second;
  std::vector<Timer> timers;
  if (chunks.size() != range.until - range.from) return false;
  for (const std::string& chunk : chunks)
    if (!read_chunk(range.bucket, chunk, timers)) return false;
  const std::size_t stored = timers.size();
  std::erase_if(timers, [&](const Timer& timer) { return timer.key <= fired_to_ || !is_armed(timer.key.id); });

  if (!drains(range.bucket, bucket)) {
    bucket.content = Bucket::Content::kStored;
    waiting_.erase({range.bucket.start(), range.bucket});
    add_sorted(std::move(timers));
    return true;
  }
  // Drained: what was read lives in memory from here on, and its chunks go with the checkpoint that writes it elsewhere.
  for (const Timer& timer : timers) push(timer);
  bucket.timers -= std::min<std::uint64_t>(bucket.timers, stored);
  bucket.first = range.until;
  bucket.content = Bucket::Content::kWanted;
  erased_.push_back(range);
  changed_buckets_.insert(range.bucket);
  if (bucket.first == bucket.next) {
    waiting_.erase({range.bucket.start(), range.bucket});
    buckets_.erase(found);
  }
  return true;
}

// ---- a start

bool TimerWheel::load_bucket(BucketId bucket, std::string_view value) {
  const auto words = decode<3>(value);
  if (!words || bucket.level >= BucketId::levels || (*words)[1] > (*words)[2]) return false;
  const auto [at, is_new] = buckets_.emplace(bucket, Bucket{.timers = (*words)[0], .first = (*words)[1], .next = (*words)[2]});
  if (is_new && is_open(bucket)) open(at);
  return is_new;
}

bool TimerWheel::load_state(std::string_view value) {
  const auto words = decode<state_words>(value);
  if (!words || (*words)[0] > static_cast<std::uint64_t>(instant_max.time_since_epoch().count())) return false;
  fired_to_ = {Instant(Millis(static_cast<std::int64_t>((*words)[0]))), TimerId((*words)[1])};
  sum_ = (*words)[2];
  std::copy(words->begin() + 3, words->end(), first_unopened_.begin());
  for (auto at = buckets_.begin(); at != buckets_.end(); ++at)
    if (is_open(at->first)) open(at);
  return true;
}

std::size_t TimerWheel::bytes() const {
  constexpr std::size_t node_bytes = 48;
  std::size_t bytes = armed_.bytes() + fresh_.capacity() * sizeof(Timer) + buckets_.size() * (sizeof(Buckets::value_type) + node_bytes);
  for (const Sorted& sorted : sorted_) bytes += sorted.timers.capacity() * sizeof(Timer);
  return bytes;
}

}  // namespace takt::scheduler
