#include "broker/runtime/block_reader.h"

#include <algorithm>
#include <utility>

#include "broker/core/bytes.h"
#include "broker/core/cold_rows.h"
#include "broker/core/index_rows.h"

namespace takt::runtime {
namespace {

using store::StoreFailure;

constexpr std::size_t block_overhead_bytes = 256;
// Of segments that are read ahead: how many messages each has at most, how many there are at least and at most.
constexpr std::uint64_t scattered_messages_max = 64;
constexpr std::size_t scattered_min = 4;
constexpr std::size_t scattered_max = 16'384;
constexpr std::size_t ahead_bytes_factor = 4;   // of bytes_max, which large messages among small ones may exceed

StoreFailure corrupt(std::string what) { return {StoreFailure::Kind::kCorrupt, std::move(what)}; }

/// The least n in [1, most) with `is_good(n)`, or `most`. What is bad is taken to be one stretch from 0 on.
template <class IsGood>
std::uint64_t first_good(std::uint64_t most, const IsGood& is_good) {
  std::uint64_t bad = 0;
  std::uint64_t good = 1;
  while (good < most && !is_good(good)) {
    bad = good;
    good = std::min(good * 2, most);
  }
  while (bad + 1 < good) {
    const std::uint64_t middle = bad + (good - bad) / 2;
    (is_good(middle) ? good : bad) = middle;
  }
  return good;
}

/// `count` messages in copies of their bytes.
core::BlockPtr make_block(TopicId topic, Lane lane, Offset offset, Position position, std::uint32_t count,
                          std::span<const proto::SectionSlice> slices) {
  auto memory = std::make_shared<proto::Sections>(proto::gather(slices));
  auto block = std::make_shared<core::Block>();
  block->topic = topic;
  block->lane = lane;
  block->first_offset = offset;
  block->first_position = position;
  block->count = count;
  block->parts.push_back({0, proto::SectionView(memory->metadata, memory->payload, count)});
  block->bytes = block_overhead_bytes + memory->metadata.size() + memory->payload.size();
  block->memory = {memory, memory->metadata};
  return block;
}

/// Gathers neighbouring messages into blocks that own their bytes.
class Gatherer {
 public:
  Gatherer(TopicId topic, Lane lane) : topic_(topic), lane_(lane) {}

  void add(const proto::SectionView& from, std::uint32_t first, std::uint32_t count, Offset offset, Position position) {
    if (count_ > 0 && (first_offset_.plus(count_) != offset || first_position_.plus(count_) != position)) close();
    if (count_ == 0) {
      first_offset_ = offset;
      first_position_ = position;
    }
    slices_.push_back({from, first, count});
    count_ += count;
    bytes_ += from.bytes(first, count);
  }
  /// The slices' bytes may go afterwards.
  void close() {
    if (count_ == 0) return;
    blocks_.push_back(make_block(topic_, lane_, first_offset_, first_position_, count_, slices_));
    slices_.clear();
    count_ = 0;
  }
  void add(core::BlockPtr block) {
    close();
    bytes_ += block->bytes - block_overhead_bytes;
    blocks_.push_back(std::move(block));
  }
  std::size_t bytes() const { return bytes_; }
  std::vector<core::BlockPtr> take() {
    close();
    return std::move(blocks_);
  }

 private:
  const TopicId topic_;
  const Lane lane_;
  std::vector<proto::SectionSlice> slices_;
  Offset first_offset_;
  Position first_position_;
  std::uint32_t count_ = 0;
  std::size_t bytes_ = 0;
  std::vector<core::BlockPtr> blocks_;
};

core::IndexSegment from(const core::IndexSegment& segment, Offset offset) {
  const std::uint64_t skipped = offset.value - segment.first.value;
  return {offset, segment.position.plus(skipped), segment.count - skipped};
}

class Reading {
 public:
  Reading(const store::Log& log, const store::Tables& tables, const core::PartitionUuid& partition, const core::LoadBlocks& request)
      : log_(log),
        tables_(tables),
        partition_(partition),
        request_(request),
        cursor_(request.from),
        gatherer_(request.topic, request.lane) {}

