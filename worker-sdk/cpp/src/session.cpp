#include "worker-sdk/cpp/src/session.h"

#include "proto/section.h"
#include "worker-sdk/cpp/src/refusal.h"

namespace takt::sdk {
namespace {

template <class... Fns>
struct Overloaded : Fns... {
  using Fns::operator()...;
};
template <class... Fns>
Overloaded(Fns...) -> Overloaded<Fns...>;

/// Do the ends of a section's table ascend and fit? The records themselves are read when somebody asks for them.
bool sections_fit(std::uint64_t count, ByteView metadata, ByteView payload) {
  const std::uint64_t table = count * proto::section_entry_bytes;
  if (table > metadata.size()) return false;
  std::uint32_t metadata_end = 0;
  std::uint32_t payload_end = 0;
  const auto read = [&](std::uint64_t at) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) value |= std::to_integer<std::uint32_t>(metadata[at + i]) << (8 * i);
    return value;
  };
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint32_t next_metadata = read(i * proto::section_entry_bytes);
    const std::uint32_t next_payload = read(i * proto::section_entry_bytes + 4);
    if (next_metadata < metadata_end || next_payload < payload_end) return false;
    metadata_end = next_metadata;
    payload_end = next_payload;
  }
  return table + metadata_end == metadata.size() && payload_end == payload.size();
}

template <class Ranges, class CountOf>
std::uint64_t total(const Ranges& ranges, CountOf count_of) {
  std::uint64_t sum = 0;
  for (const auto& range : ranges) sum += count_of(range);
  return sum;
}

}  // namespace

Session::Session(SessionOptions options)
    : options_(std::move(options)),
      publishing_(options_.producer, options_.publishing, outlet_, sequencer_),
      consuming_(options_.producer, options_.ack_linger, outlet_, sequencer_),
      requests_(outlet_) {}

void Session::connected(Now now) {
  if (link_ == Link::kLeft) return;
  link_ = Link::kGreeting;
  hello_deadline_ = now.mono + options_.hello_timeout;
  last_received_ = last_heartbeat_ = now.mono;
  outlet_.drop_frames();
  outlet_.send(proto::Hello{options_.client, options_.kind, options_.name, options_.software});
}

void Session::disconnected(std::string_view why, Now now) {
  if (link_ == Link::kLeft) return;
  link_ = Link::kDown;
  lose_link(why);
  outlet_.emit(Disconnected{std::string(why)});
  advance(now);
}

void Session::die(std::string why) {
  if (link_ == Link::kDead || link_ == Link::kLeft) return;
  link_ = Link::kDead;
  lose_link(why);
  outlet_.emit(LinkDead{std::move(why)});
}

void Session::lose_link(std::string_view why) {
  outlet_.drop_frames();
  broker_.reset();
  publishing_.link_down(why);
  consuming_.link_down();
  requests_.link_down(why);
  if (is_leaving_) leave();
}

/// A client that said goodbye gave back what it held: it must not come again and claim it, though no answer came.
void Session::leave() {
  link_ = Link::kLeft;
  outlet_.emit(SaidGoodbye{});
}

void Session::received(std::span<const SharedBytes> frames, Now now) {
  if (link_ == Link::kDown || link_ == Link::kDead || link_ == Link::kLeft) return;
  last_received_ = now.mono;
  if (frames.empty()) return die("the broker sent an empty message");
  auto decoded = decoder_.reply(frames[0].bytes);
  if (!decoded) return die("the broker sent a frame that we can't read: " + decoded.error().refusal.message);
  if (frames.size() != proto::frame_count(proto::type_of(decoded->body))) return die("the broker sent a wrong number of frames");
  SharedBytes metadata;
  SharedBytes payload;
  if (frames.size() == 3) {
    metadata = frames[1];
    payload = frames[2];
  }
  handle(std::move(*decoded), std::move(metadata), std::move(payload), now);
  advance(now);
}

void Session::handle(proto::DecodedReply reply, SharedBytes metadata, SharedBytes payload, Now now) {
  const CorrelationId correlation = reply.correlation;
  // An answer that nobody waits for came after its request was given up: passed over.
  std::visit(
      Overloaded{
                   // all by plain reference: beside the generic last one, a const one would never be chosen
          [&](proto::HelloReply& hello) { greeted(hello, now); },
          [&](proto::HeartbeatReply&) {},
          [&](proto::GoodbyeReply&) { leave(); },
          [&](proto::Published& published) { publishing_.answered(correlation, published); },
          [&](proto::Completed& completed) { consuming_.completed(correlation, completed); },
          [&](proto::Subscribed&) { consuming_.subscribed(correlation); },
          [&](proto::Unsubscribed& unsubscribed) {
            if (correlation == CorrelationId(0)) consuming_.ended(unsubscribed.subscription);   // else the answer to ours
          },
          [&](proto::CreditEnded& ended) { consuming_.credit_ended(correlation, ended, now.mono); },
          [&](proto::Acked& acked) { consuming_.acked(correlation, acked); },
          [&](proto::Failed& failed) { consuming_.failed(correlation, failed); },
          [&](proto::Resumed& resumed) {
            // Leases that nobody here knows of would stay with the session until its end.
            if (!consuming_.resumed(correlation, resumed, now.mono) && !resumed.granted.empty())
              die("the broker granted leases that we did not ask for");
          },
          [&](proto::Deliver& deliver) {
            const auto count = total(deliver.ranges, [](const proto::DeliveredRange& range) { return range.stretch.count; });
            if (!sections_fit(count, metadata.bytes, payload.bytes) || !consuming_.delivered(correlation, deliver, metadata, payload)) {
              die("the broker sent a delivery that does not add up");
            }
          },
          [&](proto::SessionEnded& ended) { die("the broker ended the session: " + ended.message); },
          [&](proto::Error& error) { refused(correlation, error, now); },
          [&](proto::Peeked& peeked) {
            const auto count = total(peeked.stretches, [](const proto::Stretch& stretch) { return stretch.count; });
            if (!sections_fit(count, metadata.bytes, payload.bytes)) return die("the broker sent a peek that does not add up");
            requests_.answered(correlation, std::move(peeked), metadata, payload);
          },
          [&](auto& answer) { requests_.answered(correlation, std::move(answer), {}, {}); },
      },
      reply.body);
}

