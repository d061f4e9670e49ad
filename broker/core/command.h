#pragma once
// What a partition is told, and what it answers: the core's whole surface, as values.

#include <string>
#include <variant>
#include <vector>

#include "broker/core/block.h"
#include "broker/core/event.h"
#include "broker/core/index_rows.h"
#include "proto/messages.h"
#include "proto/shared_bytes.h"
#include "proto/time.h"
#include "scheduler/timer_wheel.h"

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
/// The answer to LoadTimers: the values of its chunks, in order, or why they cannot be had.
struct TimersLoaded {
  scheduler::TimerWheel::ChunkRange range;
  std::vector<std::string> chunks;
  std::optional<Corruption> damage = {};
};
/// What the stores know of a position.
struct FoundMessage {
  Position position;
  enum class Kind : std::uint8_t {
    kNone,         ///< no message: an event
    kGone,         ///< freed from the log and not carried
    kUnreadable,   ///< damaged
    kMessage,
  } what = Kind::kNone;
  TopicId topic = {};   ///< from here on: of a message
  Lane lane = {};
  bool is_scheduled = false;
  WallTime due{};                       ///< that it was sent with
  std::optional<Offset> offset = {};    ///< of a scheduled one: when it had fired before the tables' checkpoint
  std::string kind = {};
};
/// The answer to FindMessages.
struct MessagesFound {
  std::uint64_t number = 0;
  std::vector<FoundMessage> messages;   ///< by position, as they were asked for
};
using Command = std::variant<SessionUp, SessionLost, ClientRequest, BlocksLoaded, TimersLoaded, MessagesFound>;

// ---- out

/// Goes to the session's gateway. Deliver and Peeked carry `slices`, from which the gateway makes frames 2 and 3.
struct Outgoing {
  SessionId session;
  CorrelationId correlation;
  proto::Reply body;
  std::vector<BlockSlice> slices;
};
/// Asks the reader for messages from `from` on, at most about `bytes_max`; answered by BlocksLoaded. `located` says where
/// they stand, from `from` on and without gaps, as far as memory knows; the index table does where it says nothing.
struct LoadBlocks {
  TopicId topic;
  Lane lane;
  Offset from;
  std::size_t bytes_max = 0;
  std::vector<IndexSegment> located = {};
};
/// Asks the reader for timers that come due soon.
struct LoadTimers {
  scheduler::TimerWheel::ChunkRange range;
};
/// Asks the finder for messages by their positions: rising, and all durable.
struct FindMessages {
  std::uint64_t number = 0;
  std::vector<Position> positions;
};
using Effect = std::variant<Outgoing, LoadBlocks, LoadTimers, FindMessages>;

}  // namespace takt::core
