#pragma once
// Every message's body, said once: the fields in wire order with the rule that each keeps. `fields(f, message)` calls
// f(name, field, rule) for each; the encoder ignores the rules, the decoder enforces them, so the two cannot disagree.
// `f.require(held, name, expected)` states what no single field can tell.

#include <numeric>
#include <vector>

#include "proto/field_rules.h"
#include "proto/messages.h"

namespace takt::proto {

// ---- parts

void fields(auto& f, Of<IndexRun> auto& m) {
  f("first", m.first, Between{0, limits::lease_range_max - 1});
  f("count", m.count, Between{1, limits::lease_range_max});
  f.require(m.first + m.count <= limits::lease_range_max, "count", "an end within the 1024 places of a lease range");
}
void fields(auto& f, Of<FollowUp> auto& m) {
  f("topic", m.topic, topic_name);
  f("lane", m.lane, lanes);
  f("run_class", m.run_class, batch_class);
  f("count", m.count, batch_count);
  f("metadata_length", m.metadata_length);
  f("payload_length", m.payload_length);
  f("metadata_checksum", m.metadata_checksum);
  f("payload_checksum", m.payload_checksum);
}
void fields(auto& f, Of<AckEntry> auto& m) {
  f("slot", m.slot);
  f("token", m.token);
  f("runs", m.runs, index_runs);
}
void fields(auto& f, Of<HeldRange> auto& m) {
  f("lane", m.lane, lanes);
  f("first", m.first);
  f("count", m.count, Between{1, limits::lease_range_max});
  f("token", m.token);
}
void fields(auto& f, Of<TopicSettings> auto& m) {
  f("keep_ms", m.keep_ms, span_ms);
  f("keep_bytes", m.keep_bytes);
  f("bytes_max", m.bytes_max);
}
void fields(auto& f, Of<RetryPolicy> auto& m) {
  f("backoff", m.backoff, Between{1, 3});
  f("base_ms", m.base_ms, span_ms);
  f("cap_ms", m.cap_ms, span_ms);
  f("delays_ms", m.delays_ms, Each{{0, limits::retry_delays_max}, span_ms});
  f("jitter_percent", m.jitter_percent, Between{0, 100});
  f("give_up_ms", m.give_up_ms, span_ms);
  f("deaths_max", m.deaths_max, Between{0, limits::attempts_max});
  f.require(m.backoff == Backoff::kList || m.base_ms <= m.cap_ms, "cap_ms", "not below base_ms, unless of a list");
  f.require((m.backoff == Backoff::kList) != m.delays_ms.empty(), "delays_ms", "1 to 32 delays of a list, none of another backoff");
}
void fields(auto& f, Of<MessagePolicy> auto& m) {
  f("attempts_max", m.attempts_max, Between{1, limits::attempts_max});
  f("retry", m.retry);
}
void fields(auto& f, Of<GroupSettings> auto& m) {
  f("attempts_max", m.attempts_max, Between{1, limits::attempts_max});
  f("retry", m.retry);
}
void fields(auto& f, Of<Place> auto& m) {
  f("lane", m.lane, lanes);
  f("offset", m.offset);
}
void fields(auto& f, Of<DeadSelection> auto& m) {
  f("places", m.places, Entries{0, limits::dead_at_once_max});
  f("reason", m.reason, dead_reasons);
  f("code", m.code);
  f("from_ms", m.from_ms);
  f("until_ms", m.until_ms);
  f("before", m.before);
}
void fields(auto& f, Of<FailureEntry> auto& m) {
  f("time_ms", m.time_ms);
  f("worker", m.worker, Text{limits::client_name_bytes_max});
  f("code", m.code);
  f("text", m.text, Text{limits::error_text_bytes_max});
}
void fields(auto& f, Of<DeadEntry> auto& m) {
  f("place", m.place);
  f("attempts", m.attempts);
  f("reason", m.reason, dead_reasons);
  f("time_ms", m.time_ms);
  f("failures", m.failures, Entries{0, limits::kept_failures_max});
}
void fields(auto& f, Of<PartitionEntry> auto& m) {
  f("partition", m.partition);
  f("address", m.address, Text{limits::address_bytes_max});
}
void fields(auto& f, Of<ResumedRange> auto& m) {
  f("held", m.held);
  f("slot", m.slot);
  f("token", m.token);
}
void fields(auto& f, Of<TopicEntry> auto& m) {
  f("partition", m.partition);
  f("topic", m.topic, topic_name);
  f("settings", m.settings);
  f("messages", m.messages);
  f("bytes", m.bytes);
  f("enqueued", m.enqueued);
  f("groups", m.groups);
}
void fields(auto& f, Of<GroupEntry> auto& m) {
  f("partition", m.partition);
  f("topic", m.topic, topic_name);
  f("group", m.group, group_name);
  f("settings", m.settings);
  f("ready", m.ready);
  f("leased", m.leased);
  f("retrying", m.retrying);
  f("held", m.held);
  f("dead", m.dead);
  f("done", m.done);
  f("workers", m.workers);
}
void fields(auto& f, Of<ScheduleSettings> auto& m) {
  f("rule", m.rule, Text{limits::schedule_rule_bytes_max});
  f("zone", m.zone, Text{limits::zone_bytes_max});
  f("start_ms", m.start_ms, instant_ms);
  f("end_ms", m.end_ms, instant_ms);
  f("jitter_ms", m.jitter_ms, Between{0, limits::jitter_ms_max});
  f("catch_up", m.catch_up, Between{1, 3});
  f("catch_up_max", m.catch_up_max, Between{1, limits::catch_up_max});
  f("catch_up_window_ms", m.catch_up_window_ms, span_ms);
  f("overlap", m.overlap, Between{1, 4});
  f("overlap_group", m.overlap_group, NameOrEmpty{"group"});
  f.require(!m.start_ms || !m.end_ms || *m.start_ms <= *m.end_ms, "end_ms", "an end that is not before start_ms");
}
void fields(auto& f, Of<PastOccurrence> auto& m) {
  f("planned_ms", m.planned_ms);
  f("decided_ms", m.decided_ms);
  f("outcome", m.outcome, outcomes);
  f("count", m.count);
  f("message", m.message);
}
void fields(auto& f, Of<ScheduleEntry> auto& m) {
  f("partition", m.partition);
  f("schedule", m.schedule, schedule_name);
  f("topic", m.topic, topic_name);
  f("lane", m.lane, lanes);
  f("settings", m.settings);
  f("kind", m.kind, Text{limits::kind_bytes_max});
  f("payload_bytes", m.payload_bytes);
  f("paused", m.paused);
  f("next_ms", m.next_ms);
  f("next_due_ms", m.next_due_ms);
  f("waits", m.waits);
  f("fired", m.fired);
  f("skipped", m.skipped);
  f("trouble", m.trouble, Text{limits::error_text_bytes_max});
}
void fields(auto& f, Of<Stretch> auto& m) {
  f("first_offset", m.first_offset);
  f("first_position", m.first_position);
  f("count", m.count, Between{1, limits::entries_max});
}
void fields(auto& f, Of<DeliveredRange> auto& m) {
  f("slot", m.slot);
  f("token", m.token);
  f("lane", m.lane, lanes);
  f("stretch", m.stretch);
  f("attempt", m.attempt, Between{1, UINT32_MAX});
  f.require(m.stretch.count <= limits::lease_range_max, "stretch", "at most 1024 messages in a lease range");
}

void fields(auto& f, Of<GroupStatus> auto& m) {
  f("group", m.group, group_name);
  f("state", m.state, group_states);
  f("attempts", m.attempts);
  f("worker", m.worker, Text{limits::client_name_bytes_max});
  f("time_ms", m.time_ms);
}
void fields(auto& f, Of<MessageStatus> auto& m) {
  f("position", m.position);
  f("state", m.state, message_states);
  f("changed", m.changed);
  f("topic", m.topic, NameOrEmpty{"topic"});
  f("lane", m.lane, lanes);
  f("kind", m.kind, Text{limits::kind_bytes_max});
  f("due_ms", m.due_ms);
  f("offset", m.offset);
  f("groups", m.groups, no_more_than_entries);
}

// ---- requests

void fields(auto& f, Of<Hello> auto& m) {
  f("client", m.client);
  f("kind", m.kind, Between{0, 2});
  f("name", m.name, Text{limits::client_name_bytes_max});
  f("software", m.software, Text{limits::client_name_bytes_max});
}
void fields(auto&, Of<Heartbeat> auto&) {}
void fields(auto&, Of<Goodbye> auto&) {}
void fields(auto&, Of<Metadata> auto&) {}
void fields(auto& f, Of<Publish> auto& m) {
  f("partition", m.partition);
  f("topic", m.topic, topic_name);
  f("lane", m.lane, lanes);
  f("run_class", m.run_class, batch_class);
  f("acks", m.acks, Between{0, 2});
  f("producer", m.producer);
  f("producer_epoch", m.producer_epoch, Between{1, UINT32_MAX});
  f("sequence", m.sequence);
  f("count", m.count, batch_count);
  f("metadata_checksum", m.metadata_checksum);
  f("payload_checksum", m.payload_checksum);
}
void fields(auto& f, Of<Complete> auto& m) {
  f("partition", m.partition);
  f("subscription", m.subscription);
  f("slot", m.slot);
  f("token", m.token);
  f("done", m.done, index_runs);
  f("producer", m.producer);
  f("producer_epoch", m.producer_epoch, Between{1, UINT32_MAX});
  f("sequence", m.sequence);
  f("follow_ups", m.follow_ups, Entries{1, limits::follow_ups_max});
}
void fields(auto& f, Of<Subscribe> auto& m) {
  f("partition", m.partition);
  f("subscription", m.subscription);
  f("topic", m.topic, topic_name);
  f("group", m.group, group_name);
  f("from", m.from, Between{0, 1});
}
void fields(auto& f, Of<Unsubscribe> auto& m) {
  f("partition", m.partition);
  f("subscription", m.subscription);
}
void fields(auto& f, Of<Credit> auto& m) {
  f("partition", m.partition);
  f("subscription", m.subscription);
  f("kind", m.kind, Between{0, 1});
  f("messages", m.messages);
  f("bytes", m.bytes);
  f("wait_ms", m.wait_ms);
  f.require(m.kind == CreditKind::kStanding || m.messages > 0, "messages", "at least 1 in a one-shot credit");
  f.require(m.kind == CreditKind::kStanding || m.bytes > 0, "bytes", "at least 1 in a one-shot credit");
}
void fields(auto& f, Of<Ack> auto& m) {
  f("partition", m.partition);
  f("subscription", m.subscription);
  f("entries", m.entries, some_entries);
}
void fields(auto& f, Of<Fail> auto& m) {
  f("partition", m.partition);
  f("subscription", m.subscription);
  f("slot", m.slot);
  f("token", m.token);
  f("index", m.index, Between{0, limits::lease_range_max - 1});
  f("outcome", m.outcome, Between{1, 3});
  f("delay_ms", m.delay_ms, span_ms);
  f("code", m.code);
  f("text", m.text, Text{limits::error_text_bytes_max});
  f("policy", m.policy);
}
void fields(auto& f, Of<Resume> auto& m) {
  f("partition", m.partition);
  f("subscription", m.subscription);
  f("held", m.held, no_more_than_entries);
}
void fields(auto&, Of<ListTopics> auto&) {}
void fields(auto& f, Of<PutTopic> auto& m) {
  f("topic", m.topic, topic_name);
  f("settings", m.settings);
}
void fields(auto& f, Of<DeleteTopic> auto& m) { f("topic", m.topic, topic_name); }
void fields(auto& f, Of<ListGroups> auto& m) { f("topic", m.topic, NameOrEmpty{"topic"}); }
void fields(auto& f, Of<PutGroup> auto& m) {
  f("topic", m.topic, topic_name);
  f("group", m.group, group_name);
  f("from", m.from, Between{0, 1});
  f("settings", m.settings);
}
void fields(auto& f, Of<DeleteGroup> auto& m) {
  f("topic", m.topic, topic_name);
  f("group", m.group, group_name);
}
void fields(auto& f, Of<Peek> auto& m) {
  f("partition", m.partition);
  f("topic", m.topic, topic_name);
  f("lane", m.lane, lanes);
  f("from", m.from);
  f("messages_max", m.messages_max, Between{1, limits::entries_max});
  f("bytes_max", m.bytes_max, Between{1, UINT32_MAX});
  f("wait_ms", m.wait_ms);
}

void fields(auto& f, Of<ListDead> auto& m) {
  f("partition", m.partition);
  f("topic", m.topic, topic_name);
  f("group", m.group, group_name);
  f("selection", m.selection);
  f("from", m.from);
  f("entries_max", m.entries_max, Between{1, limits::dead_at_once_max});
}
void fields(auto& f, Of<ChangeDead> auto& m) {
  f("partition", m.partition);
  f("topic", m.topic, topic_name);
  f("group", m.group, group_name);
  f("action", m.action, Between{0, 2});
  f("selection", m.selection);
  f("from", m.from);
  f("messages_max", m.messages_max, Between{1, limits::dead_at_once_max});
}
void fields(auto& f, Of<ChangeMessages> auto& m) {
  f("partition", m.partition);
  f("action", m.action, Between{0, 3});
  f("positions", m.positions, Entries{1, limits::messages_at_once_max});
  f("due_ms", m.due_ms, instant_ms);
  f.require(m.due_ms.has_value() == (m.action == MessageAction::kReschedule), "due_ms", "an instant of a reschedule, and nil else");
}
void fields(auto& f, Of<PutSchedule> auto& m) {
  f("schedule", m.schedule, schedule_name);
  f("topic", m.topic, topic_name);
  f("lane", m.lane, lanes);
  f("settings", m.settings);
  f("metadata_checksum", m.metadata_checksum);
  f("payload_checksum", m.payload_checksum);
}
void fields(auto& f, Of<DeleteSchedule> auto& m) { f("schedule", m.schedule, schedule_name); }
void fields(auto& f, Of<ListSchedules> auto& m) { f("after", m.after, NameOrEmpty{"schedule"}); }
void fields(auto& f, Of<ShowSchedule> auto& m) {
  f("schedule", m.schedule, schedule_name);
  f("upcoming_max", m.upcoming_max, Between{0, limits::upcoming_max});
}
void fields(auto& f, Of<PauseSchedule> auto& m) {
  f("schedule", m.schedule, schedule_name);
  f("paused", m.paused);
}
void fields(auto& f, Of<TriggerSchedule> auto& m) { f("schedule", m.schedule, schedule_name); }

// ---- replies and pushes

void fields(auto& f, Of<HelloReply> auto& m) {
  f("session", m.session);
  f("software", m.software, Text{limits::client_name_bytes_max});
  f("heartbeat_ms", m.heartbeat_ms);
  f("session_timeout_ms", m.session_timeout_ms);
  f("partitions", m.partitions, Between{1, limits::routing_slots});   // a slot has one partition
  f("message_bytes_max", m.message_bytes_max);
  f("batch_bytes_max", m.batch_bytes_max);
  f("batch_messages_max", m.batch_messages_max);
}
void fields(auto&, Of<HeartbeatReply> auto&) {}
void fields(auto&, Of<GoodbyeReply> auto&) {}
void fields(auto& f, Of<MetadataReply> auto& m) {
  f("partitions", m.partitions, some_entries);
  f("slots", m.slots, Entries{limits::routing_slots, limits::routing_slots});
}
void fields(auto& f, Of<Published> auto& m) {
  f("partition", m.partition);
  f("first_position", m.first_position);
  f("first_offset", m.first_offset);
  f("count", m.count);
  f("duplicate", m.duplicate);
  f("requests", m.requests, Between{1, limits::entries_max});
}
void fields(auto& f, Of<Completed> auto& m) {
  f("partition", m.partition);
  f("first_position", m.first_position);
  f("count", m.count);
  f("duplicate", m.duplicate);
}
void fields(auto& f, Of<Subscribed> auto& m) {
  f("subscription", m.subscription);
  f("epoch", m.epoch);
  f("in_flight_max", m.in_flight_max);
}
void fields(auto& f, Of<Unsubscribed> auto& m) { f("subscription", m.subscription); }
void fields(auto& f, Of<CreditEnded> auto& m) {
  f("subscription", m.subscription);
  f("delivered", m.delivered);
}
void fields(auto& f, Of<Acked> auto& m) {
  f("subscription", m.subscription);
  f("done", m.done, no_more_than_entries);
  f("stale", m.stale, no_more_than_entries);
}
void fields(auto& f, Of<Failed> auto& m) {
  f("subscription", m.subscription);
  f("attempts", m.attempts);
  f("dead", m.dead);
}
void fields(auto& f, Of<Resumed> auto& m) {
  f("subscription", m.subscription);
  f("granted", m.granted, no_more_than_entries);
  f("lost", m.lost, no_more_than_entries);
}
void fields(auto& f, Of<Topics> auto& m) { f("topics", m.topics, any_entries); }
void fields(auto& f, Of<TopicDone> auto& m) { f("created", m.created); }
void fields(auto&, Of<TopicDeleted> auto&) {}
void fields(auto& f, Of<Groups> auto& m) { f("groups", m.groups, any_entries); }
void fields(auto& f, Of<GroupDone> auto& m) { f("created", m.created); }
void fields(auto&, Of<GroupDeleted> auto&) {}
void fields(auto& f, Of<Peeked> auto& m) {
  f("next", m.next);
  f("end", m.end);
  f("stretches", m.stretches, no_more_than_entries);
  f.require(std::accumulate(m.stretches.begin(), m.stretches.end(), std::uint64_t{0},
                            [](std::uint64_t sum, const Stretch& stretch) { return sum + stretch.count; }) <= limits::entries_max,
            "stretches", "at most 65536 messages together");
}
void fields(auto& f, Of<DeadListed> auto& m) {
  f("entries", m.entries, Entries{0, limits::dead_at_once_max});
  f("next", m.next);
}
void fields(auto& f, Of<DeadChanged> auto& m) {
  f("messages", m.messages);
  f("next", m.next);
  f("end", m.end);
}
void fields(auto& f, Of<MessagesChanged> auto& m) { f("messages", m.messages, Entries{1, limits::messages_at_once_max}); }
void fields(auto& f, Of<ScheduleDone> auto& m) {
  f("outcome", m.outcome, Between{1, 3});
  f("next_ms", m.next_ms);
}
void fields(auto&, Of<ScheduleDeleted> auto&) {}
void fields(auto& f, Of<Schedules> auto& m) { f("schedules", m.schedules, any_entries); }
void fields(auto& f, Of<ScheduleShown> auto& m) {
  f("entry", m.entry);
  f("upcoming", m.upcoming, no_more_than_entries);
  f("history", m.history, no_more_than_entries);
}
void fields(auto& f, Of<SchedulePaused> auto& m) {
  f("changed", m.changed);
  f("next_ms", m.next_ms);
}
void fields(auto& f, Of<ScheduleTriggered> auto& m) {
  f("partition", m.partition);
  f("occurrence", m.occurrence);
}
void fields(auto& f, Of<Deliver> auto& m) {
  f("partition", m.partition);
  f("subscription", m.subscription);
  f("ranges", m.ranges, some_entries);
  f.require(
      std::accumulate(m.ranges.begin(), m.ranges.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const DeliveredRange& range) { return sum + range.stretch.count; }) <= limits::entries_max,
      "ranges", "at most 65536 messages together");
}
void fields(auto& f, Of<SessionEnded> auto& m) {
  f("reason", m.reason);
  f("message", m.message, Text{limits::error_text_bytes_max});
}
void fields(auto& f, Of<Error> auto& m) {
  f("code", m.code);
  f("message", m.message, Text{limits::error_text_bytes_max});
  f("retry_after_ms", m.retry_after_ms);
}

}  // namespace takt::proto