void Session::greeted(const proto::HelloReply& reply, Now now) {
  if (link_ != Link::kGreeting) return;
  link_ = Link::kLive;
  broker_ = reply;
  last_heartbeat_ = now.mono;
  publishing_.link_up(reply.partitions);
  consuming_.link_up(reply.partitions);
  requests_.link_up();
  outlet_.emit(Greeted{reply, std::exchange(greeted_before_, true)});
}

void Session::refused(CorrelationId correlation, const proto::Error& error, Now now) {
  if (link_ == Link::kGreeting) return die("the broker refused our hello: " + error_label(error.code) + ": " + error.message);
  auto outcome = publishing_.refused(correlation, error, now.mono);
  if (!outcome.ours) outcome = consuming_.refused(correlation, error, now.mono);
  if (!outcome.ours) outcome = requests_.refused(correlation, error, now.mono);
  // Not ours: a heartbeat, a credit or a goodbye was refused, or the answer comes too late to matter.
  const bool new_session = outcome.ours ? outcome.reconnect : classify(error.code) == RefusalClass::kNewSession;
  if (new_session) die("the broker does not know our session any more: " + error_label(error.code));
}

std::vector<Frames> Session::take_frames(std::vector<Frames> spare) {
  std::vector<Frames> frames = outlet_.take_frames(std::move(spare));
  publishing_.handed_over();
  return frames;
}

void Session::tick(Now now) { advance(now); }

void Session::advance(Now now) {
  if (link_ == Link::kGreeting && now.mono >= hello_deadline_) die("the broker did not answer our hello in time");
  if (link_ == Link::kLive) {
    const Duration beat = std::chrono::milliseconds(broker_->heartbeat_ms);
    const Duration timeout = std::chrono::milliseconds(broker_->session_timeout_ms);
    if (now.mono - last_received_ >= timeout) {
      die("the broker has been silent for the session timeout");
    } else if (now.mono - last_heartbeat_ >= beat) {
      last_heartbeat_ = now.mono;
      outlet_.send(proto::Heartbeat{});
    }
  }
  publishing_.advance(now.mono);
  if (link_ == Link::kLive) consuming_.advance(now.mono);
  requests_.advance(now.mono);
}

std::optional<Time> Session::next_deadline() const {
  std::optional<Time> next = publishing_.next_deadline();
  const auto consider = [&](std::optional<Time> other) {
    if (other && (!next || *other < *next)) next = other;
  };
  consider(requests_.next_deadline());
  if (link_ == Link::kGreeting) consider(hello_deadline_);
  if (link_ == Link::kLive) {
    consider(consuming_.next_deadline());
    consider(last_heartbeat_ + std::chrono::milliseconds(broker_->heartbeat_ms));
    consider(last_received_ + std::chrono::milliseconds(broker_->session_timeout_ms));
  }
  return next;
}

void Session::publish(Batch batch, Now now) {
  publishing_.publish(std::move(batch));
  publishing_.advance(now.mono);
}

void Session::request(TicketId ticket, proto::Request request, proto::Sections sections, Time deadline, Now now) {
  requests_.add(ticket, std::move(request), std::move(sections), deadline);
  requests_.advance(now.mono);
}

SubscriptionIndex Session::subscribe(SubscriptionSpec spec, Now now) {
  const SubscriptionIndex index = consuming_.subscribe(std::move(spec));
  if (link_ == Link::kLive) consuming_.advance(now.mono);
  return index;
}

void Session::stop_credit(SubscriptionIndex subscription) { consuming_.stop_credit(subscription); }
void Session::unsubscribe(SubscriptionIndex subscription) { consuming_.unsubscribe(subscription); }

void Session::ack(LeaseId lease, const Bits& messages, Now now) {
  consuming_.ack(lease, messages, now.mono);
  if (link_ == Link::kLive) consuming_.advance(now.mono);
}

void Session::fail(LeaseId lease, std::uint32_t index, proto::FailOutcome outcome, std::optional<Duration> delay, std::uint16_t code,
                   std::string text, Now now, proto::MessagePolicy policy) {
  consuming_.fail(lease, index, outcome, delay, code, std::move(text), std::move(policy));
  if (link_ == Link::kLive) consuming_.advance(now.mono);
}

void Session::complete(LeaseId lease, std::uint32_t index, std::vector<FollowUpBatch> follow_ups, Now now) {
  consuming_.complete(lease, index, std::move(follow_ups));
  if (link_ == Link::kLive) consuming_.advance(now.mono);
}

void Session::goodbye() {
  if (link_ != Link::kLive) return leave();
  is_leaving_ = true;
  outlet_.send(proto::Goodbye{});
}

void Session::abandon(const std::string& why) {
  publishing_.abandon(ErrorCode::kClosed, why);
  requests_.abandon(ErrorCode::kClosed, why);
  link_ = Link::kLeft;
}

}  // namespace takt::sdk
