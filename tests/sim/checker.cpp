#include "tests/sim/checker.h"

#include <algorithm>

#include "proto/section.h"

namespace takt::sim {

void Checker::fail(const std::string& what) {
  if (!violation_) violation_ = what;
}

// ---- what clients did and were told

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

void Checker::stored(std::uint64_t id, const sdk::BatchStored& answer) {
  BatchRecord& batch = batches_.at(id);
  if (batch.fate != BatchRecord::Fate::kOpen) fail("batch " + std::to_string(id) + " is answered twice");
  batch.fate = BatchRecord::Fate::kStored;
  ++counts.stored;
  if (batch.is_relaxed) return;
  for (std::size_t i = 0; i < batch.values.size(); ++i) {
    const Place* place = view_.find(batch.values[i]);
    if (place == nullptr) return fail("message " + std::to_string(batch.values[i]) + " is confirmed and not in the durable log");
    if (place->position != answer.first_position.plus(i) || place->offset != answer.first_offset.plus(i))
      return fail("message " + std::to_string(batch.values[i]) + " is confirmed at another place than where it stands");
  }
}

void Checker::not_stored(std::uint64_t id, ErrorOutcome outcome) {
  BatchRecord& batch = batches_.at(id);
  if (batch.fate != BatchRecord::Fate::kOpen) fail("batch " + std::to_string(id) + " is answered twice");
  const bool is_unknown = outcome == ErrorOutcome::kUnknown;
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

// ---- what leaves the broker

void Checker::departing(ConnectionId connection, const std::vector<SharedBytes>& frames) {
  auto decoded = decoder_.reply(frames.front().bytes);
  if (!decoded) return fail("the broker sends a frame that cannot be read");
  if (const auto* deliver = std::get_if<proto::Deliver>(&decoded->body)) return on(connection, *deliver, frames);
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { on(connection, CorrelationId(0), body); }) on(connection, decoded->correlation, body);
      },
      decoded->body);
}

void Checker::on(ConnectionId, CorrelationId, const proto::Published& reply) {
  if (reply.first_position.plus(reply.count) > view_.end()) fail("a publish is answered before it is durable");
}

void Checker::on(ConnectionId, CorrelationId, const proto::Completed& reply) {
  if (reply.first_position.plus(reply.count) > view_.end()) fail("a complete is answered before it is durable");
}

template <class Each>
void Checker::each_acked(ConnectionId connection, const std::vector<proto::AckEntry>& entries, Each each) {
  for (const proto::AckEntry& entry : entries) {
    const LeaseBook::Grant* grant = book_.find(connection, entry.slot, entry.token);
    if (grant == nullptr) return fail("an ack under a token that was never given is accepted");
    for (const proto::IndexRun& run : entry.runs) {
      for (std::uint32_t i = run.first; i < run.first + run.count; ++i) {
        if (i >= grant->count) return fail("an ack beyond its lease is accepted");
        each(Spot{grant->group, grant->lane, grant->first.plus(i)}, entry.token.plus(i));
      }
    }
  }
}

void Checker::on(ConnectionId connection, CorrelationId, const proto::Acked& reply) {
  each_acked(connection, reply.done, [&](const Spot& spot, LeaseToken token) {
    ++counts.acked;
    if (book_.last_token(spot) != token) fail(ack_of(spot) + " is accepted from a stale lease");
    const LaneView* lane = view_.find_lane(spot.group, spot.lane);
    if (lane == nullptr || !lane->done.contains(spot.offset.value)) fail(ack_of(spot) + " is answered before it is durable");
  });
  for (const proto::AckEntry& entry : reply.stale)
    for (const proto::IndexRun& run : entry.runs) counts.stale += run.count;
}

void Checker::on(ConnectionId connection, CorrelationId, const proto::Resumed& reply) {
  const auto group = book_.group_of(connection, reply.subscription);
  if (!group) return fail("a Resumed for a subscription that the session does not have");
  for (const proto::ResumedRange& range : reply.granted) {
    counts.resumed += range.held.count;
    for (std::uint32_t i = 0; i < range.held.count; ++i)
      hand_out(connection, {*group, range.held.lane, range.held.first.plus(i)}, range.token.plus(i));
    book_.grant(connection, range.slot, range.token, {*group, range.held.lane, range.held.first, range.held.count});
  }
}

