#pragma once
// Every request, reply and push message of the protocol, as plain values. The wire form is codec.h; the meaning,
// field by field, is docs/protocol.md. Body fields stand on the wire in the order in which they are declared here.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proto/error_code.h"
#include "proto/failing.h"
#include "proto/ids.h"
#include "proto/message_type.h"
#include "proto/schedule_messages.h"
#include "proto/steering.h"

namespace takt::proto {

inline constexpr std::uint8_t protocol_version = 1;

/// What a client is; only for listings.
enum class ClientKind : std::uint8_t { kProducer = 0, kWorker = 1, kTool = 2 };
/// What the answer to a publish means: kNone has no answer at all, kAll equals kLeader on one node.
enum class Acks : std::uint8_t { kNone = 0, kLeader = 1, kAll = 2 };
/// Class of a run in the log: control never stands on the wire; each message of a scheduled batch says when it is due.
enum class RunClass : std::uint8_t { kControl = 0, kImmediate = 1, kScheduled = 2 };
enum class StartFrom : std::uint8_t { kEarliest = 0, kNow = 1 };
enum class CreditKind : std::uint8_t { kStanding = 0, kOnce = 1 };
enum class FailOutcome : std::uint8_t { kRetry = 1, kRelease = 2, kDead = 3 };

/// `count` consecutive places beginning at `first`, counted from the start of a lease range.
struct IndexRun {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  friend bool operator==(const IndexRun&, const IndexRun&) = default;
};

// ---- requests

/// First message of every connection. The session's heartbeat obligations begin with the reply.
struct Hello {
  static constexpr auto type = MessageType::kHello;
  ClientId client{};        ///< random, kept over reconnects; a second Hello with it takes over its session's leases by Resume
  ClientKind kind = ClientKind::kTool;
  std::string name{};       ///< for people: `photo-worker-3`, at most 200 bytes, any UTF-8
  std::string software{};   ///< `takt-cpp/0.1.0`
  friend bool operator==(const Hello&, const Hello&) = default;
};
/// Any frame counts as a sign of life; this one is for the quiet times.
struct Heartbeat {
  static constexpr auto type = MessageType::kHeartbeat;
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};
/// Ends the session in order: its leases go back at once, no attempt is counted.
struct Goodbye {
  static constexpr auto type = MessageType::kGoodbye;
  friend bool operator==(const Goodbye&, const Goodbye&) = default;
};
struct Metadata {
  static constexpr auto type = MessageType::kMetadata;
  friend bool operator==(const Metadata&, const Metadata&) = default;
};

/// One batch with its metadata and payload section (section.h).
struct Publish {
  static constexpr auto type = MessageType::kPublish;
  PartitionId partition{};
  std::string topic{};
  Lane lane{};
  RunClass run_class = RunClass::kImmediate;
  Acks acks = Acks::kAll;
  ProducerId producer{};
  std::uint32_t producer_epoch = 1;
  Sequence sequence{};
  std::uint32_t count = 0;                ///< messages, 1 to the batch limit
  std::uint64_t metadata_checksum = 0;    ///< XXH3-64, unseeded
  std::uint64_t payload_checksum = 0;     ///< XXH3-64, unseeded
  friend bool operator==(const Publish&, const Publish&) = default;
};

/// One of a Complete's follow-up batches; in each section theirs stand one after another.
struct FollowUp {
  std::string topic{};
  Lane lane{};
  RunClass run_class = RunClass::kImmediate;
  std::uint32_t count = 0;
  std::uint32_t metadata_length = 0;
  std::uint32_t payload_length = 0;
  std::uint64_t metadata_checksum = 0;
  std::uint64_t payload_checksum = 0;
  friend bool operator==(const FollowUp&, const FollowUp&) = default;
};
/// Acks messages of one lease range and enqueues follow-ups in the same commit, all or nothing.
struct Complete {
  static constexpr auto type = MessageType::kComplete;
  PartitionId partition{};
  SubscriptionId subscription{};
  Slot slot{};
  LeaseToken token{};                     ///< of the range's first message
  std::vector<IndexRun> done{};
  ProducerId producer{};
  std::uint32_t producer_epoch = 1;
  Sequence sequence{};                    ///< one for the whole command
  std::vector<FollowUp> follow_ups{};     ///< at least one, at most 64
  friend bool operator==(const Complete&, const Complete&) = default;
};

/// Joins a group, made on first use. The client chooses `subscription`.
struct Subscribe {
  static constexpr auto type = MessageType::kSubscribe;
  PartitionId partition{};
  SubscriptionId subscription{};
  std::string topic{};
  std::string group{};
  StartFrom from = StartFrom::kEarliest;  ///< counts only when this makes the group
  friend bool operator==(const Subscribe&, const Subscribe&) = default;
};
struct Unsubscribe {
  static constexpr auto type = MessageType::kUnsubscribe;
  PartitionId partition{};
  SubscriptionId subscription{};          ///< its leases go back at once, no attempt is counted
  friend bool operator==(const Unsubscribe&, const Unsubscribe&) = default;
};
/// Standing: from now on at most `messages` and `bytes` may be out un-acked (push); has no reply.
/// Once: deliver up to that much, at the latest after `wait_ms` (pull); the Deliver frames carry this request's
/// correlation id and CreditEnded follows the last of them.
struct Credit {
  static constexpr auto type = MessageType::kCredit;
  PartitionId partition{};
  SubscriptionId subscription{};
  CreditKind kind = CreditKind::kStanding;
  std::uint32_t messages = 0;
  std::uint32_t bytes = 0;
  std::uint32_t wait_ms = 0;
  friend bool operator==(const Credit&, const Credit&) = default;
};

struct AckEntry {
  Slot slot{};
  LeaseToken token{};                     ///< of the range's first message
  std::vector<IndexRun> runs{};
  friend bool operator==(const AckEntry&, const AckEntry&) = default;
};
/// Answered after its commit by Acked.
struct Ack {
  static constexpr auto type = MessageType::kAck;
  PartitionId partition{};
  SubscriptionId subscription{};
  std::vector<AckEntry> entries{};
  friend bool operator==(const Ack&, const Ack&) = default;
};
/// The handler of one message did not finish it.
struct Fail {
  static constexpr auto type = MessageType::kFail;
  PartitionId partition{};
  SubscriptionId subscription{};
  Slot slot{};
  LeaseToken token{};                     ///< of the range's first message
  std::uint32_t index = 0;                ///< which message of the range
  FailOutcome outcome = FailOutcome::kRetry;
  std::optional<std::uint64_t> delay_ms{};  ///< not before so long from now; none: kRetry as the group says, kRelease at once
  std::uint16_t code = 0;                 ///< the application's own error number
  std::string text{};                     ///< at most 4 KiB
  MessagePolicy policy{};                 ///< as the message's metadata have it
  friend bool operator==(const Fail&, const Fail&) = default;
};

struct HeldRange {
  Lane lane{};
  Offset first{};
  std::uint32_t count = 0;
  LeaseToken token{};                     ///< under which the first of them was delivered
  friend bool operator==(const HeldRange&, const HeldRange&) = default;
};
/// What the worker still holds of this subscription, after a reconnect: all of it, in one message. What it does
/// not name waits, like everything that may be out with a worker, and then goes to others.
struct Resume {
  static constexpr auto type = MessageType::kResume;
  PartitionId partition{};
  SubscriptionId subscription{};
  std::vector<HeldRange> held{};
  friend bool operator==(const Resume&, const Resume&) = default;
};

struct ListTopics {
  static constexpr auto type = MessageType::kListTopics;
  friend bool operator==(const ListTopics&, const ListTopics&) = default;
};
struct TopicSettings {
  std::uint64_t keep_ms = 0;              ///< keep at least so long after append even when all groups are done; 0 none
  std::uint64_t keep_bytes = 0;           ///< keep at least so many of the newest bytes; 0 none
  std::uint64_t bytes_max = 0;            ///< enqueue is refused above; 0 none
  friend bool operator==(const TopicSettings&, const TopicSettings&) = default;
};
struct PutTopic {
  static constexpr auto type = MessageType::kPutTopic;
  std::string topic{};
  TopicSettings settings{};
  friend bool operator==(const PutTopic&, const PutTopic&) = default;
};
struct DeleteTopic {
  static constexpr auto type = MessageType::kDeleteTopic;
  std::string topic{};
  friend bool operator==(const DeleteTopic&, const DeleteTopic&) = default;
};
struct ListGroups {
  static constexpr auto type = MessageType::kListGroups;
  std::string topic{};                    ///< empty: of every topic
  friend bool operator==(const ListGroups&, const ListGroups&) = default;
};
struct GroupSettings {
  std::uint32_t attempts_max = 8;         ///< failures until a message is dead: 1 to 1,000; a worker's death is none
  RetryPolicy retry{};
  friend bool operator==(const GroupSettings&, const GroupSettings&) = default;
};
struct PutGroup {
  static constexpr auto type = MessageType::kPutGroup;
  std::string topic{};
  std::string group{};
  StartFrom from = StartFrom::kEarliest;  ///< counts only when this makes the group
  GroupSettings settings{};
  friend bool operator==(const PutGroup&, const PutGroup&) = default;
};
struct DeleteGroup {
  static constexpr auto type = MessageType::kDeleteGroup;
  std::string topic{};
  std::string group{};
  friend bool operator==(const DeleteGroup&, const DeleteGroup&) = default;
};
/// Reads messages without leasing them, from `from` on; waits up to `wait_ms` for the first one.
struct Peek {
  static constexpr auto type = MessageType::kPeek;
  PartitionId partition{};
  std::string topic{};
  Lane lane{};
  std::optional<Offset> from{};           ///< none: the end, only what comes from now on (nil on the wire)
  std::uint32_t messages_max = 100;
  std::uint32_t bytes_max = 1 << 20;
  std::uint32_t wait_ms = 0;
  friend bool operator==(const Peek&, const Peek&) = default;
};

struct ListDead {
  static constexpr auto type = MessageType::kListDead;
  PartitionId partition{};
  std::string topic{};
  std::string group{};
  DeadSelection selection{};
  Place from{};                           ///< the first place to look at
  std::uint32_t entries_max = 1000;       ///< 1 to 1,000
  friend bool operator==(const ListDead&, const ListDead&) = default;
};
enum class DeadAction : std::uint8_t {
  kCount = 0,
  kRedrive = 1,                           ///< owed again, with no attempt counted
  kPurge = 2,                             ///< kept no longer
};
struct ChangeDead {
  static constexpr auto type = MessageType::kChangeDead;
  PartitionId partition{};
  std::string topic{};
  std::string group{};
  DeadAction action = DeadAction::kCount;
  DeadSelection selection{};
  Place from{};                           ///< the first place to look at
  std::uint32_t messages_max = 1000;      ///< 1 to 1,000
  friend bool operator==(const ChangeDead&, const ChangeDead&) = default;
};

// ---- replies and pushes

struct HelloReply {
  static constexpr auto type = MessageType::kHelloReply;
  SessionId session{};
  std::string software{};                 ///< `taktd/0.1.0`
  std::uint32_t heartbeat_ms = 3000;
  std::uint32_t session_timeout_ms = 10000;
  std::uint32_t partitions = 1;
  std::uint32_t message_bytes_max = 0;
  std::uint32_t batch_bytes_max = 0;
  std::uint32_t batch_messages_max = 0;
  friend bool operator==(const HelloReply&, const HelloReply&) = default;
};
struct HeartbeatReply {
  static constexpr auto type = MessageType::kHeartbeatReply;
  friend bool operator==(const HeartbeatReply&, const HeartbeatReply&) = default;
};
struct GoodbyeReply {
  static constexpr auto type = MessageType::kGoodbyeReply;
  friend bool operator==(const GoodbyeReply&, const GoodbyeReply&) = default;
};
struct PartitionEntry {
  PartitionId partition{};
  std::string address{};                  ///< of its leader; empty: the one that answered
  friend bool operator==(const PartitionEntry&, const PartitionEntry&) = default;
};
struct MetadataReply {
  static constexpr auto type = MessageType::kMetadataReply;
  std::vector<PartitionEntry> partitions{};
  std::vector<std::uint32_t> slots{};     ///< 1,024 entries: routing slot to partition
  friend bool operator==(const MetadataReply&, const MetadataReply&) = default;
};
/// Answers one publish, or a run of them whose correlation ids follow one another from the envelope's on and which were
/// stored one behind the other, `count` messages each: the messages of request i begin i * count places behind the first.
struct Published {
  static constexpr auto type = MessageType::kPublished;
  PartitionId partition{};
  Position first_position{};
  Offset first_offset{};
  std::uint32_t count = 0;                ///< messages of each request
  bool duplicate = false;                 ///< stored earlier under the same sequence; this is the original's answer
  std::uint32_t requests = 1;
  friend bool operator==(const Published&, const Published&) = default;
};
struct Completed {
  static constexpr auto type = MessageType::kCompleted;
  PartitionId partition{};
  Position first_position{};              ///< of the first follow-up
  std::uint32_t count = 0;                ///< follow-up messages stored
  bool duplicate = false;
  friend bool operator==(const Completed&, const Completed&) = default;
};
struct Subscribed {
  static constexpr auto type = MessageType::kSubscribed;
  SubscriptionId subscription{};
  Epoch epoch{};
  std::uint32_t in_flight_max = 65'536;
  friend bool operator==(const Subscribed&, const Subscribed&) = default;
};
struct Unsubscribed {
  static constexpr auto type = MessageType::kUnsubscribed;
  SubscriptionId subscription{};
  friend bool operator==(const Unsubscribed&, const Unsubscribed&) = default;
};
struct CreditEnded {
  static constexpr auto type = MessageType::kCreditEnded;
  SubscriptionId subscription{};
  std::uint32_t delivered = 0;            ///< messages handed out under this credit
  friend bool operator==(const CreditEnded&, const CreditEnded&) = default;
};
/// What became of an Ack: the entries (or parts) that are durable, and those that were not the sender's to ack.
struct Acked {
  static constexpr auto type = MessageType::kAcked;
  SubscriptionId subscription{};
  std::vector<AckEntry> done{};
  std::vector<AckEntry> stale{};          ///< refused as stale_lease
  friend bool operator==(const Acked&, const Acked&) = default;
};
struct Failed {
  static constexpr auto type = MessageType::kFailed;
  SubscriptionId subscription{};
  std::uint32_t attempts = 0;             ///< failures counted so far
  bool dead = false;                      ///< it was the last attempt, or the worker asked for it
  friend bool operator==(const Failed&, const Failed&) = default;
};
struct ResumedRange {
  HeldRange held{};
  Slot slot{};
  LeaseToken token{};                     ///< the new token of the range's first message
  friend bool operator==(const ResumedRange&, const ResumedRange&) = default;
};
struct Resumed {
  static constexpr auto type = MessageType::kResumed;
  SubscriptionId subscription{};
  std::vector<ResumedRange> granted{};
  std::vector<HeldRange> lost{};          ///< done or leased elsewhere meanwhile: stop working on them
  friend bool operator==(const Resumed&, const Resumed&) = default;
};
struct TopicEntry {
  PartitionId partition{};
  std::string topic{};
  TopicSettings settings{};
  std::uint64_t messages = 0;             ///< retained
  std::uint64_t bytes = 0;                ///< retained, estimated from the topic's mean message size
  std::uint64_t enqueued = 0;             ///< ever
  std::uint32_t groups = 0;
  friend bool operator==(const TopicEntry&, const TopicEntry&) = default;
};
struct Topics {
  static constexpr auto type = MessageType::kTopics;
  std::vector<TopicEntry> topics{};
  friend bool operator==(const Topics&, const Topics&) = default;
};
struct TopicDone {
  static constexpr auto type = MessageType::kTopicDone;
  bool created = false;
  friend bool operator==(const TopicDone&, const TopicDone&) = default;
};
struct TopicDeleted {
  static constexpr auto type = MessageType::kTopicDeleted;
  friend bool operator==(const TopicDeleted&, const TopicDeleted&) = default;
};
struct GroupEntry {
  PartitionId partition{};
  std::string topic{};
  std::string group{};
  GroupSettings settings{};
  std::uint64_t ready = 0;                ///< owed and free to lease
  std::uint64_t leased = 0;
  std::uint64_t retrying = 0;             ///< waiting for their due
  std::uint64_t held = 0;                 ///< waiting for their worker after a restart
  std::uint64_t dead = 0;
  std::uint64_t done = 0;                 ///< ever
  std::uint32_t workers = 0;
  friend bool operator==(const GroupEntry&, const GroupEntry&) = default;
};
struct Groups {
  static constexpr auto type = MessageType::kGroups;
  std::vector<GroupEntry> groups{};
  friend bool operator==(const Groups&, const Groups&) = default;
};
struct GroupDone {
  static constexpr auto type = MessageType::kGroupDone;
  bool created = false;
  friend bool operator==(const GroupDone&, const GroupDone&) = default;
};
struct GroupDeleted {
  static constexpr auto type = MessageType::kGroupDeleted;
  friend bool operator==(const GroupDeleted&, const GroupDeleted&) = default;
};

/// Where a stretch of messages stands: consecutive in offset and in position.
struct Stretch {
  Offset first_offset{};
  Position first_position{};
  std::uint32_t count = 0;
  friend bool operator==(const Stretch&, const Stretch&) = default;
};
/// Frames 2 and 3 hold the messages as a metadata and a payload section.
struct Peeked {
  static constexpr auto type = MessageType::kPeeked;
  Offset next{};                          ///< ask from here next time
  Offset end{};                           ///< the lane's end when this was answered
  std::vector<Stretch> stretches{};
  friend bool operator==(const Peeked&, const Peeked&) = default;
};
struct DeadListed {
  static constexpr auto type = MessageType::kDeadListed;
  std::vector<DeadEntry> entries{};       ///< by place
  std::optional<Place> next{};            ///< ask from here for more; none: these were the last
  friend bool operator==(const DeadListed&, const DeadListed&) = default;
};
struct DeadChanged {
  static constexpr auto type = MessageType::kDeadChanged;
  std::uint32_t messages = 0;             ///< counted, redriven or purged
  std::optional<Place> next{};            ///< ask from here for more; none: these were the last
  Position end{};                         ///< of the log: what dies from now on does so behind it
  friend bool operator==(const DeadChanged&, const DeadChanged&) = default;
};
struct DeliveredRange {
  Slot slot{};
  LeaseToken token{};                     ///< of the first message; message i has token + i
  Lane lane{};
  Stretch stretch{};
  std::uint32_t attempt = 1;              ///< 1 for the first delivery; failures counted so far + 1
  friend bool operator==(const DeliveredRange&, const DeliveredRange&) = default;
};
/// Leased messages. Frames 2 and 3 hold them as a metadata and a payload section, ranges one after another.
struct Deliver {
  static constexpr auto type = MessageType::kDeliver;
  PartitionId partition{};
  SubscriptionId subscription{};
  std::vector<DeliveredRange> ranges{};
  friend bool operator==(const Deliver&, const Deliver&) = default;
};
/// The broker gave this session up; its leases are gone. Say Hello again.
struct SessionEnded {
  static constexpr auto type = MessageType::kSessionEnded;
  ErrorCode reason = ErrorCode::kSessionExpired;
  std::string message{};
  friend bool operator==(const SessionEnded&, const SessionEnded&) = default;
};
/// Answers any request that was refused or failed.
struct Error {
  static constexpr auto type = MessageType::kError;
  ErrorCode code = ErrorCode::kMalformedFrame;
  std::string message{};
  std::uint32_t retry_after_ms = 0;
  friend bool operator==(const Error&, const Error&) = default;
};

using Request = std::variant<Hello, Heartbeat, Goodbye, Metadata, Publish, Complete, Subscribe, Unsubscribe, Credit, Ack, Fail, Resume,
                             ListTopics, PutTopic, DeleteTopic, ListGroups, PutGroup, DeleteGroup, Peek, ListDead, ChangeDead,
                             ChangeMessages, PutSchedule, DeleteSchedule, ListSchedules, ShowSchedule, PauseSchedule, TriggerSchedule>;
/// Whether the answer may be long, which who asks does not know either.
bool asks_for_list(const Request& request);
/// What a broker sends: replies and pushes.
using Reply = std::variant<HelloReply, HeartbeatReply, GoodbyeReply, MetadataReply, Published, Completed, Subscribed, Unsubscribed,
                           CreditEnded, Acked, Failed, Resumed, Topics, TopicDone, TopicDeleted, Groups, GroupDone, GroupDeleted, Peeked,
                           DeadListed, DeadChanged, MessagesChanged, ScheduleDone, ScheduleDeleted, Schedules, ScheduleShown,
                           SchedulePaused, ScheduleTriggered, Deliver, SessionEnded, Error>;

}  // namespace takt::proto
