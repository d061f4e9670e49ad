#include "broker/runtime/message_finder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "broker/core/bytes.h"
#include "broker/core/cold_rows.h"
#include "broker/core/index_rows.h"
#include "proto/record.h"
#include "proto/section.h"

namespace takt::runtime {
namespace {

using core::FoundMessage;
using store::StoreFailure;

using Kind = FoundMessage::Kind;

class Finder {
 public:
  Finder(const store::Log& log, const store::Tables& tables, const core::PartitionUuid& partition)
      : log_(log),
        tables_(tables),
        partition_(partition) {}

  Result<MessagesRead, StoreFailure> run(const core::FindMessages& request) {
    for (const Position position : request.positions) found_.push_back({.position = position});
    for (FoundMessage& message : found_)
      if (auto looked = look_in_log(message); !looked) return failed(std::move(looked.error()));
    if (auto looked = look_among_staged(); !looked) return failed(std::move(looked.error()));
    if (auto looked = look_in_index(); !looked) return failed(std::move(looked.error()));
    return MessagesRead{{request.number, std::move(found_)}, std::move(damage_)};
  }

 private:
  /// Notes damage; other failures go on.
  Result<void, StoreFailure> passing_damage(Result<void, StoreFailure> result) {
    if (result || result.error().kind != StoreFailure::Kind::kCorrupt) return result;
    damage_.push_back(std::move(result.error()));
    return {};
  }
  Result<void, StoreFailure> damaged(FoundMessage& message, std::string what) {
    message.what = Kind::kUnreadable;
    damage_.push_back({StoreFailure::Kind::kCorrupt, std::move(what)});
    return {};
  }

  // ---- the log

  Result<void, StoreFailure> look_in_log(FoundMessage& message) {
    message.what = Kind::kGone;
    if (message.position < log_.bounds().first) return {};
    if (!commit_ || message.position < commit_->first || message.position >= commit_->end) {
      commit_.reset();
      auto read = log_.read(message.position, 1);
      if (!read && read.error().kind != StoreFailure::Kind::kCorrupt) return failed(std::move(read.error()));
      if (!read) return damaged(message, read.error().message);
      if (read->empty() || message.position < read->front().first || message.position >= read->front().end) return {};
      auto view = core::CommitView::parse(read->front().value.bytes, partition_, core::CommitView::Sections::kTrust);
      if (!view) return damaged(message, at(read->front()) + view.error().what);
      commit_ = std::move(read->front());
      view_ = std::move(*view);
    }
    const auto run = std::ranges::upper_bound(view_->runs, message.position, {}, &core::RunView::first_position) - 1;
    if (run->run_class == proto::RunClass::kControl) {
      message.what = Kind::kNone;
      return {};
    }
    const auto index = static_cast<std::size_t>(run - view_->runs.begin());
    if (auto checked = view_->check_sections(index); !checked) return damaged(message, at(*commit_) + checked.error().what);
    const auto within = static_cast<std::uint32_t>(message.position.value - run->first_position.value);
    const bool is_scheduled = run->run_class == proto::RunClass::kScheduled;
    take(message, run->topic, run->lane, proto::SectionView(run->metadata, run->payload, run->count).metadata(within));
    if (is_scheduled)
      take_due(message, run->taken, proto::SectionView(run->metadata, run->payload, run->count).metadata(within));
    else
      message.offset = run->first_offset.plus(within);
    return {};
  }
  std::string at(const core::Commit& commit) const {
    return log_.name() + ": the commit at position " + std::to_string(commit.first.value) + ": ";
  }
  void take(FoundMessage& message, TopicId topic, Lane lane, ByteView metadata) {
    auto record = proto::decode_record(metadata);
    if (!record)
      return static_cast<void>(damaged(message, "position " + std::to_string(message.position.value) + ": " + record.error().message));
    message.what = Kind::kMessage;
    message.topic = topic;
    message.lane = lane;
    message.kind = std::move(record->kind);
  }
  static void take_due(FoundMessage& message, WallTime taken, ByteView metadata) {
    message.is_scheduled = true;
    if (const auto record = proto::check_record(metadata)) message.due = record->due(taken);
  }

  // ---- carried ones

  bool is_sought(const FoundMessage& message) const { return message.what == Kind::kGone; }

  /// While they are scheduled, messages are carried under topic and position. Goes from topic to topic, over those that have
  /// carried messages.
  Result<void, StoreFailure> look_among_staged() {
    if (std::ranges::none_of(found_, [&](const FoundMessage& message) { return is_sought(message); })) return {};
    std::optional<TopicId> topic = TopicId(0);
    while (topic) {
      std::optional<TopicId> next;
      auto scanned = tables_.scan(core::Table::kCold, core::ByteWriter().key(*topic).take(), [&](std::string_view key, std::string_view) {
        next = core::ByteReader(key).key_id<TopicId>();
        return false;
      });
      if (!scanned && scanned.error().kind != StoreFailure::Kind::kCorrupt) return scanned;
      if (!scanned) {   // whose row that was, nobody knows
        for (FoundMessage& message : found_)
          if (is_sought(message)) message.what = Kind::kUnreadable;
        damage_.push_back(scanned.error());
        return {};
      }
      if (!next) return {};
      for (FoundMessage& message : found_) {
        if (!is_sought(message)) continue;
        if (auto looked = look_under(message, *next, core::staged_lane, Offset(message.position.value)); !looked) return looked;
      }
      topic = next->value == UINT32_MAX ? std::nullopt : std::optional(next->plus(1));
    }
    return {};
  }

