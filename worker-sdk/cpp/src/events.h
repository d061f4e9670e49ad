#pragma once
// What a session tells its owner, as values.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "proto/ids.h"
#include "proto/messages.h"
#include "proto/shared_bytes.h"
#include "takt/error.h"

namespace takt::sdk {

/// One multipart message on its way, first frame first.
using Frames = std::vector<SharedBytes>;

/// Chosen by the owner, unique among its batches.
using BatchId = StrongId<struct BatchIdTag, std::uint64_t>;
/// Chosen by the owner, unique among its requests and completes.
using TicketId = StrongId<struct TicketIdTag, std::uint64_t>;
/// Which of the session's subscribe() calls.
using SubscriptionIndex = StrongId<struct SubscriptionIndexTag, std::uint32_t>;
/// One delivered range; given by the session, never reused, stays the same over reconnects.
using LeaseId = StrongId<struct LeaseIdTag, std::uint64_t>;

/// The broker knows us: requests flow. `again` tells a reconnect from the first time.
struct Greeted {
  proto::HelloReply broker;
  bool again = false;
};
/// This connection is of no use any more: close it, call disconnected(), open a fresh one.
struct LinkDead {
  std::string why;
};
/// The link is gone, for the reason given; what was not answered will be repeated on the next one.
struct Disconnected {
  std::string why;
};
struct BatchStored {
  BatchId batch;
  PartitionId partition;
  Position first_position;
  Offset first_offset;
  std::uint32_t count = 0;
  bool duplicate = false;
};
struct BatchFailed {
  BatchId batch;
  Error error;
};
/// Messages will come (first time) or have been claimed again (after a reconnect).
struct Subscribed {
  SubscriptionIndex subscription;
};
/// The broker will not have this subscription; nothing comes from it any more.
struct SubscriptionRefused {
  SubscriptionIndex subscription;
  Error error;
};
struct DeliveredLease {
  LeaseId lease;
  std::uint32_t first = 0;              ///< index of its first message in the delivery's sections
  std::uint32_t count = 0;
  Lane lane;
  Offset first_offset;
  Position first_position;
  LeaseToken token;                     ///< of the first message; message i has token + i
  std::uint32_t attempt = 1;
};
struct Delivery {
  SubscriptionIndex subscription;
  PartitionId partition;
  std::vector<DeliveredLease> leases;
  std::uint32_t count = 0;
  SharedBytes metadata;
  SharedBytes payload;
};
/// `count` acks are durable, of the messages at these positions.
struct Acknowledged {
  struct Run {
    Position first;
    std::uint32_t count = 0;
  };
  SubscriptionIndex subscription;
  PartitionId partition;
  std::uint32_t count = 0;
  std::vector<Run> runs;
};
/// `count` outcomes of `lease` came too late: the messages were somebody else's by then.
struct StaleOutcome {
  LeaseId lease;
  std::uint32_t count = 0;
};
/// Messages still open here that somebody else may work on now: stop.
struct LeaseLost {
  LeaseId lease;
  std::vector<proto::IndexRun> runs;
};
/// `count` outcomes were on their way when the connection broke and are settled now, by us or by somebody else.
struct OutcomeUnconfirmed {
  LeaseId lease;
  std::uint32_t count = 0;
};
/// A fail() is durable.
struct FailSettled {
  LeaseId lease;
  std::uint32_t index = 0;
  proto::FailOutcome outcome = proto::FailOutcome::kRetry;
  bool dead = false;
};
/// The broker refused `count` outcomes, from `index` on, for good and other than as stale. A complete() becomes a fail()
/// with outcome dead, whose settling follows.
struct OutcomeRefused {
  LeaseId lease;
  std::uint32_t index = 0;
  std::uint32_t count = 1;
  Error error;
};
/// A complete() is durable: the ack and its follow-ups.
struct CompleteSettled {
  LeaseId lease;
  std::uint32_t index = 0;
  SubscriptionIndex subscription;
  Position done;                        ///< of the message that was acked
  PartitionId partition;
  Position first_position;
  std::uint32_t count = 0;
};
struct RequestAnswered {
  TicketId ticket;
  proto::Reply reply;                   ///< never Error
  SharedBytes metadata;                 ///< of Peeked
  SharedBytes payload;
};
struct RequestFailed {
  TicketId ticket;
  Error error;
};
/// The broker has answered our goodbye.
struct SaidGoodbye {};

using Event = std::variant<Greeted, LinkDead, Disconnected, BatchStored, BatchFailed, Subscribed, SubscriptionRefused, Delivery,
                           Acknowledged, StaleOutcome, LeaseLost, OutcomeUnconfirmed, FailSettled, OutcomeRefused, CompleteSettled,
                           RequestAnswered, RequestFailed, SaidGoodbye>;

}  // namespace takt::sdk
