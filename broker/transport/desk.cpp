#include "broker/transport/desk.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "broker/transport/precedence.h"
#include "proto/check.h"

namespace takt::transport {
namespace {

constexpr Duration stall_slack = std::chrono::seconds(1);
constexpr std::size_t relief_steps = 16;                   // of outbound_bytes_max: looking at all peers costs
constexpr std::size_t outbound_factor_max = 4;             // credits given while subscriptions came, each its share of fewer

/// Keeps a request's bytes alive and counted; the count goes down where the last holder lets go, on any thread.
struct Ticket {
  using Counter = std::shared_ptr<std::atomic<std::size_t>>;

  Ticket(Counter of_all, Counter of_session, std::size_t counted)
      : in_flight(std::move(of_all)),
        of_session_in_flight(std::move(of_session)),
        bytes(counted) {
    for (const Counter* counter : {&in_flight, &of_session_in_flight}) (*counter)->fetch_add(bytes, std::memory_order_relaxed);
  }
  ~Ticket() {
    for (const Counter* counter : {&in_flight, &of_session_in_flight}) (*counter)->fetch_sub(bytes, std::memory_order_relaxed);
  }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  Counter in_flight;
  Counter of_session_in_flight;
  std::size_t bytes;
  std::shared_ptr<const void> metadata_owner;
  std::shared_ptr<const void> payload_owner;
};

bool is_push(const proto::Reply& body) {
  return std::holds_alternative<proto::Deliver>(body) || std::holds_alternative<proto::SessionEnded>(body);
}

std::uint32_t requests_answered(const proto::Reply& body) {
  const auto* const published = std::get_if<proto::Published>(&body);
  return published == nullptr ? 1 : published->requests;
}

std::uint32_t to_milliseconds(Duration duration) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

Desk::Desk(const DeskSettings& settings)
    : settings_(settings),
      intake_(settings.intake),
      publish_bytes_(std::make_shared<std::atomic<std::size_t>>(0)),
      request_bytes_(std::make_shared<std::atomic<std::size_t>>(0)) {
  check(settings.intake.partitions == 1, "this version routes every command to partition 0");
}

void Desk::received(ConnectionId from, Presence presence, std::span<const SharedBytes> frames, Time now) {
  const auto [entry, is_new] = connections_.try_emplace(from);
  if (is_new) {
    ++stats_.connections_opened;
    entry->second.progress = now;
  }
  entry->second.has_left = presence == Presence::kLeft;
  ++stats_.received_messages;
  for (const SharedBytes& frame : frames) stats_.received_bytes += frame.size();
  if (entry->second.session) sessions_.at(*entry->second.session).last_seen = now;

  auto incoming = intake_.envelope(frames);
  if (!incoming) return refuse(from, incoming.error().correlation.value_or(CorrelationId(0)), incoming.error().refusal);
  if (presence == Presence::kLeft && needs_connection(incoming->body)) {
    stats_.replies_dropped += core::is_answered(incoming->body) ? 1 : 0;
    return;
  }
  request(from, std::move(*incoming), now);
}

void Desk::request(ConnectionId from, Incoming&& incoming, Time now) {
  if (auto* body = std::get_if<proto::Hello>(&incoming.body)) return hello(from, incoming.correlation, std::move(*body), now);
  const auto& known = connections_.at(from).session;
  if (!known) return refuse(from, incoming.correlation, {ErrorCode::kHelloRequired, "this connection has no session: say Hello first"});
  const auto session = sessions_.find(*known);
  check(session != sessions_.end(), "a connection's session is in the table");

  if (std::holds_alternative<proto::Heartbeat>(incoming.body)) return send(from, incoming.correlation, proto::HeartbeatReply{});
  if (std::holds_alternative<proto::Goodbye>(incoming.body)) return goodbye(session, incoming.correlation);
  if (std::holds_alternative<proto::Metadata>(incoming.body))
    return send(from, incoming.correlation, proto::MetadataReply{{{PartitionId(0), ""}}, std::vector<std::uint32_t>(1024, 0)});
  forward(session, std::move(incoming));
}

void Desk::hello(ConnectionId from, CorrelationId correlation, proto::Hello&& body, Time now) {
  if (draining_)
    return refuse(from, correlation,
                  {ErrorCode::kDraining, "the broker is shutting down: connect again in a moment", draining_retry_after});
  if (const auto& own = connections_.at(from).session) end_session(sessions_.find(*own), core::SessionEnd::kDisconnected);
  if (const auto older = by_client_.find(body.client); older != by_client_.end()) {
    if (connections_.at(from).has_left) {   // and its client has come back on another one since
      ++stats_.replies_dropped;
      return;
    }
    const auto session = sessions_.find(older->second);
    const ConnectionId left = session->second.connection;
    ++stats_.sessions_taken_over;
    end_session(session, core::SessionEnd::kDisconnected);
    send(left, CorrelationId(0),
         proto::SessionEnded{ErrorCode::kSessionExpired, "this client has opened a newer session on another connection"});
  }
  if (sessions_.size() >= settings_.sessions_max)
    return refuse(
        from, correlation,
        {ErrorCode::kTooManyConnections, "the broker has " + std::to_string(sessions_.size()) + " sessions, its limit (limits.connections)",
         std::chrono::seconds(1)});

  const SessionId id(next_session_++);
  sessions_.emplace(id, Session{from, body.client, now, false, {}, {}, {}});
  by_client_[body.client] = id;
  connections_.at(from).session = id;
  deadlines_.set(id, now + settings_.session_timeout);
  ++stats_.sessions_opened;
  output_.commands.prior.emplace_back(core::SessionUp{id, body.client, body.kind, std::move(body.name)});

  proto::HelloReply reply;
  reply.session = id;
  reply.software = settings_.software;
  reply.heartbeat_ms = to_milliseconds(settings_.heartbeat);
  reply.session_timeout_ms = to_milliseconds(settings_.session_timeout);
  reply.partitions = settings_.intake.partitions;
  reply.message_bytes_max = static_cast<std::uint32_t>(settings_.intake.message_bytes_max);
  reply.batch_bytes_max = static_cast<std::uint32_t>(settings_.intake.batch_bytes_max);
  reply.batch_messages_max = settings_.intake.batch_messages_max;
  send(from, correlation, reply);
}

void Desk::goodbye(Sessions::iterator session, CorrelationId correlation) {
  const ConnectionId connection = session->second.connection;
  end_session(session, core::SessionEnd::kGoodbye);
  send(connection, correlation, proto::GoodbyeReply{});
}

void Desk::forward(Sessions::iterator entry, Incoming&& incoming) {
  Session& session = entry->second;
  const bool is_publish = std::holds_alternative<proto::Publish>(incoming.body);
  adjust(session, incoming.body);
  const Cost cost = cost_of(incoming);
  auto accepted = admit(session, incoming.body, cost);
  if (accepted) accepted = intake_.content(incoming);
  if (!accepted) {
    // acks=0 promised that there is no answer: the refusal is counted, not sent.
    if (is_publish && cost.reply.count == 0) {
      ++stats_.refusals[accepted.error().code];
      return;
    }
    return refuse(session.connection, incoming.correlation, accepted.error());
  }

  note(session, incoming.body);
  core::ClientRequest command{entry->first, incoming.correlation, std::move(incoming.body), {}, {}};
  auto ticket = std::make_shared<Ticket>(incoming.has_sections ? publish_bytes_ : request_bytes_,
                                         incoming.has_sections ? session.publish_bytes : session.request_bytes, cost.request_bytes);
  ticket->metadata_owner = std::move(incoming.metadata.owner);
  ticket->payload_owner = std::move(incoming.payload.owner);
  if (incoming.has_sections) command.payload = {ticket, incoming.payload.bytes};
  command.metadata = {std::move(ticket), incoming.metadata.bytes};
  if (cost.reply.count > 0) {
    session.owed.insert({command.correlation, {}}).dues += cost.reply;
    session.dues += cost.reply;
    dues_ += cost.reply;
  }
  if (is_publish) session.has_published = true;
  auto& queue = goes_ahead(command.body, session.has_published) ? output_.commands.prior : output_.commands.later;
  queue.emplace_back(std::move(command));
}

void Desk::note(Session& session, const proto::Request& body) {
  if (const auto* subscribe = std::get_if<proto::Subscribe>(&body))
    subscriptions_ += session.subscriptions.insert(subscribe->subscription).second ? 1 : 0;
  if (const auto* unsubscribe = std::get_if<proto::Unsubscribe>(&body))
    subscriptions_ -= session.subscriptions.erase(unsubscribe->subscription);
}

void Desk::reply(core::Outgoing&& outgoing) {
  const auto entry = sessions_.find(outgoing.session);
  if (entry == sessions_.end()) {
    stats_.replies_dropped += requests_answered(outgoing.body);
    return;
  }
  const ConnectionId to = entry->second.connection;
  settle(entry->second, outgoing);
  if (const auto* dropped = std::get_if<proto::Unsubscribed>(&outgoing.body);
      dropped != nullptr && outgoing.correlation == CorrelationId(0))
    subscriptions_ -= entry->second.subscriptions.erase(dropped->subscription);
  // A partition may give up a session too; the client says Hello again.
  const bool ends = std::holds_alternative<proto::SessionEnded>(outgoing.body);
  if (ends) end_session(entry, core::SessionEnd::kDisconnected);
  send(to, outgoing.correlation, outgoing.body, outgoing.slices);
}

void Desk::settle(Session& session, const core::Outgoing& outgoing) {
  if (is_push(outgoing.body)) return;
  const std::uint32_t requests = requests_answered(outgoing.body);
  for (std::uint32_t i = 0; i < requests; ++i) settle(session, outgoing.correlation.plus(i));
}

void Desk::settle(Session& session, CorrelationId correlation) {
  const auto owed = session.owed.find(correlation);
  if (owed == session.owed.end()) return;
  const Dues one = owed->dues.one();
  owed->dues -= one;
  session.dues -= one;
  dues_ -= one;
  if (owed->dues.count == 0) session.owed.erase(owed);
}

void Desk::sent(ConnectionId connection, std::size_t bytes) {
  ++stats_.sent_messages;
  stats_.sent_bytes += bytes;
  const auto entry = connections_.find(connection);
  if (entry == connections_.end()) return;
  entry->second.stuck_since.reset();
}

void Desk::stuck(ConnectionId id, Time now) {
  const auto entry = connections_.find(id);
  if (entry == connections_.end()) return;
  Connection& connection = entry->second;
  if (!connection.stuck_since || now - connection.stuck_told > stall_slack) connection.stuck_since = now;
  connection.stuck_told = now;
  const std::size_t bound = settings_.outbound_bytes_per_peer_max;
  const std::size_t held = connection.outbound->held.load(std::memory_order_relaxed);
  if (held <= bound) return;
  const std::size_t subscriptions = connection.session ? sessions_.at(*connection.session).subscriptions.size() : 0;
  const bool is_silent = now - *connection.stuck_since >= settings_.session_timeout;
  if (!is_silent && held <= outbound_factor_max * bound + subscriptions * credit_bytes_min) return;
  drop(id);
}

void Desk::drop(ConnectionId id) {
  ++stats_.slow_peers_dropped;
  output_.dropped.push_back(id);
  ended(id);
}

void Desk::relieve(Time now) {
  struct Waiting {
    Time progress;
    std::size_t bytes;
    ConnectionId id;
  };
  std::vector<Waiting> waiting;
  std::size_t sum = 0;   // dropped ones leave outbound_ later, when libzmq has let go
  for (auto& [id, connection] : connections_) {
    const std::uint64_t released = connection.outbound->released.load(std::memory_order_relaxed);
    const std::size_t held = connection.outbound->held.load(std::memory_order_relaxed);
    if (held == 0 || std::exchange(connection.seen_released, released) != released) connection.progress = now;
    if (held > 0) waiting.push_back({connection.progress, held, id});
    sum += held;
  }
  // Who holds less than its share is none of the trouble, however slow it is just now.
  const std::size_t share = sum / std::max<std::size_t>(1, waiting.size());
  if (sum > settings_.outbound_bytes_max / 2)
    std::ranges::sort(waiting, {},
                      [&](const Waiting& peer) { return std::tuple(peer.bytes < share, peer.progress, ~peer.bytes, peer.id); });
  for (auto slowest = waiting.begin(); sum > settings_.outbound_bytes_max / 2 && slowest != waiting.end(); ++slowest) {
    sum -= slowest->bytes;
    drop(slowest->id);
  }
  relieved_at_ = outbound_->held.load(std::memory_order_relaxed);
}

bool Desk::has_too_much_outbound() const {
  const std::size_t held = outbound_->held.load(std::memory_order_relaxed);
  return held > settings_.outbound_bytes_max / 2 && held > relieved_at_ + settings_.outbound_bytes_max / relief_steps;
}

void Desk::ended(ConnectionId connection) {
  const auto entry = connections_.find(connection);
  if (entry == connections_.end()) return;
  if (entry->second.session) end_session(sessions_.find(*entry->second.session), core::SessionEnd::kDisconnected);
  connections_.erase(entry);
}

void Desk::tick(Time now) {
  if (const auto due = deadlines_.next(); due && now > *due + stall_slack) {
    for (auto& [id, session] : sessions_) session.last_seen = now;
  }
  while (const auto id = deadlines_.pop_due(now)) {
    const auto session = sessions_.find(*id);
    const Time expires = session->second.last_seen + settings_.session_timeout;
    if (expires > now) {
      deadlines_.set(*id, expires);
      continue;
    }
    const ConnectionId connection = session->second.connection;
    ++stats_.sessions_timed_out;
    end_session(session, core::SessionEnd::kTimedOut);
    send(connection, CorrelationId(0),
         proto::SessionEnded{
             ErrorCode::kSessionExpired,
             "nothing was heard for " + std::to_string(to_milliseconds(settings_.session_timeout)) + " ms, the session timeout"});
  }
}

void Desk::end_sessions(const Refusal& reason) {
  while (!sessions_.empty()) {
    const auto session = sessions_.begin();
    const ConnectionId connection = session->second.connection;
    end_session(session, core::SessionEnd::kDisconnected);
    send(connection, CorrelationId(0), proto::SessionEnded{reason.code, reason.message});
  }
}

void Desk::end_session(Sessions::iterator entry, core::SessionEnd how) {
  const SessionId id = entry->first;
  Session& session = entry->second;
  // A session that may hold leases gives them back ahead of what waits; one that only publishes must not have its last
  // messages refused as from an unknown session.
  const bool behind = session.has_published && (session.subscriptions.empty() || how == core::SessionEnd::kGoodbye);
  auto& queue = behind ? output_.commands.later : output_.commands.prior;
  queue.emplace_back(core::SessionLost{id, how, session.client});
  dues_ -= session.dues;
  subscriptions_ -= session.subscriptions.size();
  if (const auto client = by_client_.find(session.client); client != by_client_.end() && client->second == id) by_client_.erase(client);
  connections_.at(session.connection).session.reset();
  deadlines_.cancel(id);
  sessions_.erase(entry);
}

void Desk::refuse(ConnectionId to, CorrelationId correlation, const Refusal& refusal) {
  ++stats_.refusals[refusal.code];
  send(to, correlation, proto::Error{refusal.code, refusal.message, to_milliseconds(refusal.retry_after)});
}

void Desk::send(ConnectionId to, CorrelationId correlation, const proto::Reply& reply, std::span<const core::BlockSlice> slices) {
  const auto entry = connections_.find(to);
  if (entry == connections_.end()) return;
  if (entry->second.has_left) {
    ++stats_.replies_dropped;
    return;
  }
  std::vector<std::vector<std::byte>> frames;
  frames.push_back(proto::encode(reply, correlation));
  if (proto::frame_count(proto::type_of(reply)) == 3) {
    proto::Sections sections = core::gather(slices);
    frames.push_back(std::move(sections.metadata));
    frames.push_back(std::move(sections.payload));
  }
  output_.departures.push_back(make_departure(to, std::move(frames), entry->second.outbound, outbound_));
}

bool Desk::has_session(ConnectionId connection) const {
  const auto entry = connections_.find(connection);
  return entry != connections_.end() && entry->second.session.has_value();
}

Desk::Output Desk::take_output() { return std::exchange(output_, {}); }

DeskStats Desk::stats() const {
  DeskStats stats = stats_;
  stats.connections = connections_.size();
  stats.sessions = sessions_.size();
  stats.replies_reserved = dues_.count;
  stats.outbound_bytes = outbound_->held.load(std::memory_order_relaxed);
  stats.publish_bytes_in_flight = publish_bytes_->load(std::memory_order_relaxed);
  return stats;
}

}  // namespace takt::transport
