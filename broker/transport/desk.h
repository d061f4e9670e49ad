#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "broker/core/command.h"
#include "broker/transport/command_sink.h"
#include "broker/transport/connection.h"
#include "broker/transport/desk_stats.h"
#include "broker/transport/dues.h"
#include "broker/transport/intake.h"
#include "broker/transport/outbound.h"
#include "proto/sorted_deque.h"
#include "proto/time.h"
#include "scheduler/deadline_queue.h"

namespace takt::transport {

struct DeskSettings {
  std::string software = "taktd";
  IntakeLimits intake;
  Duration heartbeat = std::chrono::seconds(3);
  Duration session_timeout = std::chrono::seconds(10);
  std::size_t sessions_max = 4096;
  std::size_t replies_per_session_max = 8192;
  std::size_t replies_max = 65'536;
  std::size_t publish_bytes_max = 64u << 20;
  std::size_t request_bytes_max = 64u << 20;   ///< of requests without messages that wait, as they are in memory
  std::size_t outbound_bytes_per_peer_max = 8u << 20;
  std::size_t outbound_bytes_max = 128u << 20;   ///< of all peers together
};

/// A gateway's sessions and connections: who may say what, who is alive, what fits. It parses and checks frames, answers
/// Hello, Heartbeat, Goodbye and Metadata itself and turns the rest into commands. Pure: no socket, no clock, no thread.
///
/// Bounds, at which a request is refused with kBusy: replies owed (per session and in all; half of them to requests that may
/// wait on purpose), bytes of publishes not yet stored, bytes of other requests not yet handled, replies owed to one peer
/// together with what waits for its socket. Of the first three a session takes at most three times what it leaves free (dynamic
/// thresholds: Choudhury and Hahne, 1998), so that few that fill the bounds leave room for those who send little. A standing
/// credit passes them all: it has no answer, so its worker would wait for ever. A byte of a publish counts until the last holder
/// of its SharedBytes lets go, wherever that is. A peer whose socket is full is dropped when more waits for it than
/// outbound_bytes_per_peer_max and it took nothing for the session timeout, or when four times as much waits: what it asked
/// for itself (credit, pipelined requests) stays below that, so only a peer that doesn't read gets there.
/// All peers together: credit in bytes is shared out so that workers who keep it stay below half of outbound_bytes_max, peeks
/// and listings are refused above the whole, and above half the peers are dropped that hold more than their share and took
/// nothing for the longest.
///
/// Order within one connection is kept, except that a session's acks, credits and subscriptions overtake its publishes
/// (CommandBatch::prior). What ends a session that has published waits behind its publishes unless it may hold leases.
/// Thread: its gateway's.
class Desk {
 public:
  struct Output {
    CommandBatch commands;
    std::vector<Departure> departures;  ///< in order per connection
    std::vector<ConnectionId> dropped;  ///< to be cut off; the desk has forgotten them
  };

  enum class Presence { kHere, kLeft };

  explicit Desk(const DeskSettings& settings);

  /// The frames of one message. A connection is known from its first message on. Of one that has
  /// left, and not ended() because more of it may be unread, only what changes something is handled; it is told nothing.
  void received(ConnectionId from, Presence presence, std::span<const SharedBytes> frames, Time now);
  /// The connection is gone. Of an unknown one: nothing happens.
  void ended(ConnectionId connection);
  /// What a partition answers. Offer its departure to the socket before the next: what was not offered yet counts as waiting.
  void reply(core::Outgoing&& outgoing);
  /// The socket took `bytes` of what departures gave to `connection`.
  void sent(ConnectionId connection, std::size_t bytes);
  /// The socket is full for `connection` and refused the first of what waits. To be told several times a second: when it
  /// comes after more than one, this process stood still, and the peer's time begins anew.
  void stuck(ConnectionId connection, Time now);
  /// Looks at who takes what waits for it, and drops the slowest while too much waits for all. To be told several times a
  /// second, and whenever has_too_much_outbound(). Cost: a look at every connection.
  void relieve(Time now);
  bool has_too_much_outbound() const;
  /// Ends the sessions that were silent for the session timeout. A tick that comes more than a second after
  /// next_deadline() means that this process stood still: the silence is nobody's fault, and every session begins anew.
  void tick(Time now);
  /// When tick() has something to do; none without sessions.
  std::optional<Time> next_deadline() const { return deadlines_.next(); }

