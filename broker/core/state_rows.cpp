// The state as rows, and back: what a checkpoint writes and recovery loads.

#include <algorithm>
#include <iterator>

#include "broker/core/bytes.h"
#include "broker/core/cold_rows.h"
#include "broker/core/state.h"
#include "proto/check.h"
#include "proto/planted_bug.h"

namespace takt::core {
namespace {

std::string lane_key(TopicId topic, GroupId group, Lane lane, std::uint64_t last) {
  return ByteWriter().key(topic).key(group).key(lane).key(last).take();
}

RowRange all_of(Table table, TopicId topic) { return {table, ByteWriter().key(topic).take(), ByteWriter().key(topic.plus(1)).take()}; }
RowRange all_of(Table table, TopicId topic, GroupId group) {
  return {table, ByteWriter().key(topic).key(group).take(), ByteWriter().key(topic).key(group.plus(1)).take()};
}

constexpr std::array group_tables{Table::kGroups, Table::kDone, Table::kRetries, Table::kDead, Table::kHeld};
constexpr std::array topic_tables{Table::kTopics, Table::kIndex, Table::kCold};

/// Held runs whose offsets are all done say nothing any more.
void forget_done_held(GroupLane& lane) {
  for (auto it = lane.held.begin(); it != lane.held.end();) {
    if (lane.next_owed(it->first) >= it->first.plus(it->second.count)) {
      lane.changed_held.insert(it->first);
      it = lane.held.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace

void RetryState::append_to(ByteWriter& out) const {
  out.varint(attempts).varint(deaths).varint(deaths_in_row).signed_varint(due.time_since_epoch().count());
  out.signed_varint(since.time_since_epoch().count()).id(lease).varint(code);
  failures.append_to(out);
}

bool RetryState::read(ByteReader& in) {
  attempts = in.number<std::uint32_t>();
  deaths = in.number<std::uint32_t>();
  deaths_in_row = in.number<std::uint32_t>();
  due = WallTime(std::chrono::milliseconds(in.signed_varint()));
  since = WallTime(std::chrono::milliseconds(in.signed_varint()));
  lease = in.id<LeaseToken>();
  code = in.number<std::uint32_t>();
  return failures.read(in) && deaths <= attempts && deaths_in_row <= deaths;
}

void DeadState::append_to(ByteWriter& out) const {
  out.varint(attempts).varint(static_cast<std::uint64_t>(reason)).signed_varint(time.time_since_epoch().count());
  out.id(position).id(leases_from);
  failures.append_to(out);
}

bool DeadState::read(ByteReader& in) {
  attempts = in.number<std::uint32_t>();
  const auto stored_reason = in.number<std::uint8_t>();
  reason = static_cast<proto::DeadReason>(stored_reason);
  time = WallTime(std::chrono::milliseconds(in.signed_varint()));
  position = in.id<Position>();
  leases_from = in.id<LeaseToken>();
  return failures.read(in) && !failures.list().empty() && stored_reason >= 1 && stored_reason <= proto::dead_reason_count;
}

Checkpoint State::freeze(Position end) {
  Checkpoint out;
  out.applied = end;
  for (const TopicId topic : deleted_topics_) {
    for (const Table table : topic_tables) out.erased.push_back(all_of(table, topic));
    for (const Table table : group_tables) out.erased.push_back(all_of(table, topic));
  }
  for (const auto& [topic, group] : deleted_groups_)
    for (const Table table : group_tables) out.erased.push_back(all_of(table, topic, group));
  deleted_topics_.clear();
  deleted_groups_.clear();
  for (const TopicId id : changed_topics_) freeze_topic(topics_.at(id), out);
  for (const auto& [topic_id, group_id] : changed_groups_) {
    Topic& topic = topics_.at(topic_id);
    freeze_group(topic, topic.groups.at(group_id), out);
  }
  frozen_topics_.assign(changed_topics_.begin(), changed_topics_.end());
  made_ = 0;
  changed_topics_.clear();
  changed_groups_.clear();
  for (RowChange& row : producers_.take_changes()) out.changed.push_back(std::move(row));
  freeze_wheel(out);
  steered_.take_changes(out);
  schedules_.take_changes(out);
  out.changed.push_back({Table::kMeta, "state",
                         ByteWriter()
                             .id(epoch_)
                             .id(next_topic_)
                             .id(next_group_)
                             .signed_varint(time_.time_since_epoch().count())
                             .id(reclaimed_)
                             .id(schedules_.next_id())
                             .signed_varint(schedules_.triggered().time_since_epoch().count())
                             .take()});
  return out;
}

void State::freeze_topic(Topic& topic, Checkpoint& out) {
  ByteWriter row;
  row.text(topic.name).varint(topic.settings.keep_ms).varint(topic.settings.keep_bytes).varint(topic.settings.bytes_max);
  topic.lanes.each([&](Lane lane, TopicLane& here) {
    const Offset bound = topic.pinned(lane);
    // A row goes when the next one begins at or before the bound; what is still only in memory counts as the next one.
    const Offset first_row = here.index_rows.empty() ? Offset(0) : here.index_rows.front();
    auto passed = here.index_rows.begin();
    while (here.index_rows.end() - passed > 1 && *std::next(passed) <= bound) ++passed;
    here.index_rows.erase(here.index_rows.begin(), passed);
    if (here.index_rows.size() == 1 && !here.recent.empty() && here.recent.front().first <= bound) here.index_rows.clear();
    const Offset kept = here.index_rows.empty() ? bound : here.index_rows.front();
    if (kept > first_row) out.erased.push_back({Table::kIndex, index_key(topic.id, lane, first_row), index_key(topic.id, lane, kept)});
    erase_cold(topic, lane, here, out);
    release(topic, lane, here, out);
    row.id(lane)
        .id(here.next)
        .id(here.horizon)
        .varint(here.bytes)
        .id(here.erased_below)
        .varint(here.scheduled)
        .varint(here.cancelled)
        .varint(here.is_fired_into ? 1 : 0)
        .varint(here.entered.size());
    for (const Entered& until : here.entered)
      row.id(until.end).signed_varint(until.since.time_since_epoch().count()).signed_varint(until.time.time_since_epoch().count());
    check(here.frozen == 0, "one checkpoint at a time");
    for (RowChange& change : encode_index_rows(topic.id, lane, here.recent)) {
      here.index_rows.push_back(decode_index_row(change.key, *change.value)->segments.front().first);
      out.changed.push_back(std::move(change));
    }
    here.frozen = here.recent.size();
  });
  out.changed.push_back({Table::kTopics, ByteWriter().key(topic.id).take(), row.take()});
}

/// Carried messages that nobody is owed any more go, but for dead ones, which wait for people.
void State::erase_cold(const Topic& topic, Lane lane, TopicLane& here, Checkpoint& out) {
  const Offset low = topic.low(lane);
  if (low <= here.erased_below) return;
  std::set<Offset> dead;
  for (const auto& [id, group] : topic.groups) {
    const GroupLane* owed = group.lanes.find(lane);
    if (owed == nullptr) continue;
    for (auto it = owed->dead.lower_bound(here.erased_below); it != owed->dead.end() && it->first < low; ++it) dead.insert(it->first);
  }
  dead.insert(low);
  for (const Offset kept : dead) {
    if (kept > here.erased_below)
      out.erased.push_back({Table::kCold, cold_key(topic.id, lane, here.erased_below), cold_key(topic.id, lane, kept)});
    here.erased_below = kept == low ? low : kept.plus(1);
  }
}

void State::freeze_group(const Topic& topic, Group& group, Checkpoint& out) {
  ByteWriter row;
  row.text(group.name).varint(group.done).id(group.leases_from);
  append_settings(row, group.settings);
  group.lanes.each([&](Lane lane, GroupLane& owed) {
    row.id(lane).id(owed.done.floor()).id(owed.lent);
    owed.finished.append_to(row);
    const auto put = [&](Table table, std::uint64_t last, std::optional<std::string> value) {
      out.changed.push_back({table, lane_key(topic.id, group.id, lane, last), std::move(value)});
    };
    for (auto& [index, value] : owed.done.take_changes()) put(Table::kDone, index, std::move(value));
    for (const Offset offset : owed.changed_retries) {
      const auto it = owed.retries.find(offset);
      if (it == owed.retries.end()) {
        put(Table::kRetries, offset.value, std::nullopt);
      } else {
        ByteWriter value;
        it->second.append_to(value);
        put(Table::kRetries, offset.value, value.take());
      }
    }
    for (const Offset offset : owed.changed_dead) {
      const auto it = owed.dead.find(offset);
      if (it == owed.dead.end()) {
        put(Table::kDead, offset.value, std::nullopt);
      } else {
        ByteWriter value;
        it->second.append_to(value);
        put(Table::kDead, offset.value, value.take());
      }
    }
    forget_done_held(owed);
    for (const Offset first : owed.changed_held) {
      const auto it = owed.held.find(first);
      if (it == owed.held.end())
        put(Table::kHeld, first.value, std::nullopt);
      else
        put(Table::kHeld, first.value, ByteWriter().varint(it->second.count).id(it->second.client).take());
    }
    owed.changed_retries.clear();
    owed.changed_dead.clear();
    owed.changed_held.clear();
  });
  out.changed.push_back({Table::kGroups, ByteWriter().key(topic.id).key(group.id).take(), row.take()});
}

void State::frozen_written() {
  wheel_.written();
  if (planted(PlantedBug::kAckLostAtCheckpoint)) changed_groups_.clear();
  for (const TopicId id : std::exchange(frozen_topics_, {})) {
    Topic* topic = find_topic(id);
    if (topic == nullptr) continue;   // deleted meanwhile
    topic->lanes.each([](Lane, TopicLane& lane) {
      lane.recent.erase(lane.recent.begin(), lane.recent.begin() + static_cast<std::ptrdiff_t>(lane.frozen));
      lane.frozen = 0;
    });
  }
}

Result<void, Corruption> State::load_row(Table table, std::string_view key, std::string_view value) {
  switch (table) {
    case Table::kMeta:
      if (key == "state") return load_meta(value);
      return key == "wheel" && !wheel_.load_state(value) ? failed(Corruption{"the wheel's row is malformed"}) : Result<void, Corruption>();
    case Table::kTopics: return load_topic(key, value);
    case Table::kGroups: return load_group(key, value);
    case Table::kIndex: {
      const auto row = decode_index_row(key, value);
      if (!row) return failed(row.error());
      Topic* topic = find_topic(row->topic);
      TopicLane* lane = topic == nullptr || row->lane.value >= lane_count ? nullptr : topic->lanes.find(row->lane);
      if (lane == nullptr) return failed(Corruption{"an index row names a topic or lane that is not there"});
      lane->index_rows.push_back(row->segments.front().first);
      return {};
    }
    case Table::kDone:
    case Table::kRetries:
    case Table::kDead:
    case Table::kHeld: return load_group_lane(table, key, value);
    case Table::kProducers: return producers_.load(key, value);
    case Table::kBuckets: return load_bucket(key, value);
    case Table::kArmed: return load_armed(key, value);
    case Table::kSchedules: return schedules_.load(key, value);
    case Table::kRearmed: return steered_.load_rearmed(key, value);
    case Table::kCancelled: return steered_.load_cancelled(key, value);
    case Table::kCold:
    case Table::kTimers:
    case Table::kPinned: return {};
  }
  return failed(Corruption{"a row of an unknown table"});
}

Result<void, Corruption> State::load_meta(std::string_view value) {
  ByteReader in(value);
  epoch_ = in.id<Epoch>();
  next_topic_ = in.id<TopicId>();
  next_group_ = in.id<GroupId>();
  time_ = WallTime(std::chrono::milliseconds(in.signed_varint()));
  reclaimed_ = in.id<Epoch>();
  const auto next_schedule = in.id<ScheduleId>();
  schedules_.load(next_schedule, WallTime(std::chrono::milliseconds(in.signed_varint())));
  if (!in.finished()) return failed(Corruption{"the state row is malformed"});
  return {};
}

Result<void, Corruption> State::load_topic(std::string_view key, std::string_view value) {
  ByteReader k(key);
  ByteReader in(value);
  const auto id = k.key_id<TopicId>();
  Topic& topic = topics_[id];
  topic.id = id;
  topic.name = in.text();
  topic.settings = {.keep_ms = in.varint(), .keep_bytes = in.varint(), .bytes_max = in.varint()};
  while (in.ok() && in.remaining() > 0) {
    const auto lane = in.id<Lane>();
    if (lane.value >= lane_count) break;
    TopicLane& here = topic.lanes.make(lane);
    here.next = in.id<Offset>();
    here.horizon = in.id<Offset>();
    here.bytes = in.varint();
    here.erased_below = in.id<Offset>();
    here.scheduled = in.varint();
    here.cancelled = in.varint();
    here.is_fired_into = in.varint() != 0;
    for (std::uint64_t told = in.varint(); in.ok() && told > 0; --told) {
      Entered& until = here.entered.emplace_back();
      until.end = in.id<Offset>();
      until.since = WallTime(std::chrono::milliseconds(in.signed_varint()));
      until.time = WallTime(std::chrono::milliseconds(in.signed_varint()));
    }
  }
  if (!k.finished() || !in.finished() || !by_name_.emplace(topic.name, id).second)
    return failed(Corruption{"topic row " + std::to_string(id.value) + " is malformed"});
  return {};
}

Result<void, Corruption> State::load_group(std::string_view key, std::string_view value) {
  ByteReader k(key);
  ByteReader in(value);
  Topic* topic = find_topic(k.key_id<TopicId>());
  const auto id = k.key_id<GroupId>();
  if (!k.finished() || topic == nullptr) return failed(Corruption{"a group row names a topic that is not there"});
  const auto [entry, is_new] = topic->groups.try_emplace(id);
  if (!is_new) return failed(Corruption{"group " + std::to_string(id.value) + " has two rows"});
  ++group_count_;
  Group& group = entry->second;
  group.id = id;
  group.name = in.text();
  group.done = in.varint();
  group.leases_from = in.id<LeaseToken>();
  bool is_sound = read_settings(in, group.settings);
  topic->enter_by_name(group);
  while (in.ok() && in.remaining() > 0) {
    const auto lane = in.id<Lane>();
    if (lane.value >= lane_count) break;
    GroupLane& owed = group.lanes.make(lane, in.id<Offset>());
    owed.lent = in.id<Offset>();
    is_sound = owed.finished.read(in) && is_sound;
  }
  if (!in.finished() || !is_sound) return failed(Corruption{"group row " + std::to_string(id.value) + " is malformed"});
  return {};
}

Result<void, Corruption> State::load_group_lane(Table table, std::string_view key, std::string_view value) {
  ByteReader k(key);
  ByteReader in(value);
  const auto topic = k.key_id<TopicId>();
  const auto group = k.key_id<GroupId>();
  const auto lane = k.key_id<Lane>();
  const auto last = k.key<std::uint64_t>();
  Topic* t = find_topic(topic);
  const auto it = t == nullptr ? std::map<GroupId, Group>::iterator() : t->groups.find(group);
  GroupLane* owed = t == nullptr || it == t->groups.end() || lane.value >= lane_count ? nullptr : it->second.lanes.find(lane);
  if (!k.finished() || owed == nullptr) return failed(Corruption{"a row of a group's lane names what is not there"});
  if (table == Table::kDone) return owed->done.load(last, value);
  if (table == Table::kRetries) {
    if (!owed->retries[Offset(last)].read(in)) return failed(Corruption{"a row of a message that failed is malformed"});
  } else if (table == Table::kDead) {
    DeadState& dead = owed->dead[Offset(last)];
    if (!dead.read(in)) return failed(Corruption{"a row of a dead message is malformed"});
    if (dead.is_redriven()) owed->redriven.insert(Offset(last));
  } else {
    HeldState& h = owed->held[Offset(last)];
    h.count = in.varint();
    h.client = in.id<ClientId>();
  }
  if (!in.finished()) return failed(Corruption{"a row of a group's lane is malformed"});
  return {};
}

}  // namespace takt::core
