#include "broker/runtime/pins.h"

#include <algorithm>
#include <map>

#include "broker/core/bytes.h"
#include "broker/core/cold_rows.h"
#include "broker/core/index_rows.h"
#include "scheduler/id_set.h"

namespace takt::runtime {
namespace {

using store::StoreFailure;

StoreFailure corrupt(std::string what) { return {StoreFailure::Kind::kCorrupt, std::move(what)}; }

std::uint64_t container_of(Position position) { return position.value / scheduler::IdSet::container_ids; }
std::string container_key(std::uint64_t index) { return core::ByteWriter().key(index).take(); }

/// The containers that are touched, read when they are. One that is damaged counts as full.
class PinnedSet {
 public:
  explicit PinnedSet(const store::Tables& tables) : tables_(tables) {}

  Result<void, StoreFailure> pin(Position position) {
    if (auto there = need(position); !there) return there;
    ids_.add(position.value);
    return {};
  }
  Result<void, StoreFailure> unpin(Position position) {
    if (auto there = need(position); !there) return there;
    ids_.remove(position.value);
    return {};
  }
  Result<bool, StoreFailure> is_pinned(Position position) {
    if (auto there = need(position); !there) return failed(std::move(there.error()));
    return ids_.contains(position.value);
  }
  void take_rows(std::vector<core::RowChange>& into) {
    for (auto& row : ids_.take_changes()) into.push_back({core::Table::kPinned, container_key(row.index), std::move(row.value)});
  }
  const std::optional<StoreFailure>& damage() const { return damage_; }

 private:
  Result<void, StoreFailure> need(Position position) {
    const std::uint64_t index = container_of(position);
    if (index == std::exchange(last_, index) || !read_.insert(index).second) return {};
    auto row = tables_.get(core::Table::kPinned, container_key(index));
    if (!row && row.error().kind != StoreFailure::Kind::kCorrupt) return failed(std::move(row.error()));
    if (row && (!*row || ids_.load(index, **row))) return {};
    damage_ = row ? corrupt("a row of the pinned messages is malformed") : row.error();
    for (std::uint64_t i = 0; i < scheduler::IdSet::container_ids; ++i) ids_.add(index * scheduler::IdSet::container_ids + i);
    return {};
  }

  const store::Tables& tables_;
  scheduler::IdSet ids_;
  std::set<std::uint64_t> read_;
  std::uint64_t last_ = ~std::uint64_t{0};
  std::optional<StoreFailure> damage_;
};

/// The index rows of a lane from the one that may hold `first` on: the tables', then those that come with the checkpoint.
class IndexWalk {
 public:
  IndexWalk(const store::Tables& tables, const core::Checkpoint& checkpoint) : tables_(tables) {
    for (const core::RowChange& row : checkpoint.changed)
      if (row.table == core::Table::kIndex && row.value) fresh_.emplace(row.key, *row.value);
  }

  /// `visit(segment)` for what is known of the offsets of `run`.
  template <class Visit>
  Result<void, StoreFailure> each(const core::FiredRun& run, Visit&& visit) const {
    const std::string key = core::index_key(run.topic, run.lane, run.first);
    const std::string stop = core::index_key(run.topic, run.lane, run.first.plus(run.count));
    auto before = tables_.find_at_or_before(core::Table::kIndex, key);
    if (!before) return failed(std::move(before.error()));
    const std::string from = *before ? (*before)->key : key;
    std::optional<StoreFailure> failure;
    const auto take = [&](std::string_view row_key, std::string_view value) {
      if (row_key >= std::string_view(stop)) return false;
      if (auto done = visit_row(run, row_key, value, visit); !done) failure = std::move(done.error());
      return !failure;
    };
    if (auto scanned = tables_.scan(core::Table::kIndex, from, take); !scanned) return scanned;
    auto fresh = fresh_.upper_bound(key);
    if (fresh != fresh_.begin()) --fresh;
    for (; !failure && fresh != fresh_.end() && take(fresh->first, fresh->second); ++fresh) {}
    if (failure) return failed(std::move(*failure));
    return {};
  }

