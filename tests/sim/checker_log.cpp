// What the durable log says, and what goes from the disk.

#include <algorithm>

#include "broker/core/cold_rows.h"

#include "tests/sim/checker.h"

namespace takt::sim {

void Checker::durable(const core::Commit& commit, const core::PartitionUuid& partition) {
  if (commit.first != view_.end())
    return fail("the log goes on at position " + std::to_string(commit.first.value) + " and ended at " + std::to_string(view_.end().value));
  const auto parsed = core::CommitView::parse(commit.value.bytes, partition, core::CommitView::Sections::kCheck);
  if (!parsed) return fail("a commit cannot be read: " + parsed.error().what);
  log_.push_back(commit);
  ++counts.commits;
  world_.trace("durable", commit.first.value, commit.end.value, fingerprint(commit.value.bytes));
  if (const auto complaint = view_.begin(parsed->header.time, world_.latest_wall())) fail("the log has " + *complaint);
  Ended ended;
  for (const core::RunView& run : parsed->runs) durable_run(run, ended);
  view_.ends_at(commit.end);
  for (const core::RunView& run : parsed->runs)
    if (run.run_class != proto::RunClass::kControl) check_follow_ups(run, ended);
}

/// Follow-ups stand in the commit that acks their parent, or that ends its group.
void Checker::check_follow_ups(const core::RunView& run, const Ended& ended) {
  const proto::SectionView messages(run.metadata, run.payload, run.count);
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const auto parent = parent_of_.find(value_of(messages.payload(i)).value_or(0));
    if (parent == parent_of_.end()) continue;
    const GroupName& group = parent->second.group;
    const bool is_acked = ended.done.contains({parent->second.value, group});
    if (!is_acked && !ended.groups.contains(group))
      fail("follow-up " + std::to_string(parent->first) + " is stored without the ack of its parent in the same commit");
  }
}

void Checker::durable_run(const core::RunView& run, Ended& ended) {
  if (run.run_class != proto::RunClass::kControl) {
    if (const auto complaint = view_.add(run, [this](Value value, LogTime stored) { return may_follow_again(value, stored); }))
      return fail("the log has " + *complaint);
    counts.scheduled += run.run_class == proto::RunClass::kScheduled ? run.count : 0;
    if (run.stamp.epoch != 0) on_batch(run);
    return;
  }
  const auto events = core::decode_events(as_text(run.metadata), run.count);
  if (!events) return fail("a control run cannot be read: " + events.error().what);
  Position at = run.first_position;
  for (const core::Event& event : *events) {
    on_event(event, at, ended);
    at = at.plus(1);
  }
}

/// A group that is made anew gives its messages out again, as does one whose message was stored twice; what they are
/// followed by comes again.
bool Checker::may_follow_again(Value value, LogTime stored) const {
  const auto parent = parent_of_.find(value);
  if (parent == parent_of_.end()) return false;
  const GroupView* group = view_.find_group(parent->second.group);
  return (group != nullptr && group->made > stored) || view_.is_repeated(parent->second.value);
}

void Checker::on_event(const core::Event& event, Position position, Ended& ended) {
  std::vector<GroupId> dropped;
  if (const auto* topic = std::get_if<core::TopicDel>(&event)) {
    ++counts.topics_deleted;
    if (const auto it = view_.topics().find(topic->topic); it != view_.topics().end())
      for (const auto& [id, group] : it->second.groups) dropped.push_back(id);
  } else if (const auto* group = std::get_if<core::GroupDel>(&event)) {
    ++counts.groups_deleted;
    dropped.push_back(group->group);
  }
  if (const auto complaint = view_.add(event, position)) return fail("the log has " + *complaint);
  for (const GroupId id : dropped) {
    ended.groups.insert(view_.name_of(id));
    book_.dropped(id);
  }
  const auto settle = [&](TopicId topic, const Spot& spot) {
    ended.done.emplace(view_.topics().at(topic).lanes.at(spot.lane).messages[spot.offset.value].value, view_.name_of(spot.group));
    book_.settled(spot);
  };
  if (const auto* d = std::get_if<core::Done>(&event)) {
    for (const core::OffsetRun& offsets : d->runs) {
      for (Offset at = offsets.first; at < offsets.end(); at = at.plus(1)) {
        on_done(d->topic, d->group, d->lane, at);
        settle(d->topic, {d->group, d->lane, at});
      }
    }
  } else if (const auto* dead = std::get_if<core::Dead>(&event)) {
    ++counts.dead;
    settle(dead->topic, {dead->group, dead->lane, dead->offset});
  } else if (const auto* redrive = std::get_if<core::Redrive>(&event)) {
    for (const core::OffsetRun& offsets : redrive->runs) counts.redriven += offsets.count;
  } else if (const auto* purge = std::get_if<core::DeadPurge>(&event)) {
    for (const core::OffsetRun& offsets : purge->runs) counts.purged += offsets.count;
  } else if (const auto* retry = std::get_if<core::Retry>(&event)) {
    book_.retried({retry->group, retry->lane, retry->offset});
  } else if (const auto* put = std::get_if<core::GroupPut>(&event)) {
    on_group_made(*put);
  } else if (const auto* fire = std::get_if<core::Fire>(&event)) {
    counts.fired += fire->timers.size();
  } else if (const auto* cancel = std::get_if<core::Cancel>(&event)) {
    ++counts.cancelled;
    if (!may_be_cancelled_.contains(cancel->position))
      fail("position " + std::to_string(cancel->position.value) + " is cancelled by nobody");
  } else if (std::holds_alternative<core::Rearm>(event)) {
    ++counts.rearmed;
  } else if (const auto* cron = std::get_if<core::CronFire>(&event)) {
    (proto::is_fired(cron->outcome) ? counts.occurrences : counts.occurrences_skipped) += cron->count;
    counts.caught_up += cron->outcome == proto::Outcome::kLate ? 1 : 0;
  } else if (std::holds_alternative<core::Retain>(event)) {
    ++counts.kept_let_go;
  } else if (const auto* producer = std::get_if<core::ProducerPut>(&event)) {
    counts.forgotten += producer->epoch == 0 ? 1 : 0;
  }
}

