#pragma once
// What a partition is told, and what it answers: the core's whole surface, as values.

#include <string>
#include <variant>
#include <vector>

#include "broker/core/block.h"
#include "broker/core/event.h"
#include "proto/messages.h"
#include "proto/shared_bytes.h"
#include "proto/time.h"

namespace takt::core {

// ---- in

/// A client said Hello; the gateway vouches for `session` from now on.
struct SessionUp {
  SessionId session;
  ClientId client;
  proto::ClientKind kind = proto::ClientKind::kTool;
  std::string name;
};
enum class SessionEnd : std::uint8_t {
  kGoodbye,       ///< orderly: leases go back, no attempt is counted
  kDisconnected,  ///< the connection ended: leases are lost, an attempt is counted
  kTimedOut,      ///< no sign of life: the same
};
struct SessionLost {
  SessionId session;
  SessionEnd how = SessionEnd::kDisconnected;
  ClientId client{};   ///< whose it was
};
/// A request that the gateway has decoded and checked. The sections are empty for types without them.
/// Hello, Heartbeat, Goodbye and Metadata are answered by the gateway and never come here.
struct ClientRequest {
  SessionId session;
  CorrelationId correlation;
  proto::Request body;
  SharedBytes metadata;
  SharedBytes payload;
};
/// Publishes without acks and standing credit have no reply, not even a refusal.
inline bool is_answered(const proto::Request& request) {
  if (const auto* publish = std::get_if<proto::Publish>(&request)) return publish->acks != proto::Acks::kNone;
  if (const auto* credit = std::get_if<proto::Credit>(&request)) return credit->kind != proto::CreditKind::kStanding;
  return true;
}
/// The answer to LoadBlocks. Offsets in [from, until) that are in no block and not unreadable are gone: freed from the
/// log and not carried.
struct BlocksLoaded {
  TopicId topic;
  Lane lane;
  Offset from;
  Offset until;
  std::vector<BlockPtr> blocks;
  std::vector<OffsetRun> unreadable = {};   ///< their stored bytes are damaged
};
using Command = std::variant<SessionUp, SessionLost, ClientRequest, BlocksLoaded>;

// ---- out

/// Goes to the session's gateway. Deliver and Peeked carry `slices`, from which the gateway makes frames 2 and 3.
struct Outgoing {
  SessionId session;
  CorrelationId correlation;
  proto::Reply body;
  std::vector<BlockSlice> slices;
};
/// Asks the reader for messages from `from` on, at most about `bytes_max`; answered by BlocksLoaded. `position` is
/// where the message of offset `from` stands if memory knows it, else the index table does; `located` messages from there
/// on follow one by one.
struct LoadBlocks {
  TopicId topic;
  Lane lane;
  Offset from;
  std::optional<Position> position;
  std::size_t bytes_max = 0;
  std::uint64_t located = 1;
};
using Effect = std::variant<Outgoing, LoadBlocks>;

}  // namespace takt::core
