// The replicated state as one number.

#include "broker/core/bytes.h"
#include "broker/core/state.h"
#include "proto/section.h"

namespace takt::core {
namespace {

void append_lane(ByteWriter& out, const GroupLane& owed, Offset end) {
  out.id(owed.lent);
  owed.finished.append_to(out);
  for (Offset at = owed.done.next_open(Offset(0)); at < end;) {
    const std::uint64_t n = owed.done.open_run(at, end.value - at.value);
    out.id(at).varint(n);
    at = owed.done.next_open(at.plus(n));
  }
  for (const auto& [offset, retry] : owed.retries) {
    out.id(offset);
    retry.append_to(out);
  }
  for (const auto& [offset, dead] : owed.dead) {
    out.id(offset);
    dead.append_to(out);
  }
  // What is all done meanwhile goes at the next checkpoint, whenever that is.
  for (const auto& [first, held] : owed.held)
    if (owed.next_owed(first) < first.plus(held.count)) out.id(first).varint(held.count).id(held.client);
}

}  // namespace

std::uint64_t State::digest() const {
  ByteWriter out;
  out.id(epoch_).id(next_topic_).id(next_group_).signed_varint(time_.time_since_epoch().count()).id(reclaimed_);
  for (const auto& [topic_id, topic] : topics_) {
    out.key(topic_id).text(topic.name);
    out.varint(topic.settings.keep_ms).varint(topic.settings.keep_bytes).varint(topic.settings.bytes_max);
    topic.lanes.each([&](Lane lane, const TopicLane& here) {
      out.id(lane).id(here.next).id(here.horizon).varint(here.bytes).varint(here.scheduled).varint(here.cancelled);
      for (const Entered& until : here.entered) out.id(until.end).signed_varint(until.time.time_since_epoch().count());
    });
    for (const auto& [group_id, group] : topic.groups) {
      out.key(group_id).text(group.name).varint(group.done).id(group.leases_from);
      append_settings(out, group.settings);
      group.lanes.each([&](Lane lane, const GroupLane& owed) {
        out.id(lane);
        append_lane(out, owed, topic.lanes.find(lane)->next);
      });
    }
  }
  producers_.append_to(out);
  steered_.append_to(out);
  schedules_.append_to(out);
  out.varint(wheel_.digest());
  return proto::section_checksum(as_bytes(out.take()));
}

}  // namespace takt::core