void Checker::on(ConnectionId connection, const proto::Deliver& deliver, const std::vector<SharedBytes>& frames) {
  const auto group = book_.group_of(connection, deliver.subscription);
  if (!group || frames.size() != 3) return fail("a Deliver for a subscription that the session does not have");
  std::uint32_t count = 0;
  for (const proto::DeliveredRange& range : deliver.ranges) count += range.stretch.count;
  const proto::SectionView messages(frames[1].bytes, frames[2].bytes, count);
  const TopicView* topic = view_.find_topic(group->topic);
  std::uint32_t index = 0;
  for (const proto::DeliveredRange& range : deliver.ranges) {
    const LaneView* lane = view_.find_lane(*group, range.lane);
    for (std::uint32_t i = 0; i < range.stretch.count; ++i, ++index) {
      const Spot spot{*group, range.lane, range.stretch.first_offset.plus(i)};
      const auto stored = topic == nullptr ? std::map<Lane, std::vector<Stored>>::const_iterator() : topic->lanes.find(range.lane);
      if (topic == nullptr || stored == topic->lanes.end() || spot.offset.value >= stored->second.size())
        return fail(text_of(spot) + " is delivered before it is durable");
      const Stored& message = stored->second[spot.offset.value];
      if (message.position != range.stretch.first_position.plus(i) || value_of(messages.payload(index)) != message.value)
        return fail(text_of(spot) + " is delivered with another message's place or payload");
      std::uint32_t failures = 0;
      if (lane != nullptr && lane->attempts.contains(spot.offset.value)) failures = lane->attempts.at(spot.offset.value);
      if (range.attempt != failures + 1)
        return fail(text_of(spot) + " is delivered as attempt " + std::to_string(range.attempt) + " after " + std::to_string(failures) +
                    " failures");
      hand_out(connection, spot, range.token.plus(i));
      // A Resume of somebody who held it before may come first: then the last holder is told that it lost it.
      if (const auto* waiting = book_.waiting(spot); waiting != nullptr && world_.mono() < waiting->until)
        fail(text_of(spot) + " is delivered while it waits for its worker after a restart");
      ++counts.delivered;
    }
    book_.grant(connection, range.slot, range.token, {*group, range.lane, range.stretch.first_offset, range.stretch.count});
  }
}

void Checker::hand_out(ConnectionId connection, const Spot& spot, LeaseToken token) {
  const LaneView* lane = view_.find_lane(spot.group, spot.lane);
  if (lane != nullptr && lane->done.contains(spot.offset.value)) fail(text_of(spot) + " is handed out after it was done");
  if (confirmed_.contains(spot)) fail(text_of(spot) + " is handed out after its ack was confirmed");
  if (const auto last = book_.last_token(spot); last && token <= *last)
    fail(text_of(spot) + " is handed out under a token that is not above the last one");
  if (const auto* holder = book_.holder(spot); holder != nullptr && holder->connection != connection)
    fail(text_of(spot) + " is leased to two sessions at once");
  else if (holder != nullptr)
    fail(text_of(spot) + " is leased twice to one session");
}

// A client hears.
void Checker::arrived(ConnectionId connection, const std::vector<SharedBytes>& frames) {
  auto decoded = decoder_.reply(frames.front().bytes);
  if (!decoded) return fail("a client gets a frame that cannot be read");
  if (const auto* acked = std::get_if<proto::Acked>(&decoded->body)) {
    each_acked(connection, acked->done, [&](const Spot& spot, LeaseToken) { confirmed_.insert(spot); });
  } else if (const auto* deliver = std::get_if<proto::Deliver>(&decoded->body)) {
    for (const proto::DeliveredRange& range : deliver->ranges) {
      if (book_.find(connection, range.slot, range.token) == nullptr) return fail("a delivery arrives that was never sent");
      if (!arrived_.insert({connection, range.token}).second) fail("a delivery arrives twice");
    }
  }
}

// ---- what enters the shard

