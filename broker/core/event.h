#pragma once
// The events of a partition's log: everything that changes its state besides producers' batches. `apply` takes them
// one by one and knows no clock. Numbers are part of the log format and never reused.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/core/bytes.h"
#include "broker/core/commit.h"
#include "proto/messages.h"
#include "scheduler/timer.h"

namespace takt::core {

/// 0x01 to 0x0F belong to messages and timers, 0x10 to 0x1B to groups, the rest to the partition. All of core's numbers
/// are listed, written or not: an event that this version does not know makes the log unreadable to it.
enum class EventType : std::uint8_t {
  kMsg = 0x01,
  kMsgAt = 0x02,
  kFire = 0x03,
  kCancel = 0x04,
  kRearm = 0x05,
  kCronPut = 0x06,
  kCronDel = 0x07,
  kCronFire = 0x08,
  kCronRearm = 0x09,
  kDone = 0x10,
  kRetry = 0x11,
  kDead = 0x12,
  kRedrive = 0x13,
  kDeadPurge = 0x14,
  kSeek = 0x15,
  kGroupPut = 0x16,
  kGroupDel = 0x17,
  kOwner = 0x18,
  kGMember = 0x19,
  kGAssign = 0x1A,
  kRetain = 0x1B,
  kEpoch = 0x1C,
  kDigest = 0x1D,
  kProducerPut = 0x1E,
  kTopicPut = 0x1F,
  kHeld = 0x20,
  kOutbox = 0x21,
  kOutboxDone = 0x22,
  kTopicDel = 0x23,
  kEra = 0x24,
  kReclaimed = 0x25,
};

/// Why a message failed or died; stored, so numbers never change. From 1,000 on: the application's own codes + 1,000.
inline constexpr std::uint32_t failure_worker_lost = 1;
inline constexpr std::uint32_t failure_application_base = 1000;

/// `count` offsets from `first` on.
struct OffsetRun {
  Offset first;
  std::uint64_t count = 0;
  Offset end() const { return first.plus(count); }
  friend bool operator==(const OffsetRun&, const OffsetRun&) = default;
};

/// Leadership begins: committed before the first lease of its term.
struct EpochBegun {
  static constexpr auto type = EventType::kEpoch;
  Epoch epoch;
  friend bool operator==(const EpochBegun&, const EpochBegun&) = default;
};
/// Makes a topic (the id is the next free one) or changes its settings.
struct TopicPut {
  static constexpr auto type = EventType::kTopicPut;
  TopicId topic;
  std::string name;
  proto::TopicSettings settings;
  friend bool operator==(const TopicPut&, const TopicPut&) = default;
};
struct TopicDel {
  static constexpr auto type = EventType::kTopicDel;
  TopicId topic;
  friend bool operator==(const TopicDel&, const TopicDel&) = default;
};
struct LaneStart {
  Lane lane;
  Offset from;
  friend bool operator==(const LaneStart&, const LaneStart&) = default;
};
/// Makes a group (the id is the next free one) owing everything from `starts` on, or changes its settings (no starts).
/// Leases of it have tokens from `leases_from` on: older ones are of another group, which had its name.
struct GroupPut {
  static constexpr auto type = EventType::kGroupPut;
  TopicId topic;
  GroupId group;
  std::string name;
  proto::GroupSettings settings;
  std::vector<LaneStart> starts;
  LeaseToken leases_from;
  friend bool operator==(const GroupPut&, const GroupPut&) = default;
};
struct GroupDel {
  static constexpr auto type = EventType::kGroupDel;
  TopicId topic;
  GroupId group;
  friend bool operator==(const GroupDel&, const GroupDel&) = default;
};
/// All acks (and settled offsets) of a group and lane in one commit. `lent`, when not none: the leader may lease up to
/// there; a restart treats everything below as possibly out with a worker.
struct Done {
  static constexpr auto type = EventType::kDone;
  TopicId topic;
  GroupId group;
  Lane lane;
  std::vector<OffsetRun> runs;   ///< ascending, disjoint
  std::optional<Offset> lent;
  friend bool operator==(const Done&, const Done&) = default;
};
/// A delivery failed, or was given back for later; the message waits for `due`. With the same lease as the one before: that wait
/// has ended.
struct Retry {
  static constexpr auto type = EventType::kRetry;
  TopicId topic;
  GroupId group;
  Lane lane;
  Offset offset;
  std::uint32_t attempts = 0;    ///< failures so far
  WallTime due{};
  LeaseToken lease;              ///< the one that ended so; see Dispatcher::resume for whose it still may be
  std::uint32_t code = 0;
  std::string text;
  std::string worker;            ///< its name
  friend bool operator==(const Retry&, const Retry&) = default;
};
/// Given up: done for the group, kept for people to look at.
struct Dead {
  static constexpr auto type = EventType::kDead;
  TopicId topic;
  GroupId group;
  Lane lane;
  Offset offset;
  std::uint32_t attempts = 0;
  std::uint32_t code = 0;
  std::string text;
  std::string worker;
  proto::DeadReason reason = proto::DeadReason::kAttempts;
  friend bool operator==(const Dead&, const Dead&) = default;
};
/// Dead messages are owed again, with no attempt counted. What is not dead is passed over.
struct Redrive {
  static constexpr auto type = EventType::kRedrive;
  TopicId topic;
  GroupId group;
  Lane lane;
  std::vector<OffsetRun> runs;
  LeaseToken leases_from;        ///< older ones are void for these messages
  friend bool operator==(const Redrive&, const Redrive&) = default;
};
/// Dead messages are kept no longer. What is not dead is passed over.
struct DeadPurge {
  static constexpr auto type = EventType::kDeadPurge;
  TopicId topic;
  GroupId group;
  Lane lane;
  std::vector<OffsetRun> runs;
  friend bool operator==(const DeadPurge&, const DeadPurge&) = default;
};
/// Leases grown old: after a crash these offsets wait for their client.
struct Held {
  static constexpr auto type = EventType::kHeld;
  TopicId topic;
  GroupId group;
  Lane lane;
  ClientId client;
  std::vector<OffsetRun> runs;
  friend bool operator==(const Held&, const Held&) = default;
};
/// Messages before `horizon` are no longer there for groups made later.
struct Retain {
  static constexpr auto type = EventType::kRetain;
  TopicId topic;
  Lane lane;
  Offset horizon;
  friend bool operator==(const Retain&, const Retain&) = default;
};
/// Epoch 0 forgets the producer.
struct ProducerPut {
  static constexpr auto type = EventType::kProducerPut;
  ProducerId producer;
  std::uint32_t epoch = 0;
  friend bool operator==(const ProducerPut&, const ProducerPut&) = default;
};

/// Scheduled messages come due: each takes the next offset of its lane, in this order.
struct Fire {
  static constexpr auto type = EventType::kFire;
  scheduler::TimerKey up_to;              ///< the watermark from now on
  std::vector<scheduler::Timer> timers;   ///< behind the watermark before, up to this one, ascending
  friend bool operator==(const Fire&, const Fire&) = default;
};

/// A scheduled message will not come.
struct Cancel {
  static constexpr auto type = EventType::kCancel;
  TopicId topic;
  Lane lane;
  Position position;
  WallTime due{};                         ///< for which it waited
  friend bool operator==(const Cancel&, const Cancel&) = default;
};
/// A scheduled message comes at another time. Its timer from now on has this event's position for its id: ids rise.
struct Rearm {
  static constexpr auto type = EventType::kRearm;
  TopicId topic;
  Lane lane;
  Position position;
  WallTime due{};                         ///< for which it waited
  WallTime to{};                          ///< what is past comes next
  friend bool operator==(const Rearm&, const Rearm&) = default;
};

/// When a schedule comes round next.
struct NextOccurrence {
  WallTime planned{};   ///< what its rule says: with the schedule it names the occurrence
  WallTime due{};       ///< with its jitter
  friend bool operator==(const NextOccurrence&, const NextOccurrence&) = default;
};
/// Makes a schedule (the id is the next free one) or changes it. When it comes round next the leader has worked out: no other
/// reader evaluates rules and zones.
struct CronPut {
  static constexpr auto type = EventType::kCronPut;
  ScheduleId schedule;
  std::string name;
  std::string topic;                      ///< its name: there may be none yet
  Lane lane;
  proto::ScheduleSettings settings;
  std::string metadata;                   ///< of its message
  std::string payload;
  WallTime anchor{};                      ///< from which `@every` counts
  WallTime decided_to{};                  ///< what came up to here needs no decision any more
  std::optional<NextOccurrence> next;     ///< none: paused, or over
  friend bool operator==(const CronPut&, const CronPut&) = default;
};
struct CronDel {
  static constexpr auto type = EventType::kCronDel;
  ScheduleId schedule;
  friend bool operator==(const CronDel&, const CronDel&) = default;
};
/// The message of an occurrence, in the same commit.
struct FiredMessage {
  TopicId topic;
  Lane lane;
  Offset offset;
  Position position;
  friend bool operator==(const FiredMessage&, const FiredMessage&) = default;
};
/// What became of an occurrence, or of `count` up to `planned` that were skipped.
struct CronFire {
  static constexpr auto type = EventType::kCronFire;
  ScheduleId schedule;
  WallTime planned{};
  proto::Outcome outcome = proto::Outcome::kOnTime;
  std::uint32_t count = 1;
  std::optional<FiredMessage> message;    ///< when it was fired
  std::optional<NextOccurrence> next;     ///< unless this was not its turn: triggered by hand, or it had waited
  friend bool operator==(const CronFire&, const CronFire&) = default;
};
/// Pauses a schedule, lets it go on, or comes at another time since its zone's clocks have other rules now.
struct CronRearm {
  static constexpr auto type = EventType::kCronRearm;
  ScheduleId schedule;
  bool is_paused = false;
  WallTime decided_to{};
  std::optional<NextOccurrence> next;
  friend bool operator==(const CronRearm&, const CronRearm&) = default;
};

/// The grace of a term is over: what nobody resumed is handed out again, so leases of earlier terms are void after the next crash.
struct Reclaimed {
  static constexpr auto type = EventType::kReclaimed;
  Epoch epoch;
  friend bool operator==(const Reclaimed&, const Reclaimed&) = default;
};

using Event = std::variant<EpochBegun, TopicPut, TopicDel, GroupPut, GroupDel, Done, Retry, Dead, Redrive, DeadPurge, Held, Retain,
                           ProducerPut, Reclaimed, Fire, Cancel, Rearm, CronPut, CronDel, CronFire, CronRearm>;

/// Settings as they are stored, in events and in rows.
void append_settings(ByteWriter& out, const proto::GroupSettings& settings);
/// False: they are not what append_settings() gives.
[[nodiscard]] bool read_settings(ByteReader& in, proto::GroupSettings& settings);
void append_settings(ByteWriter& out, const proto::ScheduleSettings& settings);
[[nodiscard]] bool read_settings(ByteReader& in, proto::ScheduleSettings& settings);

/// Appends the event's stored form: type u8, then its fields as varints in the order declared above.
void append_event(ByteWriter& out, const Event& event);
/// Reads the `count` events of a control run; all of the bytes must be used.
Result<std::vector<Event>, Corruption> decode_events(std::string_view bytes, std::uint32_t count);

}  // namespace takt::core