  Result<BlocksRead, StoreFailure> run() {
    for (;;) {
      take_ahead();
      if (cursor_ > request_.from && (gatherer_.bytes() >= request_.bytes_max || !is_known(cursor_))) break;
      auto place = look_up(cursor_);
      if (!place) return failed(std::move(place.error()));
      if (*place && (*place)->first == cursor_ && (*place)->count <= scattered_messages_max && cursor_ >= ahead_until_) {
        read_ahead((*place)->position);
        if (!ahead_.empty() && ahead_.back()->first_offset == cursor_) continue;
      }
      const Offset before = cursor_;
      auto read = *place && (*place)->first == cursor_ ? from_anywhere(**place) : from_cold(*place ? (*place)->first : cursor_.plus(1));
      if (!read) return failed(std::move(read.error()));
      if (cursor_ == before) break;
    }
    if (cursor_ == request_.from) cursor_ = cursor_.plus(1);   // in no place at all: gone
    return BlocksRead{{request_.topic, request_.lane, request_.from, cursor_, gatherer_.take(), std::move(unreadable_)},
                      std::move(damage_)};
  }

 private:
  struct Opened {
    core::Commit commit;
    core::CommitView view;
  };

  /// Where `offset` and what follows it stand, or else the next offset of which that is known; memory knows the newest.
  Result<std::optional<core::IndexSegment>, StoreFailure> look_up(Offset offset) {
    if (const auto found = find_in(request_.located, offset)) return found;
    if (const auto found = find_in(row_.segments, offset); found && found->first == offset) return found;
    const std::string key = core::index_key(request_.topic, request_.lane, offset);
    auto row = tables_.find_at_or_before(core::Table::kIndex, key);
    if (!row) return failed(std::move(row.error()));
    if (*row) {
      if (auto taken = take_row((*row)->key, (*row)->value); !taken) return failed(std::move(taken.error()));
      if (const auto found = find_in(row_.segments, offset)) return found;
    }
    std::optional<StoreFailure> failure;
    auto scanned = tables_.scan(core::Table::kIndex, key, [&](std::string_view next_key, std::string_view value) {
      if (auto taken = take_row(next_key, value); !taken) failure = std::move(taken.error());
      return false;
    });
    if (!scanned) return failed(std::move(scanned.error()));
    if (failure) return failed(std::move(*failure));
    return find_in(row_.segments, offset);
  }
  bool is_known(Offset offset) {
    const auto place = look_up(offset);
    return place && *place;
  }
  static std::optional<core::IndexSegment> find_in(const std::vector<core::IndexSegment>& segments, Offset offset) {
    const auto it = std::ranges::upper_bound(segments, offset, {}, [](const core::IndexSegment& segment) { return segment.end(); });
    if (it == segments.end()) return std::nullopt;
    return it->first <= offset ? from(*it, offset) : *it;
  }
  /// Of another topic or lane it counts as empty.
  Result<void, StoreFailure> take_row(std::string_view key, std::string_view value) {
    auto decoded = core::decode_index_row(key, value);
    if (!decoded) return failed(corrupt(decoded.error().what));
    row_ = decoded->topic == request_.topic && decoded->lane == request_.lane ? std::move(*decoded) : core::IndexRow();
    return {};
  }

  Result<void, StoreFailure> from_anywhere(const core::IndexSegment& segment) {
    const Offset before = cursor_;
    const Position front = log_.bounds().first;
    if (segment.position >= front)
      if (auto read = from_log(segment); !read || cursor_ > before) return read;
    // Known to the index and not in the log (any more: the front may have been freed a moment ago): carried, or gone.
    const std::uint64_t before_front = front > segment.position ? front.value - segment.position.value : 1;
    const std::uint64_t n = std::min(segment.count, before_front);
    const auto staged = first_staged({segment.first, segment.position, n});
    if (!staged) return failed(staged.error());
    if (*staged == segment.first) return from_staged(segment.position);
    return from_cold(*staged);
  }