void Checker::command(const core::Command& command) {
  book_.command(command);
  const auto* request = std::get_if<core::ClientRequest>(&command);
  if (request == nullptr) return;
  const auto* publish = std::get_if<proto::Publish>(&request->body);
  if (publish == nullptr) return;
  const proto::SectionView messages(request->metadata.bytes, request->payload.bytes, publish->count);
  const auto value = value_of(messages.payload(0));
  if (!value || !batch_of_.contains(*value)) return fail("a batch enters that nobody sent");
  batches_.at(batch_of_.at(*value)).sequences.insert(publish->sequence);
}

// ---- what the log says

void Checker::durable(const core::Commit& commit, const core::PartitionUuid& partition) {
  if (commit.first != view_.end())
    return fail("the log goes on at position " + std::to_string(commit.first.value) + " and ended at " + std::to_string(view_.end().value));
  const auto parsed = core::CommitView::parse(commit.value.bytes, partition, core::CommitView::Sections::kCheck);
  if (!parsed) return fail("a commit cannot be read: " + parsed.error().what);
  log_.push_back(commit);
  ++counts.commits;
  world_.trace("durable", commit.first.value, commit.end.value, fingerprint(commit.value.bytes));
  std::set<Spot> done;
  for (const core::RunView& run : parsed->runs) durable_run(run, done);
  view_.ends_at(commit.end);
  for (const core::RunView& run : parsed->runs) {
    if (run.run_class != proto::RunClass::kImmediate) continue;
    const proto::SectionView messages(run.metadata, run.payload, run.count);
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const auto parent = parent_of_.find(value_of(messages.payload(i)).value_or(0));
      if (parent == parent_of_.end()) continue;
      const Place* place = view_.find(parent->second.value);
      if (place == nullptr || !done.contains({parent->second.group, place->lane, place->offset}))
        fail("follow-up " + std::to_string(parent->first) + " is stored without the ack of its parent in the same commit");
    }
  }
}

void Checker::durable_run(const core::RunView& run, std::set<Spot>& done) {
  if (run.run_class == proto::RunClass::kImmediate) {
    if (const auto complaint = view_.add(run)) return fail("the log has " + *complaint);
    return on_batch(run);
  }
  const auto events = core::decode_events(as_text(run.metadata), run.count);
  if (!events) return fail("a control run cannot be read: " + events.error().what);
  for (const core::Event& event : *events) {
    if (const auto complaint = view_.add(event)) return fail("the log has " + *complaint);
    const auto settle = [&](TopicId topic, GroupId group, Lane lane, Offset offset) {
      const Spot spot{view_.topics().at(topic).groups.at(group).name, lane, offset};
      done.insert(spot);
      book_.settled(spot);
    };
    if (const auto* d = std::get_if<core::Done>(&event)) {
      for (const core::OffsetRun& offsets : d->runs) {
        for (Offset at = offsets.first; at < offsets.end(); at = at.plus(1)) {
          on_done(d->topic, d->group, d->lane, at);
          settle(d->topic, d->group, d->lane, at);
        }
      }
    } else if (const auto* dead = std::get_if<core::Dead>(&event)) {
      ++counts.dead;
      settle(dead->topic, dead->group, dead->lane, dead->offset);
    }
  }
}

void Checker::on_batch(const core::RunView& run) {
  const proto::SectionView messages(run.metadata, run.payload, run.count);
  const Value first = *value_of(messages.payload(0));
  if (parent_of_.contains(first)) return;
  const auto known = batch_of_.find(first);
  if (known == batch_of_.end()) return fail("message " + std::to_string(first) + " is stored and nobody sent it");
  const BatchRecord& batch = batches_.at(known->second);
  if (batch.fate == BatchRecord::Fate::kRefused) fail("message " + std::to_string(first) + " was refused for good and is stored");
  if (batch.values.size() != run.count) fail("batch " + std::to_string(known->second) + " is stored with another number of messages");
  if (batch.sequences.size() > 1) return;   // renumbered after a refusal: others may have passed it
  std::uint64_t& last = last_batch_[{batch.producer, batch.topic, batch.lane}];
  if (known->second < last)
    fail("batch " + std::to_string(known->second) + " is stored behind batch " + std::to_string(last) + ", which was sent later");
  last = std::max(last, known->second);
}

