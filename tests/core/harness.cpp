#include "tests/core/harness.h"

#include <algorithm>
#include <deque>

#include "broker/core/index_rows.h"
#include "broker/core/staged_for.h"
#include "broker/core/timer_rows.h"
#include "proto/check.h"
#include "proto/record.h"

namespace takt::core::test {

proto::Sections sections_of(const std::vector<std::string>& payloads, const Due& due) {
  proto::SectionBuilder builder;
  for (const std::string& payload : payloads) {
    std::vector<std::byte> record;
    proto::append_record(record, {.kind = "job",
                                  .tags = {},
                                  .attributes = {},
                                  .traceparent = {},
                                  .parent_id = {},
                                  .content_type = {},
                                  .due = due.at,
                                  .delay = due.delay});
    builder.add(record, as_bytes(payload));
  }
  return builder.take();
}

proto::Publish publish_of(std::string topic, const proto::Sections& sections, std::uint32_t count, ProducerId producer, Sequence sequence) {
  proto::Publish publish;
  publish.topic = std::move(topic);
  publish.producer = producer;
  publish.sequence = sequence;
  publish.count = count;
  publish.metadata_checksum = proto::section_checksum(sections.metadata);
  publish.payload_checksum = proto::section_checksum(sections.payload);
  return publish;
}

std::vector<std::string> payloads_of(const std::vector<BlockSlice>& slices) {
  std::vector<std::string> texts;
  const proto::Sections all = gather(slices);
  std::uint32_t count = 0;
  for (const BlockSlice& slice : slices) count += slice.count;
  const proto::SectionView view(all.metadata, all.payload, count);
  for (std::uint32_t i = 0; i < count; ++i) texts.emplace_back(as_text(view.payload(i)));
  return texts;
}

std::vector<proto::RecordMetadata> metadata_of(const std::vector<BlockSlice>& slices) {
  std::vector<proto::RecordMetadata> records;
  const proto::Sections all = gather(slices);
  std::uint32_t count = 0;
  for (const BlockSlice& slice : slices) count += slice.count;
  const proto::SectionView view(all.metadata, all.payload, count);
  for (std::uint32_t i = 0; i < count; ++i) records.push_back(proto::decode_record(view.metadata(i)).value());
  return records;
}

void apply_checkpoint(Rows& rows, const Checkpoint& checkpoint) {
  for (const RowRange& range : checkpoint.erased) {
    rows.erase(rows.lower_bound({range.table, range.from}), rows.lower_bound({range.table, range.until}));
  }
  for (const RowChange& change : checkpoint.changed) {
    check(!change.value || change.value->size() <= row_value_bytes_max, "a row fits its bound");
    if (change.value)
      rows[{change.table, change.key}] = *change.value;
    else
      rows.erase({change.table, change.key});
  }
}

void Harness::begin() {
  for (const auto& [key, value] : rows_) check(partition_.load_row(key.first, key.second, value).has_value(), "rows load");
  partition_.loaded_to(applied_);
  for (const Commit& commit : log_) {
    if (commit.first < applied_) continue;
    const auto view = CommitView::parse(commit.value.bytes, settings_.uuid, CommitView::Sections::kCheck);
    check(view.has_value(), "durable commits parse");
    const auto replayed = partition_.replay(*view);
    check(replayed.has_value(), "durable commits replay");
  }
  partition_.start(now_);
}

void Harness::expect_sound() const {
  const std::optional<std::string> broken = partition_.broken_invariant();
  check(!broken, broken ? broken->c_str() : "");
}

void Harness::send(Command command) {
  partition_.handle(std::move(command), now_);
  expect_sound();
}

void Harness::advance(Duration by) {
  now_.mono += by;
  now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(by);
  partition_.tick(now_);
  expect_sound();
}

void Harness::request(SessionId session, CorrelationId correlation, proto::Request body, proto::Sections sections) {
  send(ClientRequest{session, correlation, std::move(body), SharedBytes::own(std::move(sections.metadata)),
                     SharedBytes::own(std::move(sections.payload))});
}

void Harness::seal() {
  while (auto commit = partition_.seal(now_)) sealed_.push_back(std::move(*commit));
  expect_sound();
}

void Harness::sync() {
  if (sealed_.empty()) return;
  const Position end = sealed_.back().end;
  std::move(sealed_.begin(), sealed_.end(), std::back_inserter(log_));
  sealed_.clear();
  partition_.committed(end, now_);
}

std::vector<Outgoing> Harness::take() {
  std::vector<Outgoing> out;
  for (bool more = true; more;) {
    more = false;
    for (Effect& effect : partition_.take_effects()) {
      if (auto* outgoing = std::get_if<Outgoing>(&effect)) {
        out.push_back(std::move(*outgoing));
      } else {
        std::visit(
            [this](const auto& wanted) {
              if constexpr (!std::same_as<std::decay_t<decltype(wanted)>, Outgoing>) send(load(wanted));
            },
            effect);
        more = true;
      }
    }
  }
  return out;
}

std::vector<Outgoing> Harness::settle() {
  std::vector<Outgoing> out;
  do {
    commit();
    std::ranges::move(take(), std::back_inserter(out));
  } while (partition_.staged_bytes() > 0);
  return out;
}

BlocksLoaded Harness::load(const LoadBlocks& request) const {
  BlocksLoaded loaded{request.topic, request.lane, request.from, request.from, {}, {}};
  Offset next;
  const auto add = [&](const BlockPtr& block, bool is_unreadable) {
    if (block == nullptr || block->end() <= request.from || loaded.blocks.size() == 2) return;
    if (is_unreadable)
      loaded.unreadable.push_back({block->first_offset, block->count});
    else
      loaded.blocks.push_back(block);
    loaded.until = block->end();
  };
  for (const Commit& commit : log_) {
    const auto view = CommitView::parse(commit.value.bytes, settings_.uuid, CommitView::Sections::kCheck);
    const std::vector<BlockPtr> blocks = blocks_of(*view, commit.value);
    for (const RunView& run : view->runs) {
      if (run.run_class == proto::RunClass::kControl) {
        const auto events = decode_events(as_text(run.metadata), run.count);
        for (const Event& event : *events) {
          const auto* fire = std::get_if<Fire>(&event);
          if (fire == nullptr) continue;
          for (const scheduler::Timer& timer : fire->timers)
            if (timer.tag == StagedFor{request.topic, request.lane}.tag()) {
              add(fired_block(request, position_of(timer.key.id), next), false);
              next = next.plus(1);
            }
        }
      } else if (run.run_class == proto::RunClass::kImmediate && run.topic == request.topic && run.lane == request.lane) {
        const auto block = std::ranges::find(blocks, run.first_position, [](const BlockPtr& b) { return b->first_position; });
        if (block == blocks.end()) continue;   // joined with its neighbour
        next = (*block)->end();
        if (commit.end > front_) add(*block, is_damaged(commit));
      }
    }
  }
  if (loaded.blocks.empty() && loaded.unreadable.empty()) loaded.until = request.from.plus(1);
  return loaded;
}

bool Harness::is_damaged(const Commit& commit) const {
  return std::ranges::any_of(damaged_, [&](Position p) { return commit.first <= p && p < commit.end; });
}

BlockPtr Harness::fired_block(const LoadBlocks& request, Position position, Offset offset) const {
  for (const Commit& commit : log_) {
    if (commit.end <= front_ || position < commit.first || commit.end <= position) continue;
    const auto view = CommitView::parse(commit.value.bytes, settings_.uuid, CommitView::Sections::kCheck);
    for (const RunView& run : view->runs) {
      if (position < run.first_position || run.first_position.plus(run.count) <= position) continue;
      const proto::SectionSlice slice{proto::SectionView(run.metadata, run.payload, run.count),
                                      static_cast<std::uint32_t>(position.value - run.first_position.value), 1};
      const auto memory = std::make_shared<proto::Sections>(proto::gather({&slice, 1}));
      auto block = std::make_shared<Block>();
      block->topic = request.topic;
      block->lane = request.lane;
      block->first_offset = offset;
      block->first_position = position;
      block->count = 1;
      block->parts.push_back({0, proto::SectionView(memory->metadata, memory->payload, 1)});
      block->memory = {memory, memory->metadata};
      return block;
    }
  }
  return nullptr;
}

TimersLoaded Harness::load(const LoadTimers& request) const {
  TimersLoaded loaded{request.range, {}};
  for (std::uint64_t chunk = request.range.from; chunk < request.range.until; ++chunk)
    loaded.chunks.push_back(rows_.at({Table::kTimers, timers_key(request.range.bucket, chunk)}));
  return loaded;
}

Position Harness::position_of(scheduler::TimerId timer) const {
  const Position own(static_cast<std::uint64_t>(timer));
  for (const Commit& commit : log_) {
    if (own < commit.first || commit.end <= own) continue;
    const auto view = CommitView::parse(commit.value.bytes, settings_.uuid, CommitView::Sections::kCheck);
    for (const RunView& run : view->runs) {
      if (run.run_class != proto::RunClass::kControl || own < run.first_position || run.first_position.plus(run.count) <= own) continue;
      const auto events = decode_events(as_text(run.metadata), run.count);
      return std::get<Rearm>((*events)[own.value - run.first_position.value]).position;
    }
  }
  return own;
}

/// As the log has it, its front too; where a scheduled one went the partition has to know.
FoundMessage Harness::find(Position position) const {
  FoundMessage found{.position = position, .what = FoundMessage::Kind::kGone};
  if (position < front_) return found;
  for (const Commit& commit : log_) {
    const auto view = CommitView::parse(commit.value.bytes, settings_.uuid, CommitView::Sections::kCheck);
    for (const RunView& run : view->runs) {
      if (position < run.first_position || run.first_position.plus(run.count) <= position) continue;
      found.what = is_damaged(commit) ? FoundMessage::Kind::kUnreadable : FoundMessage::Kind::kMessage;
      if (run.run_class == proto::RunClass::kControl) found.what = FoundMessage::Kind::kNone;
      if (found.what != FoundMessage::Kind::kMessage) return found;
      const auto within = static_cast<std::uint32_t>(position.value - run.first_position.value);
      const auto record = proto::check_record(proto::SectionView(run.metadata, run.payload, run.count).metadata(within));
      found.topic = run.topic;
      found.lane = run.lane;
      found.kind = "job";
      found.is_scheduled = record->is_scheduled();
      if (found.is_scheduled)
        found.due = record->due(run.taken);
      else
        found.offset = run.first_offset.plus(within);
    }
  }
  return found;
}

MessagesFound Harness::load(const FindMessages& request) const {
  MessagesFound found{request.number, {}};
  for (const Position position : request.positions) found.messages.push_back(find(position));
  for (const auto& [key, value] : rows_) {
    if (key.first != Table::kIndex) continue;
    const auto row = decode_index_row(key.second, value);
    for (const IndexSegment& segment : row->segments)
      for (FoundMessage& message : found.messages)
        if (message.is_scheduled && message.topic == row->topic && message.lane == row->lane && segment.position <= message.position &&
            message.position < segment.position.plus(segment.count))
          message.offset = segment.first.plus(message.position.value - segment.position.value);
  }
  return found;
}

void Harness::checkpoint() {
  check(sealed_.empty() && partition_.staged_bytes() == 0, "a checkpoint follows a commit");
  const Checkpoint checkpoint = partition_.freeze();
  apply_checkpoint(rows_, checkpoint);
  applied_ = checkpoint.applied;
  partition_.checkpointed();
}

void Harness::free_before(Position position) {
  check(position <= applied_, "only what a checkpoint covers is freed");
  front_ = position;
}

void Harness::crash() {
  seal();
  std::vector<Commit> all = log_;
  all.insert(all.end(), sealed_.begin(), sealed_.end());
  check(replayed(settings_, all).digest() == partition_.digest(), "what is live is what the log folds to");
  sealed_.clear();
  partition_ = Partition(settings_);
  begin();
}

Partition replayed(const PartitionSettings& settings, const std::vector<Commit>& log) {
  Partition partition(settings);
  partition.loaded_to(Position(0));
  for (const Commit& commit : log) {
    const auto view = CommitView::parse(commit.value.bytes, settings.uuid, CommitView::Sections::kCheck);
    check(view.has_value() && partition.replay(*view).has_value(), "the log folds");
  }
  return partition;
}

Rows fold(const PartitionSettings& settings, const std::vector<Commit>& log) {
  Rows rows;
  apply_checkpoint(rows, replayed(settings, log).freeze());
  return rows;
}

std::map<std::string, std::string> logical(const Rows& rows) {
  std::map<std::string, std::string> out;
  std::map<std::string, std::vector<IndexSegment>> index;
  for (const auto& [key, value] : rows) {
    if (key.first == Table::kIndex) {
      const auto row = decode_index_row(key.second, value);
      auto& segments = index["index " + std::to_string(row->topic.value) + "/" + std::to_string(row->lane.value)];
      for (const IndexSegment& s : row->segments) {
        if (!segments.empty() && segments.back().end() == s.first && segments.back().position.plus(segments.back().count) == s.position)
          segments.back().count += s.count;
        else
          segments.push_back(s);
      }
    } else if (key.first == Table::kBuckets || key.first == Table::kTimers) {
      // When a bucket opens, and is drained, is each history's own.
    } else if (key.first == Table::kMeta && key.second == "wheel") {
      out["wheel"] = value.substr(0, 3 * sizeof(std::uint64_t));   // the watermark, and the sum of what is armed
    } else {
      out[std::to_string(static_cast<int>(key.first)) + " " + key.second] = value;
    }
  }
  for (const auto& [name, segments] : index) {
    // Rows below what is owed are erased at checkpoints, so only the end is the same for all histories.
    out[name] = std::to_string(segments.back().end().value);
  }
  return out;
}

}  // namespace takt::core::test
