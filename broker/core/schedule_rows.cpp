// Schedules as rows, and back: part 0 of a schedule says how it stands, the others, together, what it is.

#include "broker/core/bytes.h"
#include "broker/core/schedules.h"

namespace takt::core {
namespace {

constexpr std::uint16_t standing = 0;

std::string row_key(ScheduleId schedule, std::uint16_t part) { return ByteWriter().key(schedule).key(part).take(); }

void append_time(ByteWriter& out, WallTime time) { out.signed_varint(time.time_since_epoch().count()); }
WallTime read_time(ByteReader& in) { return WallTime(std::chrono::milliseconds(in.signed_varint())); }

std::string definition_of(const Schedule& s) {
  ByteWriter out;
  out.text(s.name).text(s.topic).id(s.lane);
  append_settings(out, s.settings);
  out.text(s.metadata).text(s.payload);
  append_time(out, s.anchor);
  return out.take();
}

bool read_definition(std::string_view bytes, Schedule& s) {
  ByteReader in(bytes);
  s.name = in.text();
  s.topic = in.text();
  s.lane = in.id<Lane>();
  if (!read_settings(in, s.settings)) return false;
  s.metadata = in.text();
  s.payload = in.text();
  s.anchor = read_time(in);
  return in.finished() && s.lane.value < lane_count;
}

std::string standing_of(const Schedule& s, std::size_t definition_bytes) {
  ByteWriter out;
  out.varint(definition_bytes).varint(s.is_paused ? 1 : 0);
  append_time(out, s.decided_to);
  out.varint(s.next ? 1 : 0);
  if (s.next) {
    append_time(out, s.next->planned);
    append_time(out, s.next->due);
    append_time(out, s.timer.due);
    out.varint(static_cast<std::uint64_t>(s.timer.id));
  }
  out.varint(s.last ? 1 : 0);
  if (s.last) out.id(s.last->topic).id(s.last->lane).id(s.last->offset).id(s.last->position);
  out.varint(s.waiting ? 1 : 0);
  if (s.waiting) append_time(out, *s.waiting);
  out.varint(s.fired).varint(s.skipped).varint(s.history.size());
  for (const Schedule::Past& past : s.history) {
    append_time(out, past.planned);
    append_time(out, past.decided);
    out.varint(static_cast<std::uint64_t>(past.outcome)).varint(past.count).varint(past.message ? past.message->value + 1 : 0);
  }
  return out.take();
}

bool read_standing(ByteReader& in, Schedule& s) {
  s.is_paused = in.varint() != 0;
  s.decided_to = read_time(in);
  if (in.varint() != 0) {
    s.next = NextOccurrence{read_time(in), read_time(in)};
    s.timer.due = read_time(in);
    s.timer.id = scheduler::TimerId(in.varint());
  }
  if (in.varint() != 0) s.last = FiredMessage{in.id<TopicId>(), in.id<Lane>(), in.id<Offset>(), in.id<Position>()};
  if (in.varint() != 0) s.waiting = read_time(in);
  s.fired = in.varint();
  s.skipped = in.varint();
  for (std::uint64_t n = in.varint(); in.ok() && n > 0; --n) {
    Schedule::Past& past = s.history.emplace_back();
    past.planned = read_time(in);
    past.decided = read_time(in);
    const auto outcome = in.number<std::uint8_t>();
    if (outcome < 1 || outcome > proto::outcome_count) return false;
    past.outcome = static_cast<proto::Outcome>(outcome);
    past.count = in.number<std::uint32_t>();
    if (const std::uint64_t message = in.varint(); message != 0) past.message = Position(message - 1);
  }
  return in.finished() && (!s.waiting || s.last);
}

}  // namespace

void Schedules::take_changes(Checkpoint& out) {
  for (const ScheduleId id : deleted_) out.erased.push_back({Table::kSchedules, row_key(id, 0), row_key(id.plus(1), 0)});
  for (const ScheduleId id : changed_) {
    const Schedule& schedule = schedules_.at(id);
    const std::string definition = definition_of(schedule);
    out.changed.push_back({Table::kSchedules, row_key(id, standing), standing_of(schedule, definition.size())});
    if (!put_.contains(id)) continue;
    out.erased.push_back({Table::kSchedules, row_key(id, standing + 1), row_key(id.plus(1), 0)});
    std::uint16_t part = standing;
    for (std::size_t at = 0; at < definition.size(); at += row_value_bytes_max)
      out.changed.push_back({Table::kSchedules, row_key(id, ++part), definition.substr(at, row_value_bytes_max)});
  }
  deleted_.clear();
  changed_.clear();
  put_.clear();
  made_ = 0;
}

Result<void, Corruption> Schedules::load(std::string_view key, std::string_view value) {
  ByteReader k(key);
  const auto id = k.key_id<ScheduleId>();
  const auto part = k.key<std::uint16_t>();
  const auto malformed = [&] { return failed(Corruption{"a row of schedule " + std::to_string(id.value) + " is malformed"}); };
  if (!k.finished() || schedules_.contains(id)) return malformed();
  auto& [how, what] = loading_[id];
  (part == standing ? how : what).append(value);
  ByteReader in(how);
  const std::uint64_t definition_bytes = in.varint();
  if (!in.ok() || what.size() > definition_bytes) return malformed();
  if (what.size() < definition_bytes) return {};   // more to come
  Schedule schedule;
  schedule.id = id;
  if (!read_standing(in, schedule) || !read_definition(what, schedule) || !by_name_.emplace(schedule.name, id).second) return malformed();
  loading_.erase(id);
  if (schedule.waiting) wait(schedule, schedule.waiting);
  schedules_.emplace(id, std::move(schedule));
  return {};
}

void Schedules::append_to(ByteWriter& out) const {
  out.id(next_id_);
  append_time(out, triggered_);
  for (const auto& [id, schedule] : schedules_) {
    const std::string definition = definition_of(schedule);
    out.key(id).text(definition).text(standing_of(schedule, definition.size()));
  }
}

std::optional<std::string> Schedules::broken_invariant(const scheduler::TimerWheel& wheel) const {
  std::size_t waiting = 0;
  for (const auto& [id, schedule] : schedules_) {
    if (schedule.next && schedule.timer > wheel.fired_to() && !wheel.is_armed(schedule.timer.id))
      return "schedule '" + schedule.name + "' has no timer for its next occurrence";
    if (schedule.next && schedule.next->planned <= schedule.decided_to) return "schedule '" + schedule.name + "' would fire twice";
    waiting += schedule.waiting ? 1 : 0;
  }
  if (waiting != awaited_.size()) return "an occurrence that waits is not known by the message before it";
  if (!loading_.empty()) return "schedule " + std::to_string(loading_.begin()->first.value) + " lacks rows";
  return std::nullopt;
}

}  // namespace takt::core
