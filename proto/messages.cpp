#include "proto/messages.h"

namespace takt::proto {

std::string_view name_of(MessageType type) {
  switch (type) {
    case MessageType::kHello: return "hello";
    case MessageType::kHeartbeat: return "heartbeat";
    case MessageType::kGoodbye: return "goodbye";
    case MessageType::kMetadata: return "metadata";
    case MessageType::kPublish: return "publish";
    case MessageType::kComplete: return "complete";
    case MessageType::kSubscribe: return "subscribe";
    case MessageType::kUnsubscribe: return "unsubscribe";
    case MessageType::kCredit: return "credit";
    case MessageType::kAck: return "ack";
    case MessageType::kFail: return "fail";
    case MessageType::kResume: return "resume";
    case MessageType::kListTopics: return "list_topics";
    case MessageType::kPutTopic: return "put_topic";
    case MessageType::kDeleteTopic: return "delete_topic";
    case MessageType::kListGroups: return "list_groups";
    case MessageType::kPutGroup: return "put_group";
    case MessageType::kDeleteGroup: return "delete_group";
    case MessageType::kPeek: return "peek";
    case MessageType::kListDead: return "list_dead";
    case MessageType::kChangeDead: return "change_dead";
    case MessageType::kChangeMessages: return "change_messages";
    case MessageType::kPutSchedule: return "put_schedule";
    case MessageType::kDeleteSchedule: return "delete_schedule";
    case MessageType::kListSchedules: return "list_schedules";
    case MessageType::kShowSchedule: return "show_schedule";
    case MessageType::kPauseSchedule: return "pause_schedule";
    case MessageType::kTriggerSchedule: return "trigger_schedule";
    case MessageType::kDeliver: return "deliver";
    case MessageType::kSessionEnded: return "session_ended";
    case MessageType::kError: return "error";
    case MessageType::kHelloReply: return "hello_reply";
    case MessageType::kHeartbeatReply: return "heartbeat_reply";
    case MessageType::kGoodbyeReply: return "goodbye_reply";
    case MessageType::kMetadataReply: return "metadata_reply";
    case MessageType::kPublished: return "published";
    case MessageType::kCompleted: return "completed";
    case MessageType::kSubscribed: return "subscribed";
    case MessageType::kUnsubscribed: return "unsubscribed";
    case MessageType::kCreditEnded: return "credit_ended";
    case MessageType::kAcked: return "acked";
    case MessageType::kFailed: return "failed";
    case MessageType::kResumed: return "resumed";
    case MessageType::kTopics: return "topics";
    case MessageType::kTopicDone: return "topic_done";
    case MessageType::kTopicDeleted: return "topic_deleted";
    case MessageType::kGroups: return "groups";
    case MessageType::kGroupDone: return "group_done";
    case MessageType::kGroupDeleted: return "group_deleted";
    case MessageType::kPeeked: return "peeked";
    case MessageType::kDeadListed: return "dead_listed";
    case MessageType::kDeadChanged: return "dead_changed";
    case MessageType::kMessagesChanged: return "messages_changed";
    case MessageType::kScheduleDone: return "schedule_done";
    case MessageType::kScheduleDeleted: return "schedule_deleted";
    case MessageType::kSchedules: return "schedules";
    case MessageType::kScheduleShown: return "schedule_shown";
    case MessageType::kSchedulePaused: return "schedule_paused";
    case MessageType::kScheduleTriggered: return "schedule_triggered";
  }
  return "unknown";
}

std::string_view name_of(DeadReason reason) {
  switch (reason) {
    case DeadReason::kAttempts: return "attempts";
    case DeadReason::kRejected: return "rejected";
    case DeadReason::kPoison: return "poison";
    case DeadReason::kGivenUp: return "given_up";
  }
  return "unknown";
}

std::string_view name_of(MessageState state) {
  switch (state) {
    case MessageState::kUnknown: return "unknown";
    case MessageState::kScheduled: return "scheduled";
    case MessageState::kCancelled: return "cancelled";
    case MessageState::kQueued: return "queued";
    case MessageState::kGone: return "gone";
    case MessageState::kUnreadable: return "unreadable";
  }
  return "unknown";
}

std::string_view name_of(GroupState state) {
  switch (state) {
    case GroupState::kReady: return "ready";
    case GroupState::kLeased: return "leased";
    case GroupState::kRetrying: return "retrying";
    case GroupState::kHeld: return "held";
    case GroupState::kDead: return "dead";
    case GroupState::kDone: return "done";
    case GroupState::kUnreadable: return "unreadable";
  }
  return "unknown";
}

bool asks_for_list(const Request& request) {
  return std::holds_alternative<ListTopics>(request) || std::holds_alternative<ListGroups>(request) ||
         std::holds_alternative<ListDead>(request) || std::holds_alternative<ListSchedules>(request) ||
         std::holds_alternative<ShowSchedule>(request) || std::holds_alternative<ChangeMessages>(request);
}

}  // namespace takt::proto