  /// New sessions and new messages are refused from now on; the rest goes on.
  void drain() { draining_ = true; }
  void end_sessions(const Refusal& reason);

  bool has_session(ConnectionId connection) const;
  Output take_output();
  DeskStats stats() const;

 private:
  static constexpr Duration draining_retry_after = std::chrono::seconds(1);
  static constexpr std::uint32_t credit_bytes_min = 256 * 1024;
  using ByteCount = std::shared_ptr<std::atomic<std::size_t>>;  ///< shared with the tickets that requests carry; any thread lets go
  /// What a request takes while it waits, and what its reply may take.
  struct Cost {
    std::size_t request_bytes = 0;
    Dues reply;  ///< none: not answered
  };

  struct Connection {
    std::optional<SessionId> session;
    bool has_left = false;
    std::shared_ptr<OutboundCount> outbound = std::make_shared<OutboundCount>();
    std::uint64_t seen_released = 0;  ///< of outbound, at the last relieve()
    Time progress{};  ///< when it had taken something, or nothing waited
    std::optional<Time> stuck_since;  ///< the socket has taken nothing since
    Time stuck_told{};  ///< last
  };
  /// Replies reserved under one correlation id.
  struct Owed {
    CorrelationId correlation;
    Dues dues;
    friend bool operator<(const Owed& a, const Owed& b) { return a.correlation < b.correlation; }
    friend bool operator<(const Owed& a, CorrelationId b) { return a.correlation < b; }
    friend bool operator<(CorrelationId a, const Owed& b) { return a < b.correlation; }
  };
  struct Session {
    ConnectionId connection;
    ClientId client;
    Time last_seen;
    bool has_published = false;
    std::unordered_set<SubscriptionId> subscriptions;
    SortedDeque<Owed> owed;
    Dues dues;  ///< sum over owed
    ByteCount publish_bytes = std::make_shared<std::atomic<std::size_t>>(0);  ///< its part of the desk's
    ByteCount request_bytes = std::make_shared<std::atomic<std::size_t>>(0);
  };
  using Sessions = std::unordered_map<SessionId, Session>;

  void request(ConnectionId from, Incoming&& incoming, Time now);
  void hello(ConnectionId from, CorrelationId correlation, proto::Hello&& hello, Time now);
  void goodbye(Sessions::iterator session, CorrelationId correlation);
  void forward(Sessions::iterator session, Incoming&& incoming);
  Cost cost_of(const Incoming& incoming) const;
  Result<void, Refusal> admit(const Session& session, const proto::Request& body, const Cost& cost) const;
  Result<void, Refusal> admit_reply(const Session& session, const proto::Request& body, const Dues& reply) const;
  void adjust(const Session& session, proto::Request& body) const;
  void note(Session& session, const proto::Request& body);
  void settle(Session& session, const core::Outgoing& outgoing);
  void settle(Session& session, CorrelationId correlation);
  void end_session(Sessions::iterator session, core::SessionEnd how);
  void drop(ConnectionId id);
  void refuse(ConnectionId to, CorrelationId correlation, const Refusal& refusal);
  void send(ConnectionId to, CorrelationId correlation, const proto::Reply& reply, std::span<const core::BlockSlice> slices = {});

  const DeskSettings settings_;
  Intake intake_;
  ByteCount publish_bytes_;
  ByteCount request_bytes_;
  std::shared_ptr<OutboundCount> outbound_ = std::make_shared<OutboundCount>();  ///< of all connections, dropped ones among them
  std::size_t relieved_at_ = 0;  ///< what outbound_ held after the last relieve()
  std::size_t subscriptions_ = 0;  ///< sum over sessions_
  std::unordered_map<ConnectionId, Connection> connections_;
  Sessions sessions_;
  std::unordered_map<ClientId, SessionId> by_client_;
  DeadlineQueue<SessionId, Time> deadlines_;  ///< a lower bound: moved only when it has passed
  std::uint64_t next_session_ = 1;
  Dues dues_;  ///< sum over sessions_
  bool draining_ = false;
  Output output_;
  DeskStats stats_;
};

}  // namespace takt::transport
