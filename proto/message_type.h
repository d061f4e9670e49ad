#pragma once

#include <cstdint>
#include <string_view>

namespace takt::proto {

/// Requests are 0x01 to 0x3F, the reply to request N is N | 0x80, pushes are 0x40 to 0x7F. Error answers any request.
enum class MessageType : std::uint8_t {
  kHello = 0x01,
  kHeartbeat = 0x02,
  kGoodbye = 0x03,
  kMetadata = 0x04,
  kPublish = 0x10,
  kComplete = 0x11,
  kSubscribe = 0x20,
  kUnsubscribe = 0x21,
  kCredit = 0x22,
  kAck = 0x23,
  kFail = 0x24,
  kResume = 0x25,
  kListTopics = 0x30,
  kPutTopic = 0x31,
  kDeleteTopic = 0x32,
  kListGroups = 0x33,
  kPutGroup = 0x34,
  kDeleteGroup = 0x35,
  kPeek = 0x36,
  kListDead = 0x37,
  kChangeDead = 0x38,
  kChangeMessages = 0x39,
  kPutSchedule = 0x3A,
  kDeleteSchedule = 0x3B,
  kListSchedules = 0x3C,
  kShowSchedule = 0x3D,
  kPauseSchedule = 0x3E,
  kTriggerSchedule = 0x3F,
  kDeliver = 0x40,
  kSessionEnded = 0x41,
  kError = 0x7F,
  kHelloReply = 0x81,
  kHeartbeatReply = 0x82,
  kGoodbyeReply = 0x83,
  kMetadataReply = 0x84,
  kPublished = 0x90,
  kCompleted = 0x91,
  kSubscribed = 0xA0,
  kUnsubscribed = 0xA1,
  kCreditEnded = 0xA2,
  kAcked = 0xA3,
  kFailed = 0xA4,
  kResumed = 0xA5,
  kTopics = 0xB0,
  kTopicDone = 0xB1,
  kTopicDeleted = 0xB2,
  kGroups = 0xB3,
  kGroupDone = 0xB4,
  kGroupDeleted = 0xB5,
  kPeeked = 0xB6,
  kDeadListed = 0xB7,
  kDeadChanged = 0xB8,
  kMessagesChanged = 0xB9,
  kScheduleDone = 0xBA,
  kScheduleDeleted = 0xBB,
  kSchedules = 0xBC,
  kScheduleShown = 0xBD,
  kSchedulePaused = 0xBE,
  kScheduleTriggered = 0xBF,
};

/// The message's name in errors, logs and metrics: `publish`, `hello_reply`; `unknown` for a number that is not a type.
std::string_view name_of(MessageType type);

}  // namespace takt::proto
