#include "tests/proto/samples.h"

#include "proto/limits.h"
#include "proto/record.h"

namespace takt::proto {
namespace {

Publish publish() {
  const Sections sections = section_sample();
  return {.partition = PartitionId(3),
          .topic = "photos",
          .lane = Lane(2),
          .run_class = RunClass::kImmediate,
          .acks = Acks::kAll,
          .producer = ProducerId(0x1122334455667788),
          .producer_epoch = 1,
          .sequence = Sequence(42),
          .count = 2,
          .metadata_checksum = section_checksum(sections.metadata),
          .payload_checksum = section_checksum(sections.payload)};
}

Complete complete() {
  const Sections sections = section_sample();
  return {.partition = PartitionId(3),
          .subscription = SubscriptionId(1),
          .slot = Slot(7),
          .token = make_token(Epoch(5), 1000),
          .done = {{.first = 4, .count = 1}},
          .producer = ProducerId(0x1122334455667788),
          .producer_epoch = 1,
          .sequence = Sequence(43),
          .follow_ups = {{.topic = "thumbnails",
                          .lane = Lane(0),
                          .count = 2,
                          .metadata_length = static_cast<std::uint32_t>(sections.metadata.size()),
                          .payload_length = static_cast<std::uint32_t>(sections.payload.size()),
                          .metadata_checksum = section_checksum(sections.metadata),
                          .payload_checksum = section_checksum(sections.payload)}}};
}

ScheduleSettings nightly() {
  return {.rule = "30 2 * * *",
          .zone = "Europe/Berlin",
          .start_ms = 1'798'758'000'000,
          .end_ms = std::nullopt,
          .jitter_ms = 60'000,
          .catch_up = CatchUp::kAll,
          .catch_up_max = 3,
          .catch_up_window_ms = 86'400'000,
          .overlap = Overlap::kBufferOne,
          .overlap_group = "resizers"};
}

PutSchedule put_schedule() {
  const Sections sections = schedule_section_sample();
  return {.schedule = "nightly",
          .topic = "photos",
          .lane = Lane(2),
          .settings = nightly(),
          .metadata_checksum = section_checksum(sections.metadata),
          .payload_checksum = section_checksum(sections.payload)};
}

ScheduleEntry nightly_entry() {
  return {.partition = PartitionId(3),
          .schedule = "nightly",
          .topic = "photos",
          .lane = Lane(2),
          .settings = nightly(),
          .kind = "photo.resize",
          .payload_bytes = 14,
          .paused = false,
          .next_ms = 1'798'767'000'000,
          .next_due_ms = 1'798'767'012'345,
          .waits = true,
          .fired = 7,
          .skipped = 2,
          .trouble = ""};
}

PastOccurrence last_night() {
  return {
      .planned_ms = 1'798'680'600'000, .decided_ms = 1'798'680'612'350, .outcome = Outcome::kOnTime, .count = 1, .message = Position(5000)};
}

std::vector<std::uint32_t> alternating_slots() {
  std::vector<std::uint32_t> slots(limits::routing_slots);
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = static_cast<std::uint32_t>(i % 2);
  return slots;
}

}  // namespace

DecodedRequest publish_sample_in_one_frame() {
  const Sections sections = section_sample();
  return {CorrelationId(5), Publish{.topic = "photos",
                                    .producer = ProducerId(7),
                                    .sequence = Sequence(1),
                                    .count = 2,
                                    .metadata_checksum = section_checksum(sections.metadata),
                                    .payload_checksum = section_checksum(sections.payload)}};
}

Sections schedule_section_sample() {
  SectionBuilder builder;
  std::vector<std::byte> record;
  append_record(record, {.kind = "report"});
  builder.add(record, as_bytes("all"));
  return builder.take();
}
Sections section_sample() {
  SectionBuilder builder;
  std::vector<std::byte> record;
  append_record(record, {.kind = "thumbnail", .tags = {"eu"}, .attributes = {{"width", std::int64_t{320}}}});
  builder.add(record, as_bytes("one.jpg"));
  record.clear();
  append_record(record, {.kind = "crop"});
  builder.add(record, as_bytes("two.jpg"));
  return builder.take();
}

std::vector<DecodedRequest> request_samples() {
  const PartitionId partition(3);
  const SubscriptionId subscription(1);
  const LeaseToken token = make_token(Epoch(5), 1000);
  return {
      {CorrelationId(1),
       Hello{.client = ClientId(0xA1B2C3D4E5F60718), .kind = ClientKind::kWorker, .name = "photo-worker-3", .software = "takt-cpp/0.1.0"}},
      {CorrelationId(2), Heartbeat{}},
      {CorrelationId(3), Goodbye{}},
      {CorrelationId(4), Metadata{}},
      {CorrelationId(5), publish()},
      {CorrelationId(6), complete()},
      {CorrelationId(7),
       Subscribe{.partition = partition, .subscription = subscription, .topic = "photos", .group = "resizers", .from = StartFrom::kNow}},
      {CorrelationId(8), Unsubscribe{.partition = partition, .subscription = subscription}},
      {CorrelationId(9), Credit{.partition = partition,
                                .subscription = subscription,
                                .kind = CreditKind::kOnce,
                                .messages = 16,
                                .bytes = 1 << 20,
                                .wait_ms = 20'000}},
      {CorrelationId(10), Ack{.partition = partition,
                              .subscription = subscription,
                              .entries = {{.slot = Slot(7), .token = token, .runs = {{.first = 0, .count = 4}, {.first = 6, .count = 300}}},
                                          {.slot = Slot(8), .token = token.plus(1024), .runs = {{.first = 1023, .count = 1}}}}}},
      {CorrelationId(11), Fail{.partition = partition,
                               .subscription = subscription,
                               .slot = Slot(7),
                               .token = token,
                               .index = 5,
                               .outcome = FailOutcome::kRetry,
                               .delay_ms = 1500,
                               .code = 17,
                               .text = "cannot decode JPEG",
                               .policy = {.attempts_max = 3, .retry = RetryPolicy{.give_up_ms = 86'400'000}}}},
      {CorrelationId(12), Resume{.partition = partition,
                                 .subscription = subscription,
                                 .held = {{.lane = Lane(2), .first = Offset(1042), .count = 3, .token = token}}}},
      {CorrelationId(13), ListTopics{}},
      {CorrelationId(14),
       PutTopic{.topic = "photos", .settings = {.keep_ms = 3'600'000, .keep_bytes = 1 << 30, .bytes_max = std::uint64_t{1} << 40}}},
      {CorrelationId(15), DeleteTopic{.topic = "photos"}},
      {CorrelationId(16), ListGroups{.topic = "photos"}},
      {CorrelationId(17),
       PutGroup{.topic = "photos",
                .group = "resizers",
                .from = StartFrom::kEarliest,
                .settings = {.attempts_max = 3,
                             .retry = {.backoff = Backoff::kList, .base_ms = 0, .cap_ms = 0, .delays_ms = {10'000, 60'000}}}}},
      {CorrelationId(18), DeleteGroup{.topic = "photos", .group = "resizers"}},
      {CorrelationId(19), Peek{.partition = partition,
                               .topic = "photos",
                               .lane = Lane(2),
                               .from = Offset(1042),
                               .messages_max = 10,
                               .bytes_max = 65'536,
                               .wait_ms = 500}},
      {CorrelationId(20), ListDead{.partition = partition,
                                   .topic = "photos",
                                   .group = "resizers",
                                   .selection = {.places = {{Lane(2), Offset(1042)}}},
                                   .from = {Lane(2), Offset(1000)},
                                   .entries_max = 100}},
      {CorrelationId(21), ChangeDead{.partition = partition,
                                     .topic = "photos",
                                     .group = "resizers",
                                     .action = DeadAction::kRedrive,
                                     .selection = {.reason = DeadReason::kRejected,
                                                   .code = 1017,
                                                   .from_ms = 1'790'000'000'000,
                                                   .until_ms = 1'790'003'600'000,
                                                   .before = Position(7000)},
                                     .from = {},
                                     .messages_max = 1000}},
      {CorrelationId(22), ChangeMessages{.partition = partition,
                                         .action = MessageAction::kReschedule,
                                         .positions = {Position(5000), Position(5003)},
                                         .due_ms = 1'790'000'000'000}},
      {CorrelationId(20), put_schedule()},
      {CorrelationId(21), DeleteSchedule{.schedule = "nightly"}},
      {CorrelationId(22), ListSchedules{.after = "nightly"}},
      {CorrelationId(23), ShowSchedule{.schedule = "nightly", .upcoming_max = 5}},
      {CorrelationId(24), PauseSchedule{.schedule = "nightly", .paused = true}},
      {CorrelationId(25), TriggerSchedule{.schedule = "nightly"}},
  };
}

std::vector<DecodedReply> reply_samples() {
  const PartitionId partition(3);
  const SubscriptionId subscription(1);
  const LeaseToken token = make_token(Epoch(5), 1000);
  const TopicSettings settings{.keep_ms = 3'600'000, .keep_bytes = 1 << 30, .bytes_max = std::uint64_t{1} << 40};
  return {
      {CorrelationId(1), HelloReply{.session = SessionId(12),
                                    .software = "taktd/0.1.0",
                                    .heartbeat_ms = 3000,
                                    .session_timeout_ms = 10'000,
                                    .partitions = 4,
                                    .message_bytes_max = 1 << 20,
                                    .batch_bytes_max = 1 << 20,
                                    .batch_messages_max = 10'000}},
      {CorrelationId(2), HeartbeatReply{}},
      {CorrelationId(3), GoodbyeReply{}},
      {CorrelationId(4), MetadataReply{.partitions = {{.partition = PartitionId(0), .address = ""},
                                                      {.partition = PartitionId(1), .address = "tcp://10.0.0.2:7400"}},
                                       .slots = alternating_slots()}},
      {CorrelationId(5),
       Published{.partition = partition, .first_position = Position(5000), .first_offset = Offset(1042), .count = 2, .duplicate = true}},
      {CorrelationId(6), Completed{.partition = partition, .first_position = Position(5002), .count = 2, .duplicate = false}},
      {CorrelationId(7), Subscribed{.subscription = subscription, .epoch = Epoch(5), .in_flight_max = 65'536}},
      {CorrelationId(8), Unsubscribed{.subscription = subscription}},
      {CorrelationId(9), CreditEnded{.subscription = subscription, .delivered = 16}},
      {CorrelationId(10), Acked{.subscription = subscription,
                                .done = {{.slot = Slot(7), .token = token, .runs = {{.first = 0, .count = 4}}}},
                                .stale = {{.slot = Slot(8), .token = token.plus(1024), .runs = {{.first = 1023, .count = 1}}}}}},
      {CorrelationId(11), Failed{.subscription = subscription, .attempts = 2, .dead = false}},
      {CorrelationId(12), Resumed{.subscription = subscription,
                                  .granted = {{.held = {.lane = Lane(2), .first = Offset(1042), .count = 2, .token = token},
                                               .slot = Slot(0),
                                               .token = make_token(Epoch(6), 1)}},
                                  .lost = {{.lane = Lane(2), .first = Offset(1044), .count = 1, .token = token}}}},
      {CorrelationId(13), Topics{.topics = {{.partition = partition,
                                             .topic = "photos",
                                             .settings = settings,
                                             .messages = 300,
                                             .bytes = 123'456,
                                             .enqueued = 1000,
                                             .groups = 2}}}},
      {CorrelationId(14), TopicDone{.created = true}},
      {CorrelationId(15), TopicDeleted{}},
      {CorrelationId(16), Groups{.groups = {{.partition = partition,
                                             .topic = "photos",
                                             .group = "resizers",
                                             .settings = {.attempts_max = 3},
                                             .ready = 200,
                                             .leased = 90,
                                             .retrying = 5,
                                             .held = 4,
                                             .dead = 1,
                                             .done = 700,
                                             .workers = 8}}}},
      {CorrelationId(17), GroupDone{.created = false}},
      {CorrelationId(18), GroupDeleted{}},
      {CorrelationId(19), Peeked{.next = Offset(1044),
                                 .end = Offset(2000),
                                 .stretches = {{.first_offset = Offset(1042), .first_position = Position(5000), .count = 2}}}},
      {CorrelationId(20),
       DeadListed{
           .entries = {{.place = {Lane(2), Offset(1042)},
                        .attempts = 3,
                        .reason = DeadReason::kAttempts,
                        .time_ms = 1'790'000'000'000,
                        .failures = {{.time_ms = 1'790'000'000'000, .worker = "resize-7", .code = 1017, .text = "cannot decode JPEG"}}}},
           .next = Place{Lane(2), Offset(1043)}}},
      {CorrelationId(21), DeadChanged{.messages = 1, .next = std::nullopt, .end = Position(7000)}},
      {CorrelationId(22), MessagesChanged{.messages = {{.position = Position(5000),
                                                        .state = MessageState::kScheduled,
                                                        .changed = true,
                                                        .topic = "photos",
                                                        .lane = Lane(2),
                                                        .kind = "photo.resize",
                                                        .due_ms = 1'790'000'000'000},
                                                       {.position = Position(5003),
                                                        .state = MessageState::kQueued,
                                                        .topic = "photos",
                                                        .kind = "photo.resize",
                                                        .offset = Offset(1042),
                                                        .groups = {{.group = "resizers",
                                                                    .state = GroupState::kLeased,
                                                                    .attempts = 1,
                                                                    .worker = "resize-7",
                                                                    .time_ms = 1'790'000'000'000}}}}}},
      {CorrelationId(20), ScheduleDone{.outcome = PutOutcome::kChanged, .next_ms = 1'798'767'000'000}},
      {CorrelationId(21), ScheduleDeleted{}},
      {CorrelationId(22), Schedules{.schedules = {nightly_entry()}}},
      {CorrelationId(23),
       ScheduleShown{.entry = nightly_entry(), .upcoming = {1'798'767'000'000, 1'798'853'400'000}, .history = {last_night()}}},
      {CorrelationId(24), SchedulePaused{.changed = true, .next_ms = std::nullopt}},
      {CorrelationId(25), ScheduleTriggered{.partition = partition, .occurrence = last_night()}},
      {CorrelationId(9), Deliver{.partition = partition,
                                 .subscription = subscription,
                                 .ranges = {{.slot = Slot(7),
                                             .token = token,
                                             .lane = Lane(2),
                                             .stretch = {.first_offset = Offset(1042), .first_position = Position(5000), .count = 2},
                                             .attempt = 1}}}},
      {CorrelationId(0), SessionEnded{.reason = ErrorCode::kSessionExpired, .message = "nothing heard for 10 s"}},
      {CorrelationId(5), Error{.code = ErrorCode::kTopicFull, .message = "topic 'photos' holds its 1024 bytes", .retry_after_ms = 1000}},
  };
}

}  // namespace takt::proto
