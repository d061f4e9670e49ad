#include "broker/transport/desk.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "broker/transport/precedence.h"
#include "proto/check.h"

namespace takt::transport {
namespace {

constexpr Duration busy_retry_after = std::chrono::milliseconds(20);
constexpr Duration draining_retry_after = std::chrono::seconds(1);
constexpr Duration stall_slack = std::chrono::seconds(1);
constexpr std::size_t share_of_free = 3;                   // alone a session takes three quarters of a bound
constexpr std::size_t ticket_bytes = 1024;                 // what a waiting command costs beside its frames, generously
constexpr std::size_t decoded_factor = 16;                 // an ack's entry: 7 bytes in the envelope, some 100 in memory
constexpr std::uint32_t credit_bytes_min = 256 * 1024;
constexpr std::uint32_t peek_bytes_max = 1024 * 1024;
constexpr std::size_t reply_bytes_min = 256;
constexpr std::size_t listing_bytes = 64 * 1024;           // a guess: who lists doesn't know either
constexpr std::size_t listing_bytes_max = 1024 * 1024;     // of 2,000 entries with long names, as they are in memory
constexpr std::size_t outbound_factor_replies = 2;         // of the bound: pushes in a full window leave room for replies
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

/// What the answer to a small question may come to, of those that have large ones.
std::size_t large_reply_bytes(const proto::Request& body) {
  if (const auto* peek = std::get_if<proto::Peek>(&body)) return peek->bytes_max;
  return std::holds_alternative<proto::ListTopics>(body) || std::holds_alternative<proto::ListGroups>(body) ? listing_bytes_max : 0;
}

bool is_push(const proto::Reply& body) {
  return std::holds_alternative<proto::Deliver>(body) || std::holds_alternative<proto::SessionEnded>(body);
}

std::uint32_t requests_answered(const proto::Reply& body) {
  const auto* const published = std::get_if<proto::Published>(&body);
  return published == nullptr ? 1 : published->requests;
}

std::size_t reply_bytes(const proto::Request& body, std::size_t envelope_bytes) {
  if (const auto* peek = std::get_if<proto::Peek>(&body)) return peek->bytes_max + reply_bytes_min;
  if (std::holds_alternative<proto::ListTopics>(body) || std::holds_alternative<proto::ListGroups>(body)) return listing_bytes;
  return envelope_bytes + reply_bytes_min;   // Acked and Resumed repeat what they were asked
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

void Desk::received(ConnectionId from, std::span<const SharedBytes> frames, Time now) {
  const auto [entry, is_new] = connections_.try_emplace(from);
  if (is_new) {
    ++stats_.connections_opened;
    entry->second.progress = now;
  }
  ++stats_.received_messages;
  for (const SharedBytes& frame : frames) stats_.received_bytes += frame.size();
  if (entry->second.session) sessions_.at(*entry->second.session).last_seen = now;

  auto incoming = intake_.envelope(frames);
  if (!incoming) return refuse(from, incoming.error().correlation.value_or(CorrelationId(0)), incoming.error().refusal);
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
  sessions_.emplace(id, Session{from, body.client, now, false, {}, {}, 0});
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
  const Admission admission = core::is_answered(incoming.body) ? Admission::kReply : Admission::kSilent;
  const bool is_publish = std::holds_alternative<proto::Publish>(incoming.body);
  adjust(session, incoming.body);
  const Cost cost = cost_of(incoming);
  auto accepted = admit(session, incoming.body, admission, cost);
  if (accepted) accepted = intake_.content(incoming);
  if (!accepted) {
    // acks=0 promised that there is no answer: the refusal is counted, not sent.
    if (is_publish && admission == Admission::kSilent) {
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
  if (admission == Admission::kReply) {
    Owed& owed = session.owed.insert({command.correlation});
    ++owed.count;
    owed.bytes += cost.reply_bytes;
    ++session.owed_count;
    session.owed_bytes += cost.reply_bytes;
    ++owed_;
    const std::size_t large_bytes = large_reply_bytes(command.body);
    owed.large_bytes += large_bytes;
    session.large_owed_bytes += large_bytes;
    large_replies_owed_ += large_bytes;
  }
  if (is_publish) session.has_published = true;
  auto& queue = goes_ahead(command.body, session.has_published) ? output_.commands.prior : output_.commands.later;
  queue.emplace_back(std::move(command));
}

Desk::Cost Desk::cost_of(const Incoming& incoming) const {
  Cost cost{ticket_bytes, core::is_answered(incoming.body) ? reply_bytes(incoming.body, incoming.envelope_bytes) : 0};
  if (!std::holds_alternative<proto::Publish>(incoming.body)) cost.request_bytes += decoded_factor * incoming.envelope_bytes;
  cost.request_bytes += incoming.section_bytes();
  return cost;
}

Result<void, Refusal> Desk::admit(const Session& session, const proto::Request& body, Admission admission, const Cost& cost) const {
  if (const auto* credit = std::get_if<proto::Credit>(&body); credit != nullptr && credit->kind == proto::CreditKind::kStanding) return {};
  const bool is_publish = std::holds_alternative<proto::Publish>(body);
  const bool brings_messages = is_publish || std::holds_alternative<proto::Complete>(body);
  if (draining_ && is_publish)
    return failed(Refusal{ErrorCode::kDraining, "the broker is shutting down: send again in a moment", draining_retry_after});
  if (admission == Admission::kReply && session.owed_count >= settings_.replies_per_session_max)
    return failed(Refusal{ErrorCode::kBusy,
                          "this session waits for " + std::to_string(session.owed_count) + " replies, its limit: wait for some of them",
                          busy_retry_after});
  if (admission == Admission::kReply && owed_ >= settings_.replies_max)
    return failed(Refusal{ErrorCode::kBusy,
                          "the broker owes " + std::to_string(owed_) + " replies, its limit (limits.replies): send again in a moment",
                          busy_retry_after});
  if (admission == Admission::kReply && session.owed_count > share_of_free * (settings_.replies_max - owed_ - 1))
    return failed(Refusal{ErrorCode::kBusy,
                          "this session waits for its share of the replies that the broker may owe (limits.replies): wait for some of them",
                          busy_retry_after});
  // A client that asks faster than it reads: asking again costs it less than being cut off. Not so with a resume.
  const std::size_t held = connections_.at(session.connection).outbound->held.load(std::memory_order_relaxed);
  const std::size_t asked_for = session.owed_bytes + held;
  if (asked_for > 0 && asked_for + cost.reply_bytes > outbound_factor_replies * settings_.outbound_bytes_per_peer_max &&
      admission == Admission::kReply && !std::holds_alternative<proto::Resume>(body))
    return failed(Refusal{ErrorCode::kBusy,
                          "the replies that wait for this connection have reached limits.outbound_bytes: read some of them",
                          busy_retry_after});
  // Who asks for the first time has room where others, who don't read, have filled theirs.
  const std::size_t large_max = (asked_for == 0 ? 2 : 1) * settings_.outbound_bytes_max;
  const std::size_t large_bytes = large_reply_bytes(body);
  if (large_bytes > 0 && outbound_->held.load(std::memory_order_relaxed) + large_replies_owed_ + large_bytes > large_max)
    return failed(Refusal{ErrorCode::kBusy,
                          "the replies that wait for all clients have reached limits.outbound_bytes_total: ask again in a moment",
                          busy_retry_after});
  const std::size_t waiting = (brings_messages ? publish_bytes_ : request_bytes_)->load(std::memory_order_relaxed);
  // A client whose resume is refused begins a new session, so there is room kept for it that acks don't take.
  const std::size_t rooms = std::holds_alternative<proto::Resume>(body) ? 2 : 1;
  const std::size_t bound = brings_messages ? settings_.publish_bytes_max : rooms * settings_.request_bytes_max;
  const std::size_t then = waiting + cost.request_bytes;
  const std::size_t own = (brings_messages ? session.publish_bytes : session.request_bytes)->load(std::memory_order_relaxed);
  if (then <= bound && own <= share_of_free * (bound - then)) return {};
  if (waiting == 0 || (own == 0 && then <= bound)) return {};
  return failed(
      Refusal{ErrorCode::kBusy,
              brings_messages
                  ? "the messages that wait to be stored have reached this session's share of limits.publish_bytes: send again in a moment"
                  : "the requests that wait have reached this session's share of what the broker holds: send again in a moment",
              busy_retry_after});
}

// What a worker may have un-acked has to fit what may wait for its socket, or a burst would make a healthy peer look slow.
void Desk::adjust(const Session& session, proto::Request& body) const {
  if (auto* credit = std::get_if<proto::Credit>(&body)) {
    const std::size_t share = std::min(settings_.outbound_bytes_per_peer_max / std::max<std::size_t>(1, session.subscriptions.size()),
                                       settings_.outbound_bytes_max / 2 / std::max<std::size_t>(1, subscriptions_));
    credit->bytes = std::min(credit->bytes, std::max(credit_bytes_min, static_cast<std::uint32_t>(share)));
  } else if (auto* peek = std::get_if<proto::Peek>(&body)) {
    peek->bytes_max =
        static_cast<std::uint32_t>(std::min<std::size_t>({peek->bytes_max, peek_bytes_max, settings_.outbound_bytes_per_peer_max}));
  }
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
  const std::size_t bytes = owed->bytes / owed->count;
  const std::size_t large_bytes = owed->large_bytes / owed->count;
  owed->bytes -= bytes;
  owed->large_bytes -= large_bytes;
  session.owed_bytes -= bytes;
  session.large_owed_bytes -= large_bytes;
  large_replies_owed_ -= large_bytes;
  if (--owed->count == 0) session.owed.erase(owed);
  --session.owed_count;
  --owed_;
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
  owed_ -= session.owed_count;
  large_replies_owed_ -= session.large_owed_bytes;
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
  stats.replies_reserved = owed_;
  stats.outbound_bytes = outbound_->held.load(std::memory_order_relaxed);
  stats.publish_bytes_in_flight = publish_bytes_->load(std::memory_order_relaxed);
  return stats;
}

}  // namespace takt::transport
