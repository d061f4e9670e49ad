// Desk's admission: what a request costs, and whether it fits.

#include <algorithm>
#include <string>
#include <utility>

#include "broker/transport/desk.h"

namespace takt::transport {
namespace {

constexpr Duration busy_retry_after = std::chrono::milliseconds(20);
constexpr Duration waiting_retry_after = std::chrono::seconds(1);
constexpr std::size_t share_of_free = 3;                   // alone a session takes three quarters of a bound
constexpr std::size_t ticket_bytes = 1024;                 // what a waiting command costs beside its frames, generously
constexpr std::size_t decoded_factor = 16;                 // an ack's entry: 7 bytes in the envelope, some 100 in memory
constexpr std::uint32_t peek_bytes_max = 1024 * 1024;
constexpr std::size_t reply_bytes_min = 256;
constexpr std::size_t listing_bytes = 64 * 1024;           // a guess: who lists doesn't know either
constexpr std::size_t listing_bytes_max = 1024 * 1024;     // of 2,000 entries with long names, as they are in memory
constexpr std::size_t outbound_factor_replies = 2;         // of the bound: pushes in a full window leave room for replies

/// What the answer to a small question may come to, of those that have large ones.
std::size_t large_reply_bytes(const proto::Request& body) {
  if (const auto* peek = std::get_if<proto::Peek>(&body)) return peek->bytes_max;
  return proto::asks_for_list(body) ? listing_bytes_max : 0;
}

std::size_t reply_bytes(const proto::Request& body, std::size_t envelope_bytes) {
  if (const auto* peek = std::get_if<proto::Peek>(&body)) return peek->bytes_max + reply_bytes_min;
  if (proto::asks_for_list(body)) return listing_bytes;
  return envelope_bytes + reply_bytes_min;   // Acked and Resumed repeat what they were asked
}

bool may_wait(const proto::Request& body) {
  if (const auto* peek = std::get_if<proto::Peek>(&body)) return peek->wait_ms > 0;
  const auto* const credit = std::get_if<proto::Credit>(&body);
  return credit != nullptr && credit->wait_ms > 0;
}

/// Has one that holds `own` of the `taken` of `bound` its share of one more?
bool is_its_share(std::size_t own, std::size_t taken, std::size_t bound) {
  return taken < bound && own <= share_of_free * (bound - taken - 1);
}

Result<void, Refusal> busy(std::string message, Duration retry_after = busy_retry_after) {
  return failed(Refusal{ErrorCode::kBusy, std::move(message), retry_after});
}

}  // namespace

Desk::Cost Desk::cost_of(const Incoming& incoming) const {
  Cost cost{ticket_bytes + incoming.section_bytes(), {}};
  if (!std::holds_alternative<proto::Publish>(incoming.body)) cost.request_bytes += decoded_factor * incoming.envelope_bytes;
  if (core::is_answered(incoming.body))
    cost.reply = {1, may_wait(incoming.body) ? 1u : 0u, reply_bytes(incoming.body, incoming.envelope_bytes),
                  large_reply_bytes(incoming.body)};
  return cost;
}

Result<void, Refusal> Desk::admit(const Session& session, const proto::Request& body, const Cost& cost) const {
  if (const auto* credit = std::get_if<proto::Credit>(&body); credit != nullptr && credit->kind == proto::CreditKind::kStanding) return {};
  const bool is_publish = std::holds_alternative<proto::Publish>(body);
  const bool brings_messages = is_publish || std::holds_alternative<proto::Complete>(body);
  if (draining_ && is_publish)
    return failed(Refusal{ErrorCode::kDraining, "the broker is shutting down: send again in a moment", draining_retry_after});
  if (cost.reply.count > 0) {
    if (auto admitted = admit_reply(session, body, cost.reply); !admitted) return admitted;
  }
  const std::size_t waiting = (brings_messages ? publish_bytes_ : request_bytes_)->load(std::memory_order_relaxed);
  // A client whose resume is refused begins a new session, so there is room kept for it that acks don't take.
  const std::size_t rooms = std::holds_alternative<proto::Resume>(body) ? 2 : 1;
  const std::size_t bound = brings_messages ? settings_.publish_bytes_max : rooms * settings_.request_bytes_max;
  const std::size_t then = waiting + cost.request_bytes;
  const std::size_t own = (brings_messages ? session.publish_bytes : session.request_bytes)->load(std::memory_order_relaxed);
  if (then <= bound && own <= share_of_free * (bound - then)) return {};
  if (waiting == 0 || (own == 0 && then <= bound)) return {};
  return busy(brings_messages
                  ? "the messages that wait to be stored have reached this session's share of limits.publish_bytes: send again in a moment"
                  : "the requests that wait have reached this session's share of what the broker holds: send again in a moment");
}

Result<void, Refusal> Desk::admit_reply(const Session& session, const proto::Request& body, const Dues& reply) const {
  if (session.dues.count >= settings_.replies_per_session_max)
    return busy("this session waits for " + std::to_string(session.dues.count) + " replies, its limit: wait for some of them");
  if (dues_.count >= settings_.replies_max)
    return busy("the broker owes " + std::to_string(dues_.count) + " replies, its limit (limits.replies): send again in a moment");
  if (!is_its_share(session.dues.count, dues_.count, settings_.replies_max))
    return busy("this session waits for its share of the replies that the broker may owe (limits.replies): wait for some of them");
  // Whoever waits on purpose must not hold up those who only want an answer.
  if (reply.waiting > 0 && !is_its_share(session.dues.waiting, dues_.waiting, std::max<std::size_t>(1, settings_.replies_max / 2)))
    return busy("this session's pulls and peeks have reached their share of those that may wait (half of limits.replies): ask again later",
                waiting_retry_after);
  // A client that asks faster than it reads: asking again costs it less than being cut off. Not so with a resume.
  const std::size_t held = connections_.at(session.connection).outbound->held.load(std::memory_order_relaxed);
  const std::size_t asked_for = session.dues.bytes + held;
  if (asked_for > 0 && asked_for + reply.bytes > outbound_factor_replies * settings_.outbound_bytes_per_peer_max &&
      !std::holds_alternative<proto::Resume>(body))
    return busy("the replies that wait for this connection have reached limits.outbound_bytes: read some of them");
  // Who asks for the first time has room where others, who don't read, have filled theirs.
  const std::size_t large_max = (asked_for == 0 ? 2 : 1) * settings_.outbound_bytes_max;
  const std::size_t large_held = outbound_->held.load(std::memory_order_relaxed) + dues_.large_bytes;
  if (reply.large_bytes > 0 && large_held + reply.large_bytes > large_max)
    return busy("the replies that wait for all clients have reached limits.outbound_bytes_total: ask again in a moment");
  return {};
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

}  // namespace takt::transport
