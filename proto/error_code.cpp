#include "proto/error_code.h"

#include <algorithm>
#include <array>

namespace takt {
namespace {

constexpr auto table = std::to_array<ErrorEntry>({
    {ErrorCode::kMalformedFrame, "malformed_frame",
     "The envelope is not one complete msgpack array of version, type, correlation id and body.",
     "Fix the client's encoder; docs/protocol.md shows each frame byte by byte."},
    {ErrorCode::kUnsupportedVersion, "unsupported_version", "The envelope's protocol version is not one that this side speaks.",
     "Use a client and a broker of the same protocol version."},
    {ErrorCode::kUnknownType, "unknown_type", "The envelope's message type is not one that may be sent in this direction.",
     "Check the type number; a newer client may need a newer broker."},
    {ErrorCode::kFrameCount, "frame_count", "The message has more or fewer frames than its type has.",
     "Send one frame, or three for a publish or complete whose envelope does not carry its sections."},
    {ErrorCode::kFrameTooLarge, "frame_too_large", "A frame is larger than its bound, or holds more values than a message may.",
     "Split the request; the bounds are in the hello reply and in docs/protocol.md."},
    {ErrorCode::kTooDeep, "too_deep", "The msgpack is nested deeper than any message of the protocol.", "Fix the client's encoder."},
    {ErrorCode::kBadField, "bad_field", "A field has the wrong type or a value outside its bounds.",
     "The message names the field, what it takes and what it got; correct it."},
    {ErrorCode::kChecksumMismatch, "checksum_mismatch", "A section does not have the checksum that the request names for it.",
     "Send the batch again; if it repeats, check the client's checksum (XXH3-64, no seed) and the machine's memory."},
    {ErrorCode::kBadName, "bad_name",
     "The name of a topic, group or schedule is empty, too long or has a character that names cannot have.",
     "Use 1 to 200 of the characters A-Z, a-z, 0-9, dot, underscore and hyphen."},
    {ErrorCode::kUnsupportedField, "unsupported_field", "The field is defined by the protocol, but this version does not act on it yet.",
     "Leave the field out, or use a broker that supports it."},
    {ErrorCode::kHelloRequired, "hello_required", "The broker knows no session of this connection.",
     "Send hello first; a client library then sends its request again."},
    {ErrorCode::kBadSection, "bad_section", "A batch's metadata or payload section does not fit its own table of ends.",
     "Fix the client's batch builder; docs/protocol.md has the layout."},

    {ErrorCode::kBusy, "busy", "The broker has as many requests waiting as it may hold.",
     "Send again after the named time; lasting refusals mean that the broker is overloaded."},
    {ErrorCode::kStoreFull, "store_full",
     "The store has reached its bound or the disk is nearly full: nothing can be enqueued, acks still work.",
     "Let workers drain the backlog, shorten what topics keep, or give the broker a larger store."},
    {ErrorCode::kTopicFull, "topic_full", "The topic holds as many bytes as its settings allow.",
     "Let workers drain it, or raise the topic's bytes_max."},
    {ErrorCode::kTooManyTopics, "too_many_topics", "The partition has as many topics as it may have.",
     "Delete topics that are no longer used, or raise the limit."},
    {ErrorCode::kTooManyGroups, "too_many_groups", "The topic has as many groups as it may have.",
     "Delete groups that are no longer used, or raise the limit."},
    {ErrorCode::kInFlightFull, "in_flight_full", "As many messages are leased and unfinished as may be.",
     "Let workers finish what they hold; lower their credit."},
    {ErrorCode::kTooManyConnections, "too_many_connections", "The broker has as many connections as it may have.",
     "Share one client per process, or raise the broker's limit."},
    {ErrorCode::kDraining, "draining", "The broker is shutting down and takes no new work.",
     "Reconnect and send again after the named time."},
    {ErrorCode::kMessageTooLarge, "message_too_large", "A message's payload or metadata is larger than one message may be.",
     "Store large data elsewhere and send its address, or raise the broker's message limit."},
    {ErrorCode::kBatchTooLarge, "batch_too_large", "A batch has more messages or bytes than one batch may have.",
     "Send smaller batches; the bounds are in the hello reply."},
    {ErrorCode::kTooManySubscriptions, "too_many_subscriptions", "The session has as many subscriptions as one session may have.",
     "Unsubscribe what is no longer used, or open another connection."},
    {ErrorCode::kTooManyProducers, "too_many_producers", "The partition remembers as many producers as it may, all of them used lately.",
     "Keep one client per process instead of opening one per message, or raise the limit."},
    {ErrorCode::kTooManySchedules, "too_many_schedules", "The partition has as many schedules as it may have.",
     "Delete schedules that are no longer used, or raise the limit."},

    {ErrorCode::kStaleLease, "stale_lease", "The lease is no longer the sender's: it was lost, given to another worker, or already ended.",
     "Drop the work; whoever holds the message now will finish it."},
    {ErrorCode::kUnknownSession, "unknown_session", "The session named by the request does not exist.", "Send hello again."},
    {ErrorCode::kUnknownSubscription, "unknown_subscription", "The session has no subscription with this number.",
     "Subscribe first; subscriptions end with their session."},
    {ErrorCode::kUnknownTopic, "unknown_topic", "There is no topic with this name.",
     "Check the spelling with `takt topics list`; sending a message makes the topic."},
    {ErrorCode::kUnknownGroup, "unknown_group", "The topic has no group with this name.",
     "Check the spelling with `takt groups list`; subscribing makes the group."},
    {ErrorCode::kOutOfSequence, "out_of_sequence", "A batch with this sequence was not stored, and later ones of the same producer were.",
     "The batch is definitely not stored: send it again under a new sequence."},
    {ErrorCode::kProducerFenced, "producer_fenced", "A producer with the same id and a higher epoch has taken over.",
     "Stop this producer: its successor is at work."},
    {ErrorCode::kUnknownPartition, "unknown_partition", "This broker has no partition with this number.",
     "Ask for metadata again and route by its slots."},
    {ErrorCode::kSessionExpired, "session_expired", "The broker heard nothing from the session for its timeout and gave its leases back.",
     "Send hello again; send heartbeats from a thread that work cannot block."},
    {ErrorCode::kAlreadyExists, "already_exists", "What should be made exists already.", "Use another name, or use what is there."},
    {ErrorCode::kSubscriptionInUse, "subscription_in_use", "The session already uses this number for another subscription.",
     "Choose a number that is free in this session."},
    {ErrorCode::kUnknownSchedule, "unknown_schedule", "There is no schedule with this name.",
     "Check the spelling with `takt schedule list`."},

    {ErrorCode::kStoreFailed, "store_failed", "The disk did not do what was asked; the request was not carried out.",
     "Look at the broker's log and at the disk; the broker reloads and goes on when it can."},
    {ErrorCode::kUnknownOutcome, "unknown_outcome", "It cannot be known whether the request was carried out.",
     "Send the same batch again under the same producer and sequence: it is stored at most once."},
    {ErrorCode::kReadOnly, "read_only", "The partition was opened read-only and accepts no changes.",
     "Look at the broker's log for the reason; it names what a person must do."},

    {ErrorCode::kTimedOut, "timed_out", "No answer came within the time that the caller gave.",
     "Check that the broker runs and is reachable; a send may have been stored all the same."},
    {ErrorCode::kNotConnected, "not_connected", "There is no connection to the broker.",
     "Start taktd, or check the address; the client keeps trying."},
    {ErrorCode::kClosed, "closed", "The client or worker was closed while the call waited.",
     "Call close only after the calls that should finish have finished."},
    {ErrorCode::kBadAddress, "bad_address", "The broker's address cannot be understood.",
     "Write it as tcp://host:port, for example tcp://127.0.0.1:7400."},
    {ErrorCode::kBadPayload, "bad_payload", "A payload does not decode as the type that its handler takes.",
     "Check that producer and handler agree on the kind's fields; the message is not retried."},
    {ErrorCode::kQueueFull, "queue_full", "The client holds as many unsent messages as it may, and none left in time.",
     "Send more slowly, raise the client's queue bound, or wait longer."},
    {ErrorCode::kBadOption, "bad_option", "An option given to the client has a value that it cannot have.",
     "The message names the option and what it takes."},
    {ErrorCode::kNoHandler, "no_handler", "The worker has no handler for the message's kind.",
     "Register a handler for the kind, or a fallback for all kinds."},
});

static_assert(std::ranges::is_sorted(table, {}, &ErrorEntry::code));

}  // namespace

std::span<const ErrorEntry> error_table() { return table; }

std::optional<ErrorEntry> find_error(ErrorCode code) {
  const auto* found = std::ranges::lower_bound(table, code, {}, &ErrorEntry::code);
  if (found == table.end() || found->code != code) return std::nullopt;
  return *found;
}

std::string error_label(ErrorCode code) {
  const std::optional<ErrorEntry> entry = find_error(code);
  if (!entry) return "TK9999 unknown";
  return "TK" + std::to_string(static_cast<unsigned>(code)) + " " + std::string(entry->name);
}

}  // namespace takt
