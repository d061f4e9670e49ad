#include "tests/sim/checker.h"

#include <algorithm>

namespace takt::sim {

Checker::Checker(World& world, const Options& options)
    : world_(world),
      options_(options),
      view_({.producer_idle_expiry = options.producer_idle_expiry, .producer_silence_min = std::chrono::hours(1)}) {}

void Checker::fail(const std::string& what) {
  if (!violation_) violation_ = what;
}

std::vector<Value> Checker::follow_ups(Value parent, const GroupName& group) {
  auto& values = follow_ups_[{parent, group}];
  if (values.empty()) {
    for (std::uint64_t n = 1 + parent % 2; n > 0; --n) {
      values.push_back(new_value());
      parent_of_[values.back()] = {parent, group};
    }
  }
  return values;
}

std::uint64_t Checker::sending(BatchRecord batch) {
  const std::uint64_t id = batches_.size() + 1;
  for (const Value value : batch.values) batch_of_[value] = id;
  ++counts.batches;
  counts.messages += batch.values.size();
  batches_[id] = std::move(batch);
  return id;
}

void Checker::repeating(const std::vector<SharedBytes>& frames) {
  const auto decoded = decoder_.request(frames.front().bytes);
  const auto* publish = decoded ? std::get_if<proto::Publish>(&decoded->body) : nullptr;
  if (publish == nullptr) return;
  const auto sections = decoded->sections ? *decoded->sections : proto::SectionViews{frames[1].bytes, frames[2].bytes};
  const proto::SectionView messages(sections.metadata, sections.payload, publish->count);
  batches_.at(batch_of_.at(value_of(messages.payload(0)).value_or(0))).is_repeated = true;
}

void Checker::stored(std::uint64_t id, const sdk::BatchStored& answer) {
  BatchRecord& batch = batches_.at(id);
  if (batch.fate != BatchRecord::Fate::kOpen) fail("batch " + std::to_string(id) + " is answered twice");
  batch.fate = BatchRecord::Fate::kStored;
  ++counts.stored;
  if (batch.is_relaxed) return;
  for (std::size_t i = 0; i < batch.values.size(); ++i) {
    if (view_.find(batch.values[i]) == nullptr)
      return fail("message " + std::to_string(batch.values[i]) + " is confirmed and not in the durable log");
    const Place* place = view_.find(batch.values[i], answer.first_position.plus(i));
    if (place == nullptr || (!place->is_scheduled && place->offset != answer.first_offset.plus(i)))
      return fail("message " + std::to_string(batch.values[i]) + " is confirmed at another place than where it stands");
  }
}

void Checker::not_stored(std::uint64_t id, ErrorOutcome outcome) {
  BatchRecord& batch = batches_.at(id);
  if (batch.fate != BatchRecord::Fate::kOpen) fail("batch " + std::to_string(id) + " is answered twice");
  // Of a producer that was forgotten meanwhile the broker does not know what it has stored.
  const bool is_unknown = outcome == ErrorOutcome::kUnknown || batch.is_repeated || view_.was_forgotten(batch.producer);
  batch.fate = is_unknown ? BatchRecord::Fate::kUnknown : BatchRecord::Fate::kRefused;
  ++(is_unknown ? counts.unknown : counts.refused);
  if (is_unknown) return;
  for (const Value value : batch.values)
    if (view_.find(value) != nullptr) fail("message " + std::to_string(value) + " is refused for good and stored");
}

void Checker::executing(Value value, const GroupName& group) {
  ++counts.executed;
  const bool is_first = executed_.insert({value, group}).second;
  if (options_.is_calm && !is_first)
    fail("message " + std::to_string(value) + " is executed twice in " + group.topic + "/" + group.group +
         " though its worker lived and resumed");
}

void Checker::completed(Value parent, const GroupName& group) {
  ++counts.completed;
  for (const Value value : follow_ups(parent, group))
    if (view_.find(value) == nullptr) fail("follow-up " + std::to_string(value) + " is confirmed and not in the durable log");
}

// ---- what people see

void Checker::peeked(const proto::Peek& peek, const proto::Peeked& answer, const proto::SectionView& messages, Settings settings) {
  ++counts.peeks;
  std::uint32_t index = 0;
  std::optional<TopicId> seen;
  std::set<std::uint64_t> offsets;
  for (const proto::Stretch& stretch : answer.stretches) {
    for (std::uint32_t i = 0; i < stretch.count; ++i, ++index) {
      ++counts.peeked;
      const Position position = stretch.first_position.plus(i);
      const std::uint64_t offset = stretch.first_offset.value + i;
      const auto at = view_.at(position);
      if (!at || at->lane != peek.lane || at->offset != offset) return fail("a peek shows a message at another place than where it stands");
      if (!offsets.insert(offset).second || offset >= answer.next.value) return fail("a peek shows offsets out of order");
      if (at->topic == nullptr) return;   // deleted meanwhile
      if (at->topic->name != peek.topic || value_of(messages.payload(index)) != at->message->value)
        return fail("a peek shows another message than the one that stands there");
      if (seen && *seen != at->topic->id) return fail("a peek mixes topics");
      seen = at->topic->id;
    }
  }
  // What it passes over is nobody's, or about to be: an ack may be on its way to the disk.
  if (!seen || !peek.from) return;
  const TopicView& topic = view_.topics().at(*seen);
  const auto log = topic.lanes.find(peek.lane);
  for (std::uint64_t offset = peek.from->value; offset < answer.next.value; ++offset) {
    if (offsets.contains(offset)) continue;
    const std::string what = "a peek passes over offset " + std::to_string(offset) + " of " + topic.name;
    if (settings == Settings::kConfirmed && is_kept(topic, log->second, offset)) return fail(what + ", which is to be kept");
    if (log->second.messages[offset].freeable == 0 && !options_.deletes() && !is_handled(topic, peek.lane, offset))
      return fail(what + ", which is owed");
  }
}

bool Checker::is_handled(const TopicView& topic, Lane lane, std::uint64_t offset) const {
  const auto& [value, position, time, freeable] = topic.lanes.at(lane).messages[offset];
  if (may_be_cancelled_.contains(position)) return true;
  return std::ranges::all_of(topic.groups, [&](const auto& entry) {
    const LaneView* view = view_.find_lane(entry.first, lane);
    const bool is_owed_as_dead = view != nullptr && view->dead.contains(offset) && !may_be_purged_.contains(entry.second.name);
    return (view != nullptr && (offset < view->start || (view->is_done(offset) && !is_owed_as_dead))) ||
           handled_.contains({value, entry.second.name});
  });
}

void Checker::listed(const proto::Topics& topics) {
  ++counts.listings;
  for (const proto::TopicEntry& entry : topics.topics) {
    const TopicView* topic = view_.find_topic(entry.topic);
    if (entry.messages > entry.enqueued) fail("topic " + entry.topic + " is listed with more messages than were ever enqueued");
    if (topic == nullptr) continue;   // deleted meanwhile
    std::uint64_t stored = 0;
    for (const auto& [lane, log] : topic->lanes) stored += log.messages.size() + log.scheduled + log.cancelled;
    const bool may_be_another = options_.deletes() || entry.topic == recurring_topic;   // of its name, made anew
    if (entry.enqueued > stored && !may_be_another) fail("topic " + entry.topic + " is listed with messages that are not durable");
  }
}

void Checker::listed(const proto::Groups& groups) {
  ++counts.listings;
  for (const proto::GroupEntry& entry : groups.groups) {
    const GroupName name{entry.topic, entry.group};
    if (!view_.has_ever(name)) fail("group " + entry.topic + "/" + entry.group + " is listed and not in the durable log");
    const GroupView* group = view_.find_group(name);
    if (group == nullptr || options_.deletes()) continue;
    std::uint64_t done = 0;
    for (const auto& [lane, view] : group->lanes) done += view.done.size();
    if (entry.done > done) fail("group " + entry.topic + "/" + entry.group + " is listed with more done than is durable");
  }
}

void Checker::listed(const proto::ListDead& asked, const proto::DeadListed& dead) {
  ++counts.listings;
  const GroupView* group = view_.find_group(GroupName{asked.topic, asked.group});
  if (group == nullptr || options_.deletes()) return;
  for (const proto::DeadEntry& entry : dead.entries) {
    const LaneView* lane = view_.find_lane(group->id, entry.place.lane);
    if (lane == nullptr || !lane->done.contains(entry.place.offset.value))
      fail(text_of({group->id, entry.place.lane, entry.place.offset}) + " is listed as dead and not in the durable log");
  }
}

void Checker::steering(const proto::ChangeMessages& change) {
  if (change.action == proto::MessageAction::kCancel) may_be_cancelled_.insert(change.positions.begin(), change.positions.end());
  if (change.action == proto::MessageAction::kRunNow) may_be_hurried_.insert(change.positions.begin(), change.positions.end());
}

void Checker::changing(const proto::ChangeDead& change) {
  if (change.action == proto::DeadAction::kPurge) may_be_purged_.insert({change.topic, change.group});
}

/// Each answer was true when it was given, which is after `end`; what has happened since may be in the log too.
void Checker::steered(const proto::MessagesChanged& answer, Position end) {
  for (const proto::MessageStatus& status : answer.messages) {
    ++counts.looked_up;
    const std::string what = "position " + std::to_string(status.position.value) + " is called " + std::string(name_of(status.state));
    const auto at = view_.at(status.position);
    switch (status.state) {
      case proto::MessageState::kUnknown:
        if (at && status.position < end) fail(what + " and is a message");
        break;
      case proto::MessageState::kScheduled:
        if (!at || !at->is_scheduled) fail(what + " and never was");
        break;
      case proto::MessageState::kCancelled:
        if (!at || !at->is_cancelled) fail(what + " and is not");
        break;
      case proto::MessageState::kQueued:
        if (!at || at->offset != status.offset->value) fail(what + " and stands elsewhere");
        break;
      case proto::MessageState::kGone:
        if (at && at->topic != nullptr && !(at->message != nullptr && at->message->freeable != 0) && !at->topic->groups.empty())
          fail(what + " and is owed");
        break;
      case proto::MessageState::kUnreadable: fail(what); break;
    }
  }
}

// ---- the end

std::string Checker::leftovers() const {
  std::string text;
  if (const auto n = view_.waiting(); n > 0) text += " scheduled=" + std::to_string(n);
  for (const auto& [id, topic] : view_.topics())
    for (const auto& [group_id, group] : topic.groups)
      if (const auto n = topic.owed(group); n > 0) text += " " + group.name.topic + "/" + group.name.group + "=" + std::to_string(n);
  return text;
}

void Checker::finish() {
  for (const auto& [id, batch] : batches_) {
    for (const Value value : batch.values) {
      const bool is_stored = view_.find(value) != nullptr;
      if (batch.fate == BatchRecord::Fate::kRefused && is_stored && !batch.is_repeated)
        fail("message " + std::to_string(value) + " is refused for good and visible");
      if (batch.fate == BatchRecord::Fate::kStored && !batch.is_relaxed && !is_stored)
        fail("message " + std::to_string(value) + " is confirmed and lost");
    }
  }
  if (view_.waiting() > 0) fail(std::to_string(view_.waiting()) + " scheduled messages never became due");
  for (const auto& [id, topic] : view_.topics()) {
    for (const auto& [group_id, group] : topic.groups) {
      for (const auto& [lane, log] : topic.lanes) {
        const LaneView* view = view_.find_lane(group_id, lane);
        for (std::uint64_t offset = view == nullptr ? 0 : view->start; offset < log.messages.size(); ++offset) {
          const Stored& message = log.messages[offset];
          if (view == nullptr || !view->is_done(offset))
            return fail("message " + std::to_string(message.value) + " is never done in " + group.name.topic + "/" + group.name.group);
        }
      }
    }
  }
}

}  // namespace takt::sim