  /// The commit that holds `position`, its sections unchecked; null when the log does not reach there.
  Result<const Opened*, StoreFailure> open_commit(Position position) {
    if (opened_ && opened_->commit.first <= position && position < opened_->commit.end) return &*opened_;
    gatherer_.close();   // the commit's bytes go
    opened_.reset();
    auto commits = log_.read(position, 1);
    if (!commits) return failed(std::move(commits.error()));
    if (commits->empty()) return nullptr;
    core::Commit& commit = commits->front();
    auto view = core::CommitView::parse(commit.value.bytes, partition_, core::CommitView::Sections::kTrust);
    if (!view) return failed(corrupt(at_commit(commit) + view.error().what));
    if (position < commit.first || position >= commit.end) return nullptr;
    opened_.emplace(Opened{std::move(commit), std::move(*view)});
    return &*opened_;
  }

  // Messages that fired stand here and there. Read one after the other, each would open a commit and check it, for itself alone.

  /// Copies of small segments from the cursor on, into ahead_: each commit is opened once, in the order of the log, not of
  /// offsets. What is damaged or gone is left out, and found so at its turn.
  void read_ahead(Position first) {
    std::vector<core::IndexSegment> scattered = scattered_from_cursor(messages_that_fit(first));
    if (scattered.size() < scattered_min) return;
    ahead_bytes_ = 0;
    std::ranges::sort(scattered, {}, &core::IndexSegment::position);
    for (std::span<const core::IndexSegment> left = scattered; !left.empty();) {
      std::size_t taken = 1;
      const auto scanned = log_.scan(left.front().position, 1, [&](const core::CommitView& view, std::size_t) {
        const auto in_commit = std::ranges::lower_bound(left, view.end(), {}, &core::IndexSegment::position);
        taken = std::max<std::size_t>(taken, static_cast<std::size_t>(in_commit - left.begin()));
        copy_ahead(view, left.first(taken));
        return false;
      });
      if (!scanned) break;
      left = left.subspan(taken);
    }
    std::ranges::sort(ahead_, std::ranges::greater(), &core::Block::first_offset);
  }
  /// About so many are in bytes_max, by the mean of the commit at `position`.
  std::uint64_t messages_that_fit(Position position) const {
    std::uint64_t fit = 1;
    (void)log_.scan(position, 1, [&](const core::CommitView& view, std::size_t bytes) {
      fit = std::max<std::uint64_t>(request_.bytes_max / std::max<std::uint64_t>(bytes / view.header.count, 1), 1);
      return false;
    });
    return fit;
  }
  std::vector<core::IndexSegment> scattered_from_cursor(std::uint64_t messages_max) {
    std::vector<core::IndexSegment> scattered;
    std::uint64_t messages = 0;
    for (ahead_until_ = cursor_; messages < messages_max && scattered.size() < scattered_max;) {
      const auto place = look_up(ahead_until_);
      if (!place || !*place || (*place)->first != ahead_until_ || (*place)->count > scattered_messages_max) break;
      scattered.push_back(**place);
      messages += (*place)->count;
      ahead_until_ = (*place)->end();
    }
    return scattered;
  }
  /// `segments` begin in `view`, or before the log.
  void copy_ahead(const core::CommitView& view, std::span<const core::IndexSegment> segments) {
    std::size_t checked = view.runs.size();
    bool is_good = false;
    for (const core::IndexSegment& segment : segments) {
      const auto behind = std::ranges::upper_bound(view.runs, segment.position, {}, &core::RunView::first_position);
      if (behind == view.runs.begin()) continue;
      const core::RunView& run = *std::prev(behind);
      const auto index = static_cast<std::size_t>(std::prev(behind) - view.runs.begin());
      if (run.run_class == proto::RunClass::kControl || run.topic != request_.topic || run.lane != request_.lane) continue;
      if (std::exchange(checked, index) != index) is_good = view.check_sections(index).has_value();
      if (!is_good || ahead_bytes_ >= ahead_bytes_factor * request_.bytes_max) continue;
      const auto skipped = static_cast<std::uint32_t>(segment.position.value - run.first_position.value);
      const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(segment.count, run.count - skipped));
      const proto::SectionSlice slice{proto::SectionView(run.metadata, run.payload, run.count), skipped, count};
      ahead_.push_back(make_block(request_.topic, request_.lane, segment.first, segment.position, count, {&slice, 1}));
      ahead_bytes_ += ahead_.back()->bytes;
    }
  }
  void take_ahead() {
    while (!ahead_.empty() && ahead_.back()->first_offset < cursor_) ahead_.pop_back();
    while (!ahead_.empty() && ahead_.back()->first_offset == cursor_ && gatherer_.bytes() < request_.bytes_max) {
      cursor_ = ahead_.back()->end();
      gatherer_.add(std::move(ahead_.back()));
      ahead_.pop_back();
    }
  }

