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
    proto::Sections sections = proto::gather(slices_);
    auto memory = std::make_shared<proto::Sections>(std::move(sections));
    auto block = std::make_shared<core::Block>();
    block->topic = topic_;
    block->lane = lane_;
    block->first_offset = first_offset_;
    block->first_position = first_position_;
    block->count = count_;
    block->parts.push_back({0, proto::SectionView(memory->metadata, memory->payload, count_)});
    block->bytes = block_overhead_bytes + memory->metadata.size() + memory->payload.size();
    block->memory = {memory, memory->metadata};
    blocks_.push_back(std::move(block));
    slices_.clear();
    count_ = 0;
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
    std::optional<Position> position = request_.position;
    Offset located_end = cursor_.plus(request_.located);
    while (gatherer_.bytes() < request_.bytes_max) {
      std::optional<Offset> next_indexed;
      if (!position) {
        auto place = look_up(cursor_);
        if (!place) return failed(std::move(place.error()));
        position = place->position;
        next_indexed = place->next;
        if (position) {
          next_indexed = place->end;
          located_end = place->segment_end;
        }
      }
      const Offset before = cursor_;
      if (position && *position >= log_.bounds().first) {
        auto read = from_log(*position, located_end);
        if (!read) return failed(std::move(read.error()));
      }
      if (cursor_ == before) {
        // Known to the index and not in the log (any more: the front may have been freed a moment ago), or in neither:
        // carried, or gone.
        auto read = from_cold(next_indexed.value_or(cursor_.plus(1)));
        if (!read) return failed(std::move(read.error()));
      }
      position.reset();
      if (cursor_ == before) break;
      if (!is_indexed(cursor_)) break;   // newer than the tables: only the partition knows where that is
    }
    if (cursor_ == request_.from) cursor_ = cursor_.plus(1);   // in no place at all: gone
    return BlocksRead{{request_.topic, request_.lane, request_.from, cursor_, gatherer_.take(), std::move(unreadable_)},
                      std::move(damage_)};
  }

 private:
  struct Place {
    std::optional<Position> position;   ///< of the offset asked for
    std::optional<Offset> next;         ///< else the next offset that the index knows
    Offset end{};                       ///< with `position`: how far the segment lies before the log's front, at least one
    Offset segment_end{};               ///< with `position`: so far the positions follow one by one
  };

  Result<Place, StoreFailure> look_up(Offset offset) {
    const std::string key = core::index_key(request_.topic, request_.lane, offset);
    auto row = tables_.find_at_or_before(core::Table::kIndex, key);
    if (!row) return failed(std::move(row.error()));
    Place place;
    if (*row) {
      auto decoded = core::decode_index_row((*row)->key, (*row)->value);
      if (!decoded) return failed(corrupt(decoded.error().what));
      if (decoded->topic == request_.topic && decoded->lane == request_.lane) {
        for (const core::IndexSegment& segment : decoded->segments) {
          if (segment.end() <= offset) continue;
          if (segment.first <= offset) {
            found(place, segment, offset);
          } else {
            place.next = segment.first;
          }
          return place;
        }
      }
    }
    std::optional<StoreFailure> failure;
    auto scanned = tables_.scan(core::Table::kIndex, key, [&](std::string_view next_key, std::string_view value) {
      auto decoded = core::decode_index_row(next_key, value);
      if (!decoded) {
        failure = corrupt(decoded.error().what);
      } else if (decoded->topic == request_.topic && decoded->lane == request_.lane && !decoded->segments.empty()) {
        if (decoded->segments.front().first == offset) {
          found(place, decoded->segments.front(), offset);
        } else {
          place.next = decoded->segments.front().first;
        }
      }
      return false;
    });
    if (!scanned) return failed(std::move(scanned.error()));
    if (failure) return failed(std::move(*failure));
    return place;
  }

  void found(Place& place, const core::IndexSegment& segment, Offset offset) const {
    const std::uint64_t skipped = offset.value - segment.first.value;
    place.position = segment.position.plus(skipped);
    place.segment_end = segment.end();
    const std::uint64_t front = log_.bounds().first.value;
    const std::uint64_t before_front = front > place.position->value ? front - place.position->value : 1;
    place.end = offset.plus(std::min(segment.count - skipped, before_front));
  }

  bool is_indexed(Offset offset) {
    const auto place = look_up(offset);
    return place && (place->position || place->next);
  }

  struct Opened {
    core::Commit commit;
    core::CommitView view;
  };
  /// The commit that holds `position`, its sections unchecked; none when the log does not reach there.
  Result<std::optional<Opened>, StoreFailure> open_commit(Position position) const {
    auto commits = log_.read(position, 1);
    if (!commits) return failed(std::move(commits.error()));
    if (commits->empty()) return std::optional<Opened>();
    core::Commit& commit = commits->front();
    auto view = core::CommitView::parse(commit.value.bytes, partition_, core::CommitView::Sections::kTrust);
    if (!view) return failed(corrupt(at_commit(commit) + view.error().what));
    if (position < commit.first || position >= commit.end) return std::optional<Opened>();
    return std::optional(Opened{std::move(commit), std::move(*view)});
  }

  /// The run at `position` and what follows it without a gap in the same commit. A commit that is damaged as a whole is
  /// passed over, up to where the log can be read again or nobody knows which message stands there.
  Result<void, StoreFailure> from_log(Position position, Offset located_end) {
    auto opened = open_commit(position);
    if (!opened) {
      if (opened.error().kind != StoreFailure::Kind::kCorrupt) return failed(std::move(opened.error()));
      const std::uint64_t n =
          first_good(located_end.value - cursor_.value, [&](std::uint64_t ahead) { return open_commit(position.plus(ahead)).has_value(); });
      pass_over(cursor_.plus(n), opened.error().message);
      return {};
    }
    if (!*opened) return {};   // freed since the bounds were read
    const auto& [commit, view] = **opened;
    for (std::size_t i = 0; i < view.runs.size(); ++i) {
      const core::RunView& run = view.runs[i];
      if (run.run_class != proto::RunClass::kImmediate || run.topic != request_.topic || run.lane != request_.lane) continue;
      const Offset end = run.first_offset.plus(run.count);
      if (end <= cursor_) continue;
      if (run.first_offset > cursor_ || gatherer_.bytes() >= request_.bytes_max) break;
      if (auto checked = view.check_sections(commit.value.bytes, i); !checked) {
        pass_over(end, at_commit(commit) + checked.error().what);
        continue;
      }
      const auto skipped = static_cast<std::uint32_t>(cursor_.value - run.first_offset.value);
      gatherer_.add(proto::SectionView(run.metadata, run.payload, run.count), skipped, run.count - skipped, cursor_,
                    run.first_position.plus(skipped));
      cursor_ = end;
    }
    gatherer_.close();   // the commit's bytes go with this scope
    return {};
  }

  /// Carried messages from the cursor on and before `until`; what is not there below `until` is gone.
  Result<void, StoreFailure> from_cold(Offset until) {
    core::ColdReader reader;
    std::optional<StoreFailure> failure;
    bool is_cut = false;
    const std::string stop = core::cold_key(request_.topic, request_.lane, until);
    auto scanned = tables_.scan(
        core::Table::kCold, core::cold_key(request_.topic, request_.lane, cursor_), [&](std::string_view key, std::string_view value) {
          if (key >= std::string_view(stop)) return false;
          auto message = reader.add(key, value);
          if (!message) {
            failure = corrupt(message.error().what);
            return false;
          }
          if (!*message) return true;
          proto::SectionBuilder builder;
          builder.add(as_bytes((*message)->metadata), as_bytes((*message)->payload));
          const proto::Sections sections = builder.take();
          gatherer_.add(proto::SectionView(sections.metadata, sections.payload, 1), 0, 1, (*message)->offset, (*message)->position);
          gatherer_.close();
          cursor_ = (*message)->offset.plus(1);
          is_cut = gatherer_.bytes() >= request_.bytes_max;
          return !is_cut;
        });
    if (!scanned) failure = std::move(scanned.error());
    if (failure && failure->kind != StoreFailure::Kind::kCorrupt) return failed(std::move(*failure));
    if (failure) {
      const std::uint64_t most = std::max(until, cursor_.plus(1)).value - cursor_.value;
      const std::uint64_t n = first_good(most, [&](std::uint64_t ahead) { return begins_well(cursor_.plus(ahead)); });
      pass_over(cursor_.plus(n), failure->message);
      return {};
    }
    if (!is_cut) cursor_ = std::max(cursor_, until);
    return {};
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