  /// The carried message under that key, if it is there.
  Result<void, StoreFailure> look_under(FoundMessage& message, TopicId topic, Lane lane, Offset offset) {
    core::ColdReader reader;
    const std::string first = core::cold_key(topic, lane, offset);
    const std::string stop = core::cold_key(topic, lane, offset.plus(1));
    auto scanned = tables_.scan(core::Table::kCold, first, [&](std::string_view key, std::string_view value) {
      if (key >= std::string_view(stop)) return false;
      const auto carried = reader.add(key, value);
      if (!carried) return static_cast<void>(damaged(message, carried.error().what)), false;
      if (!*carried) return true;
      take(message, topic, lane, as_bytes((*carried)->metadata));
      if (lane == core::staged_lane) {
        message.is_scheduled = true;
        message.lane = (*carried)->staged.lane;
        message.due = (*carried)->staged.due;
      } else {
        message.offset = offset;
      }
      return false;
    });
    if (!scanned && scanned.error().kind == StoreFailure::Kind::kCorrupt) return damaged(message, scanned.error().message);
    return scanned;
  }

  // ---- the index

  /// Which messages of `row` are looked for: where they stand, and which messages were carried as what they are.
  Result<void, StoreFailure> look_in_row(const core::IndexRow& row) {
    for (const core::IndexSegment& segment : row.segments) {
      auto message = std::ranges::lower_bound(found_, segment.position, {}, &FoundMessage::position);
      for (; message != found_.end() && message->position < segment.position.plus(segment.count); ++message) {
        const Offset offset = segment.first.plus(message->position.value - segment.position.value);
        if (message->what == Kind::kMessage && message->is_scheduled && message->topic == row.topic && message->lane == row.lane) {
          message->offset = offset;
        } else if (is_sought(*message)) {
          if (auto looked = look_under(*message, row.topic, row.lane, offset); !looked) return looked;
        }
      }
    }
    return {};
  }

  Result<void, StoreFailure> look_in_rows(const std::string& from, const std::string& stop) {
    std::vector<core::IndexRow> rows;   // of those that matter: no read within a read
    std::optional<StoreFailure> failure;
    auto scanned = tables_.scan(core::Table::kIndex, from, [&](std::string_view key, std::string_view value) {
      if (!stop.empty() && key >= std::string_view(stop)) return false;
      auto row = core::decode_index_row(key, value);
      if (!row) {
        damage_.push_back({StoreFailure::Kind::kCorrupt, row.error().what});
        return true;
      }
      std::erase_if(row->segments, [&](const core::IndexSegment& segment) {
        const auto message = std::ranges::lower_bound(found_, segment.position, {}, &FoundMessage::position);
        return message == found_.end() || message->position >= segment.position.plus(segment.count);
      });
      if (!row->segments.empty()) rows.push_back(std::move(*row));
      return true;
    });
    if (auto passed = passing_damage(std::move(scanned)); !passed) return passed;
    for (const core::IndexRow& row : rows)
      if (auto looked = look_in_row(row); !looked) return looked;
    return {};
  }

  Result<void, StoreFailure> look_in_index() {
    std::vector<std::pair<std::string, std::string>> ranges;
    for (const FoundMessage& message : found_) {
      if (is_sought(message)) return look_in_rows({}, {});
      if (message.what != Kind::kMessage || !message.is_scheduled) continue;
      ranges.emplace_back(core::index_key(message.topic, message.lane, Offset(0)),
                          core::index_key(message.topic, message.lane.plus(1), Offset(0)));
    }
    std::ranges::sort(ranges);
    ranges.erase(std::unique(ranges.begin(), ranges.end()), ranges.end());
    for (const auto& [from, stop] : ranges)
      if (auto looked = look_in_rows(from, stop); !looked) return looked;
    return {};
  }

  const store::Log& log_;
  const store::Tables& tables_;
  const core::PartitionUuid& partition_;
  std::vector<FoundMessage> found_;          ///< by position
  std::optional<core::Commit> commit_;       ///< that was read last
  std::optional<core::CommitView> view_;     ///< of it
  std::vector<StoreFailure> damage_;
};

}  // namespace

Result<MessagesRead, StoreFailure> find_messages(const store::Log& log, const store::Tables& tables, const core::PartitionUuid& partition,
                                                 const core::FindMessages& request) {
  return Finder(log, tables, partition).run(request);
}

}  // namespace takt::runtime