  /// What of `segment` stands in the commit of its first position. A commit that is damaged as a whole is passed over, up to
  /// where the log can be read again or nobody knows which message stands there.
  Result<void, StoreFailure> from_log(const core::IndexSegment& segment) {
    auto opened = open_commit(segment.position);
    if (!opened) {
      if (opened.error().kind != StoreFailure::Kind::kCorrupt) return failed(std::move(opened.error()));
      const std::uint64_t n =
          first_good(segment.count, [&](std::uint64_t ahead) { return open_commit(segment.position.plus(ahead)).has_value(); });
      pass_over(cursor_.plus(n), opened.error().message);
      return {};
    }
    if (*opened == nullptr) return {};   // freed since the bounds were read
    const auto& [commit, view] = **opened;
    Position position = segment.position;
    const Position end = position.plus(segment.count);
    for (std::size_t i = 0; i < view.runs.size() && position < end && gatherer_.bytes() < request_.bytes_max; ++i) {
      const core::RunView& run = view.runs[i];
      const Position run_end = run.first_position.plus(run.count);
      if (run_end <= position) continue;
      if (run.run_class == proto::RunClass::kControl || run.topic != request_.topic || run.lane != request_.lane) break;
      const auto skipped = static_cast<std::uint32_t>(position.value - run.first_position.value);
      const auto count = static_cast<std::uint32_t>(std::min(run_end, end).value - position.value);
      if (auto checked = view.check_sections(i); !checked)
        pass_over(cursor_.plus(count), at_commit(commit) + checked.error().what);
      else
        take(proto::SectionView(run.metadata, run.payload, run.count), skipped, count, position);
      position = position.plus(count);
    }
    return {};
  }

  void take(const proto::SectionView& from, std::uint32_t first, std::uint32_t count, Position position) {
    gatherer_.add(from, first, count, cursor_, position);
    cursor_ = cursor_.plus(count);
  }
  void take(const core::ColdMessage& message, Offset offset) {
    proto::SectionBuilder builder;
    builder.add(as_bytes(message.metadata), as_bytes(message.payload));
    const proto::Sections sections = builder.take();
    gatherer_.add(proto::SectionView(sections.metadata, sections.payload, 1), 0, 1, offset, message.position);
    gatherer_.close();
    cursor_ = offset.plus(1);
  }

  /// Of the messages of `segment`, the first that was carried while it waited for its due; the segment's end when none was.
  Result<Offset, StoreFailure> first_staged(const core::IndexSegment& segment) const {
    Offset first = segment.end();
    const std::string stop = core::cold_key(request_.topic, core::staged_lane, Offset(segment.position.value + segment.count));
    auto scanned = tables_.scan(core::Table::kCold, core::cold_key(request_.topic, core::staged_lane, Offset(segment.position.value)),
                                [&](std::string_view key, std::string_view) {
                                  if (const auto offset = core::cold_offset(key); offset && key < std::string_view(stop))
                                    first = segment.first.plus(offset->value - segment.position.value);
                                  return false;
                                });
    if (!scanned && scanned.error().kind != StoreFailure::Kind::kCorrupt) return failed(std::move(scanned.error()));
    if (scanned) return first;
    // What is damaged says so when it is read.
    return is_missing(core::staged_lane, Offset(segment.position.value)) ? segment.first.plus(1) : segment.first;
  }

  /// The message at the cursor, which was carried under its position.
  Result<void, StoreFailure> from_staged(Position position) {
    const Offset offset = cursor_;
    auto read = scan_cold(core::staged_lane, Offset(position.value), Offset(position.value + 1),
                          [&](const core::ColdMessage& message) { return take(message, offset), false; });
    if (!read && read.error().kind != StoreFailure::Kind::kCorrupt) return read;
    if (!read) pass_over(offset.plus(1), read.error().message);
    return {};
  }