void Checker::on_group_made(const core::GroupPut& e) {
  const GroupView& group = *view_.find_group(e.group);
  if (group.made != view_.now()) return;   // only its settings changed
  if (!group.is_from_now) ++counts.groups_from_earliest;
  if (!group.is_from_earliest) ++counts.groups_from_now;
  if (!group.is_from_earliest && !asked_from_now_.contains(group.name)) fail("a group that was asked for from the earliest begins now");
  if (!group.is_from_now && !asked_from_earliest_.contains(group.name)) fail("a group that was asked for from now begins at the earliest");
}

void Checker::on_batch(const core::RunView& run) {
  const proto::SectionView messages(run.metadata, run.payload, run.count);
  const Value first = *value_of(messages.payload(0));
  if (parent_of_.contains(first)) return;
  const auto known = batch_of_.find(first);
  if (known == batch_of_.end()) return fail("message " + std::to_string(first) + " is stored and nobody sent it");
  const BatchRecord& batch = batches_.at(known->second);
  if (batch.fate == BatchRecord::Fate::kRefused && !batch.is_repeated)
    fail("message " + std::to_string(first) + " was refused for good and is stored");
  if (batch.values.size() != run.count) fail("batch " + std::to_string(known->second) + " is stored with another number of messages");
  // Renumbered after a refusal, or numbered when nobody knew the numbers any more: others may have passed it.
  if (batch.sequences.size() > 1 || view_.was_forgotten(batch.producer)) return;
  std::uint64_t& last = last_batch_[{batch.producer, batch.epoch, batch.topic, batch.lane, run.run_class}];
  if (known->second < last)
    fail("batch " + std::to_string(known->second) + " is stored behind batch " + std::to_string(last) + ", which was sent later");
  last = std::max(last, known->second);
}

void Checker::on_done(TopicId topic, GroupId id, Lane lane, Offset offset) {
  const Stored& message = view_.topics().at(topic).lanes.at(lane).messages[offset.value];
  const GroupView& group = *view_.find_group(id);
  if (handled_.contains({message.value, group.name})) return;
  if (may_be_cancelled_.contains(message.position)) {
    ++counts.withdrawn;
    const LeaseBook::Holder* const holder = book_.holder({id, lane, offset});
    if (holder != nullptr && !holder->is_given_back) fail(text_of({id, lane, offset}) + " is cancelled while a worker has it");
    return;
  }
  // A group that was made when others had done a message may find it gone.
  if (!is_excused(message, group))
    fail("message " + std::to_string(message.value) + ", " + text_of({id, lane, offset}) + ", is done and nobody handled it");
  ++counts.settled;
}

bool Checker::is_kept(const TopicView& topic, const TopicLog& log, std::uint64_t offset) const {
  const proto::TopicSettings& keep = topic.weakest;
  const bool is_young = keep.keep_ms != 0 && log.messages[offset].time + std::chrono::milliseconds(keep.keep_ms) > world_.latest_wall();
  return is_young || offset + keep.keep_bytes / topic.message_bytes_max >= log.messages.size() + (keep.keep_bytes == 0 ? 1 : 0);
}

/// G5: a message leaves the disk when it is nobody's any more, and `keep` has passed.
void Checker::freeing(Position until, const std::function<bool(TopicId, Lane, Offset)>& is_carried) {
  for (; freed_ < until; freed_ = freed_.plus(1)) {
    const auto at = view_.at(freed_);
    if (!at || at->topic == nullptr || at->is_cancelled) continue;
    if (at->is_scheduled && is_carried(at->topic->id, core::staged_lane, Offset(freed_.value))) continue;
    if (!at->offset)
      return fail("position " + std::to_string(freed_.value) + " leaves the log, and " + at->topic->name + " waits for its due");
    const bool must_stay = is_kept(*at->topic, at->topic->lanes.at(at->lane), *at->offset);
    if (at->message->freeable != 0 && !must_stay) continue;
    if (!is_carried(at->topic->id, at->lane, Offset(*at->offset)))
      return fail("offset " + std::to_string(*at->offset) + " of " + at->topic->name + " leaves the log and is " +
                  (must_stay ? "to be kept" : "still owed"));
  }
}

void Checker::audit(const core::PartitionStats& stats) {
  if (stats.end != view_.end() || stats.committed != view_.end()) return;
  ++counts.at_rest;
  for (const core::TopicStats& topic : stats.topics) {
    const TopicView* mine = view_.find_topic(topic.topic);
    if (mine == nullptr) return fail("topic " + topic.topic + " is in the statistics and not in the log");
    if (topic.messages != mine->retained()) fail("topic " + topic.topic + " counts messages that it does not keep");
    if (topic.groups.size() != mine->groups.size()) return fail("topic " + topic.topic + " counts other groups than the log has");
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

}  // namespace takt::sim