void Checker::on_done(TopicId topic, GroupId group, Lane lane, Offset offset) {
  const TopicView& t = view_.topics().at(topic);
  const auto messages = t.lanes.find(lane);
  if (messages == t.lanes.end() || offset.value >= messages->second.size()) return fail("a Done reaches beyond the end of its lane");
  const Value value = messages->second[offset.value].value;
  const GroupName& name = t.groups.at(group).name;
  if (!handled_.contains({value, name}))
    fail("message " + std::to_string(value) + " is done in " + name.topic + "/" + name.group + " and nobody handled it");
}

void Checker::term_begins() {
  const Time now = world_.mono();
  book_.term_begins([&](const Spot& spot) -> std::optional<Time> {
    const LaneView* lane = view_.find_lane(spot.group, spot.lane);
    if (lane == nullptr || lane->done.contains(spot.offset.value)) return std::nullopt;
    const Duration wait =
        lane->held.contains(spot.offset.value) ? std::max(options_.session_timeout, options_.recover_grace) : options_.recover_grace;
    if (wait == Duration::zero()) return std::nullopt;
    ++counts.held_back;
    return now + wait;
  });
}

void Checker::audit(const core::PartitionStats& stats) {
  if (stats.end != view_.end() || stats.committed != view_.end()) return;
  for (const core::TopicStats& topic : stats.topics) {
    const TopicView* mine = view_.find_topic(topic.topic);
    if (mine == nullptr) return fail("topic " + topic.topic + " is in the statistics and not in the log");
    for (const core::GroupStats& group : topic.groups) {
      const GroupView* its = view_.find_group({topic.topic, group.group});
      if (its == nullptr) return fail("group " + group.group + " is in the statistics and not in the log");
      const std::uint64_t sum = group.ready + group.leased + group.retrying + group.held;
      if (sum != mine->owed(*its))
        return fail("group " + topic.topic + "/" + group.group + " counts ready " + std::to_string(group.ready) + " + leased " +
                    std::to_string(group.leased) + " + retrying " + std::to_string(group.retrying) + " + held " +
                    std::to_string(group.held) + " and owes " + std::to_string(mine->owed(*its)));
      std::uint64_t dead = 0;
      for (const auto& [lane, view] : its->lanes) dead += view.dead.size();
      if (dead != group.dead)
        return fail("group " + topic.topic + "/" + group.group + " counts " + std::to_string(group.dead) + " dead and has " +
                    std::to_string(dead));
    }
  }
}

// ---- the end

bool Checker::is_drained() const {
  for (const auto& [id, topic] : view_.topics())
    for (const auto& [group_id, group] : topic.groups)
      if (topic.owed(group) > 0) return false;
  return true;
}

std::string Checker::leftovers() const {
  std::string text;
  for (const auto& [id, topic] : view_.topics())
    for (const auto& [group_id, group] : topic.groups)
      if (const auto n = topic.owed(group); n > 0) text += " " + group.name.topic + "/" + group.name.group + "=" + std::to_string(n);
  return text;
}

void Checker::finish() {
  for (const auto& [id, batch] : batches_) {
    for (const Value value : batch.values) {
      const bool is_stored = view_.find(value) != nullptr;
      if (batch.fate == BatchRecord::Fate::kRefused && is_stored)
        fail("message " + std::to_string(value) + " is refused for good and visible");
      if (batch.fate == BatchRecord::Fate::kStored && !batch.is_relaxed && !is_stored)
        fail("message " + std::to_string(value) + " is confirmed and lost");
    }
  }
  for (const auto& [id, topic] : view_.topics()) {
    for (const auto& [group_id, group] : topic.groups) {
      for (const auto& [lane, messages] : topic.lanes) {
        const auto view = group.lanes.find(lane);
        for (std::uint64_t offset = view == group.lanes.end() ? 0 : view->second.start; offset < messages.size(); ++offset) {
          if (view == group.lanes.end() || !view->second.done.contains(offset))
            return fail("message " + std::to_string(messages[offset].value) + " is never done in " + group.name.topic + "/" +
                        group.name.group);
          if (!view->second.dead.contains(offset) && !handled_.contains({messages[offset].value, group.name}))
            return fail("message " + std::to_string(messages[offset].value) + " is done in " + group.name.topic + "/" + group.name.group +
                        " and nobody handled it");
        }
      }
    }
  }
}

}  // namespace takt::sim