  /// Carried messages from the cursor on and before `until`; what is not there below `until` is gone.
  Result<void, StoreFailure> from_cold(Offset until) {
    bool is_cut = false;
    auto read = scan_cold(request_.lane, cursor_, until, [&](const core::ColdMessage& message) {
      take(message, message.offset);
      is_cut = gatherer_.bytes() >= request_.bytes_max;
      return !is_cut;
    });
    if (!read && read.error().kind != StoreFailure::Kind::kCorrupt) return read;
    if (!read) {
      // What is damaged may lie behind: what is not there is gone.
      const Offset before = cursor_;
      while (cursor_ < until && is_missing(request_.lane, cursor_)) cursor_ = cursor_.plus(1);
      if (cursor_ > before || cursor_ >= until) return {};
      const std::uint64_t most = until.value - cursor_.value;
      const std::uint64_t n = first_good(most, [&](std::uint64_t ahead) { return begins_well(cursor_.plus(ahead)); });
      pass_over(cursor_.plus(n), read.error().message);
      return {};
    }
    if (!is_cut) cursor_ = std::max(cursor_, until);
    return {};
  }

  template <class Visit>
  Result<void, StoreFailure> scan_cold(Lane lane, Offset first, Offset until, Visit&& visit) const {
    core::ColdReader reader;
    std::optional<StoreFailure> failure;
    const std::string stop = core::cold_key(request_.topic, lane, until);
    auto scanned =
        tables_.scan(core::Table::kCold, core::cold_key(request_.topic, lane, first), [&](std::string_view key, std::string_view value) {
          if (key >= std::string_view(stop)) return false;
          auto message = reader.add(key, value);
          if (!message) failure = corrupt(message.error().what);
          return message && (!*message || visit(**message));
        });
    if (!scanned) return scanned;
    if (failure) return failed(std::move(*failure));
    return {};
  }

  bool is_missing(Lane lane, Offset offset) const {
    const auto row = tables_.get(core::Table::kCold, core::cold_key(request_.topic, lane, offset));
    return row && !*row;
  }
  /// Whether the first row of carried messages from `offset` on is as it was written.
  bool begins_well(Offset offset) const {
    return tables_
        .scan(core::Table::kCold, core::cold_key(request_.topic, request_.lane, offset),
              [](std::string_view, std::string_view) { return false; })
        .has_value();
  }

  void pass_over(Offset until, const std::string& why) {
    const auto row = tables_.get(core::Table::kTopics, core::ByteWriter().key(request_.topic).take());
    const std::string name = row && *row ? " '" + std::string(core::ByteReader(**row).text()) + "'" : std::string();
    damage_.push_back(corrupt(why + "; passed over until the next start: topic" + name + " (id " + std::to_string(request_.topic.value) +
                              "), lane " + std::to_string(request_.lane.value) + ", offsets " + std::to_string(cursor_.value) + " to " +
                              std::to_string(until.value - 1)));
    unreadable_.push_back({cursor_, until.value - cursor_.value});
    cursor_ = until;
  }
  std::string at_commit(const core::Commit& commit) const {
    return log_.name() + ": the commit at position " + std::to_string(commit.first.value) + ": ";
  }

  const store::Log& log_;
  const store::Tables& tables_;
  const core::PartitionUuid& partition_;
  const core::LoadBlocks& request_;
  Offset cursor_;
  core::IndexRow row_;                       ///< that was looked at last
  std::optional<Opened> opened_;
  std::vector<core::BlockPtr> ahead_;        ///< the next one last
  std::size_t ahead_bytes_ = 0;              ///< that were copied for it
  Offset ahead_until_;                       ///< nothing before is read ahead once more
  Gatherer gatherer_;
  std::vector<core::OffsetRun> unreadable_;
  std::vector<StoreFailure> damage_;
};

}  // namespace

Result<BlocksRead, StoreFailure> read_blocks(const store::Log& log, const store::Tables& tables, const core::PartitionUuid& partition,
                                             const core::LoadBlocks& request) {
  return Reading(log, tables, partition, request).run();
}

}  // namespace takt::runtime
