#include "broker/transport/precedence.h"

#include "proto/codec.h"

namespace takt::transport {
namespace {

template <class... Message>
bool is_one_of(const proto::Request& body) {
  return (std::holds_alternative<Message>(body) || ...);
}

}  // namespace

bool goes_ahead(const proto::Request& body, bool has_published) {
  using proto::MessageType;
  switch (proto::type_of(body)) {
    case MessageType::kSubscribe:
    case MessageType::kCredit:
    case MessageType::kAck:
    case MessageType::kFail:
    case MessageType::kResume: return true;
    // They share the producer's sequence or the order of leaving with the publishes before them.
    case MessageType::kComplete:
    case MessageType::kUnsubscribe: return !has_published;
    case MessageType::kHello:
    case MessageType::kHeartbeat:
    case MessageType::kGoodbye:
    case MessageType::kMetadata:
    case MessageType::kPublish:
    case MessageType::kListTopics:
    case MessageType::kPutTopic:
    case MessageType::kDeleteTopic:
    case MessageType::kListGroups:
    case MessageType::kPutGroup:
    case MessageType::kDeleteGroup:
    case MessageType::kPeek:
    case MessageType::kListDead:
    case MessageType::kChangeDead:
    case MessageType::kChangeMessages:
    case MessageType::kPutSchedule:
    case MessageType::kDeleteSchedule:
    case MessageType::kListSchedules:
    case MessageType::kShowSchedule:
    case MessageType::kPauseSchedule:
    case MessageType::kTriggerSchedule:
    case MessageType::kDeliver:
    case MessageType::kSessionEnded:
    case MessageType::kError:
    case MessageType::kHelloReply:
    case MessageType::kHeartbeatReply:
    case MessageType::kGoodbyeReply:
    case MessageType::kMetadataReply:
    case MessageType::kPublished:
    case MessageType::kCompleted:
    case MessageType::kSubscribed:
    case MessageType::kUnsubscribed:
    case MessageType::kCreditEnded:
    case MessageType::kAcked:
    case MessageType::kFailed:
    case MessageType::kResumed:
    case MessageType::kTopics:
    case MessageType::kTopicDone:
    case MessageType::kTopicDeleted:
    case MessageType::kGroups:
    case MessageType::kGroupDone:
    case MessageType::kGroupDeleted:
    case MessageType::kPeeked:
    case MessageType::kDeadListed:
    case MessageType::kDeadChanged:
    case MessageType::kMessagesChanged:
    case MessageType::kScheduleDone:
    case MessageType::kScheduleDeleted:
    case MessageType::kSchedules:
    case MessageType::kScheduleShown:
    case MessageType::kSchedulePaused:
    case MessageType::kScheduleTriggered: return false;
  }
  return false;
}

bool needs_connection(const proto::Request& body) {
  return is_one_of<proto::Heartbeat, proto::Metadata, proto::Credit, proto::ListTopics, proto::ListGroups, proto::Peek, proto::ListDead,
                   proto::ListSchedules, proto::ShowSchedule>(body);
}

}  // namespace takt::transport