 private:
  template <class Visit>
  static Result<void, StoreFailure> visit_row(const core::FiredRun& run, std::string_view key, std::string_view value, Visit& visit) {
    const auto row = core::decode_index_row(key, value);
    if (!row) return failed(corrupt(row.error().what));
    if (row->topic != run.topic || row->lane != run.lane) return {};
    const Offset end = run.first.plus(run.count);
    for (const core::IndexSegment& segment : row->segments) {
      const Offset from = std::max(segment.first, run.first);
      const Offset until = std::min(segment.end(), end);
      if (from >= until) continue;
      const Position position = segment.position.plus(from.value - segment.first.value);
      if (auto done = visit(core::IndexSegment{from, position, until.value - from.value}); !done) return done;
    }
    return {};
  }

  const store::Tables& tables_;
  std::map<std::string, std::string, std::less<>> fresh_;
};

}  // namespace

Result<Pinned, StoreFailure> with_pins(core::Checkpoint checkpoint, Position front, const store::Tables& tables) {
  Pinned out{std::move(checkpoint), {}};
  if (const std::uint64_t passed = container_of(front); passed > 0)
    out.rows.erased.push_back({core::Table::kPinned, container_key(0), container_key(passed)});
  if (out.rows.scheduled.empty() && out.rows.cancelled.empty() && out.rows.owed_again.empty() && out.rows.released.empty()) return out;
  PinnedSet pins(tables);
  for (const core::ScheduledRun& run : out.rows.scheduled)
    for (std::uint64_t i = 0; i < run.count; ++i)
      if (auto pinned = pins.pin(run.first.plus(i)); !pinned) return failed(std::move(pinned.error()));

  const IndexWalk index(tables, out.rows);
  // An unreadable stretch of the index leaves its messages pinned.
  const auto each = [&](const core::FiredRun& run, const auto& visit) -> Result<void, StoreFailure> {
    auto walked = index.each(run, visit);
    if (walked || walked.error().kind != StoreFailure::Kind::kCorrupt) return walked;
    out.damage = std::move(walked.error());
    return {};
  };
  for (const core::FiredRun& run : out.rows.owed_again) {
    auto walked = each(run, [&](const core::IndexSegment& segment) -> Result<void, StoreFailure> {
      for (std::uint64_t i = 0; i < segment.count; ++i)
        if (auto done = pins.pin(segment.position.plus(i)); !done) return done;
      return {};
    });
    if (!walked) return failed(std::move(walked.error()));
  }
  std::map<TopicId, std::vector<core::ScheduledRun>> released;
  for (const core::CancelledMessage& message : out.rows.cancelled) {
    if (auto done = pins.unpin(message.position); !done) return failed(std::move(done.error()));
    released[message.topic].push_back({message.position, 1});
  }
  for (const core::FiredRun& run : out.rows.released) {
    auto walked = each(run, [&](const core::IndexSegment& segment) -> Result<void, StoreFailure> {
      for (std::uint64_t i = 0; i < segment.count; ++i)
        if (auto done = pins.unpin(segment.position.plus(i)); !done) return done;
      released[run.topic].push_back({segment.position, segment.count});
      return {};
    });
    if (!walked) return failed(std::move(walked.error()));
  }
  for (auto& [topic, runs] : released) {
    std::ranges::sort(runs, {}, &core::ScheduledRun::first);
    for (auto run = runs.begin(); run != runs.end();) {
      Position end = run->first;
      const Position first = run->first;
      for (; run != runs.end() && run->first == end; ++run) end = end.plus(run->count);
      out.rows.erased.push_back({core::Table::kCold, core::cold_key(topic, core::staged_lane, Offset(first.value)),
                                 core::cold_key(topic, core::staged_lane, Offset(end.value))});
    }
  }
  pins.take_rows(out.rows.changed);
  if (pins.damage()) out.damage = pins.damage();
  return out;
}

Result<std::vector<core::Partition::LiveStretch>, StoreFailure> pinned(const core::Partition::LiveStretch& stretch,
                                                                       const store::Tables& tables) {
  std::vector<core::Partition::LiveStretch> live;
  PinnedSet pins(tables);
  for (std::uint32_t i = 0; i < stretch.count; ++i) {
    const Position position = stretch.first_position.plus(i);
    const auto is_pinned = pins.is_pinned(position);
    if (!is_pinned) return failed(is_pinned.error());
    if (!*is_pinned) continue;
    if (!live.empty() && live.back().first_position.plus(live.back().count) == position)
      ++live.back().count;
    else
      live.push_back({stretch.topic, stretch.lane, Offset(position.value), position, 1});
  }
  return live;
}

}  // namespace takt::runtime
