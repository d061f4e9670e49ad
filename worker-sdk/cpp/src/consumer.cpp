#include "worker-sdk/cpp/src/consumer.h"

#include <algorithm>
#include <tuple>

#include "proto/check.h"
#include "proto/limits.h"
#include "proto/planted_bug.h"

namespace takt::sdk {
namespace {

constexpr std::size_t ack_runs_max = 4096;        // per Ack frame: far below the envelope's bound
constexpr std::size_t pulls_max = 1;                // the broker keeps one open pull per subscription

void earliest(std::optional<Time>& next, std::optional<Time> other) {
  if (other && (!next || *other < *next)) next = other;
}

/// Takes those of `entry`'s messages out of `mine` that are still in it.
template <class Entry>
Bits take_answered(Entry& mine, const proto::AckEntry& entry) {
  Bits bits;
  if (mine.slot != entry.slot || mine.token != entry.token) return bits;
  for (const proto::IndexRun& run : entry.runs) {
    const std::int64_t first = std::int64_t{run.first} + mine.base;
    if (first < 0 || first + run.count > Bits::size) continue;
    bits.set({static_cast<std::uint32_t>(first), run.count});
  }
  bits &= mine.bits;
  mine.bits -= bits;
  return bits;
}

}  // namespace

SubscriptionIndex Consumer::subscribe(SubscriptionSpec spec) {
  const auto index = static_cast<std::uint32_t>(subscriptions_.size());
  subscriptions_.push_back({std::move(spec), false, false, {}});
  if (partitions_ != 0) make_wires(index);
  return SubscriptionIndex(index);
}

void Consumer::make_wires(std::uint32_t index) {
  Subscription& subscription = subscriptions_[index];
  for (auto partition = static_cast<std::uint32_t>(subscription.wires.size()); partition < partitions_; ++partition) {
    const auto wire_index = static_cast<std::uint32_t>(wires_.size());
    Wire wire;
    wire.id = SubscriptionId(wire_index + 1);
    wire.spec = index;
    wire.partition = PartitionId(partition);
    wires_.push_back(std::move(wire));
    subscription.wires.push_back(wire_index);
  }
}

void Consumer::open_wire(Wire& wire) {
  const SubscriptionSpec& spec = subscriptions_[wire.spec].spec;
  wire.state = WireState::kSubscribing;
  wire.subscribe_not_before.reset();
  const auto correlation = outlet_.send(proto::Subscribe{wire.partition, wire.id, spec.topic, spec.group, spec.from});
  subscribing_.emplace(correlation, wire.id.value - 1);
}

void Consumer::link_up(std::uint32_t partitions) {
  partitions_ = std::max(partitions, 1u);
  for (std::uint32_t i = 0; i < subscriptions_.size(); ++i) make_wires(i);
}

void Consumer::link_down() {
  partitions_ = 0;
  subscribing_.clear();
  resuming_.clear();
  sent_acks_.clear();
  for (Wire& wire : wires_) {
    if (wire.state == WireState::kRefused || wire.state == WireState::kGone) continue;
    wire.state = WireState::kDown;
    wire.pulls.clear();
    wire.pulled = 0;
    wire.pull_not_before.reset();
    wire.subscribe_not_before.reset();
  }
  if (!planted(PlantedBug::kUnansweredAcksDropped))
    for (auto& [id, lease] : leases_) lease.acks_queued |= lease.acks_sent;
  for (auto& [correlation, settlement] : sent_settlements_) {
    if (auto* complete = std::get_if<Complete>(&settlement.what)) complete->ambiguous = true;
    settlements_.push_front(std::move(settlement));
  }
  sent_settlements_.clear();
  for (Settlement& settlement : settlements_) settlement.not_before.reset();
}

bool Consumer::subscribed(CorrelationId correlation) {
  const auto at = subscribing_.find(correlation);
  if (at == subscribing_.end()) return false;
  const std::uint32_t wire_index = at->second;
  subscribing_.erase(at);
  Wire& wire = wires_[wire_index];
  if (wire.state != WireState::kSubscribing) return true;
  wire.tries = 0;
  if (wire.known) {
    send_resume(wire_index);
  } else {
    become_ready(wire_index);
  }
  return true;
}

void Consumer::send_resume(std::uint32_t wire_index) {
  Wire& wire = wires_[wire_index];
  wire.state = WireState::kResuming;
  std::vector<Held> named;
  std::vector<proto::HeldRange> held;
  std::vector<LeaseId> mine;
  for (const auto& [id, lease] : leases_)
    if (lease.wire == wire_index) mine.push_back(id);
  std::sort(mine.begin(), mine.end());  // what came first runs already: it is named, and granted, first
  for (const LeaseId lease_id : mine) {
    const Lease& lease = leases_.at(lease_id);
    lease.for_each_run(lease.held, [&](const Lease::Piece& piece, proto::IndexRun run) {
      if (held.size() == limits::entries_max) return;
      named.push_back({lease_id, run.first, run.count, lease.lane, lease.first.plus(run.first)});
      held.push_back({lease.lane, lease.first.plus(run.first), run.count, piece.token.plus(to_wire(piece, run).first)});
    });
  }
  const auto correlation = outlet_.send(proto::Resume{wire.partition, wire.id, std::move(held)});
  resuming_.emplace(correlation, std::pair(wire_index, std::move(named)));
}

bool Consumer::resumed(CorrelationId correlation, const proto::Resumed& reply, Time now) {
  const auto at = resuming_.find(correlation);
  if (at == resuming_.end()) return false;
  auto [wire_index, named] = std::move(at->second);
  resuming_.erase(at);
  if (wires_[wire_index].state != WireState::kResuming) return true;

  const auto by_place = [](const Held& a, const Held& b) { return std::tie(a.lane, a.offset) < std::tie(b.lane, b.offset); };
  std::sort(named.begin(), named.end(), by_place);
  std::unordered_map<LeaseId, std::vector<Lease::Piece>> pieces;
  for (const proto::ResumedRange& range : reply.granted) {
    const std::uint64_t begin = range.held.first.value;
    const std::uint64_t end = begin + range.held.count;
    const Held earliest{{}, 0, 0, range.held.lane, Offset(begin - std::min<std::uint64_t>(begin, Bits::size))};
    for (auto it = std::lower_bound(named.begin(), named.end(), earliest, by_place); it != named.end(); ++it) {
      const Held& mine = *it;
      if (mine.lane != range.held.lane || mine.offset.value >= end) break;
      const std::uint64_t from = std::max(begin, mine.offset.value);
      const std::uint64_t until = std::min(end, mine.offset.value + mine.count);
      if (from >= until) continue;
      const std::uint64_t lease_first = mine.offset.value - mine.first;
      pieces[mine.lease].push_back({static_cast<std::uint32_t>(from - lease_first), static_cast<std::uint32_t>(until - from),
                                    static_cast<std::int64_t>(begin) - static_cast<std::int64_t>(lease_first), range.slot, range.token});
    }
  }
  std::vector<std::pair<LeaseId, Bits>> lost;
  for (auto& [id, lease] : leases_) {
    if (lease.wire != wire_index) continue;
    lease.pieces = std::move(pieces[id]);
    Bits granted;
    for (const Lease::Piece& piece : lease.pieces) granted.set({piece.first, piece.count});
    const Bits gone = lease.held - granted;
    if (gone.any()) lost.emplace_back(id, gone);
  }
  for (const auto& [id, bits] : lost) lose(id, bits);
  become_ready(wire_index);
  wires_[wire_index].ack_due = now;
  return true;
}

void Consumer::become_ready(std::uint32_t wire_index) {
  Wire& wire = wires_[wire_index];
  wire.state = WireState::kReady;
  wire.known = true;
  wire.dirty.clear();
  for (auto& [id, lease] : leases_) {
    if (lease.wire != wire_index) continue;
    lease.dirty = lease.acks_queued.any();
    if (lease.dirty) wire.dirty.push_back(id);
  }
  give_credit(wire);
  Subscription& subscription = subscriptions_[wire.spec];
  for (const std::uint32_t other : subscription.wires) {
    if (wires_[other].state != WireState::kReady) return;
  }
  outlet_.emit(Subscribed{SubscriptionIndex(wire.spec)});
}

std::uint32_t Consumer::share(const Subscription& subscription, std::uint32_t total) const {
  return std::max(1u, total / static_cast<std::uint32_t>(subscription.wires.size()));
}

void Consumer::give_credit(Wire& wire) {
  const Subscription& subscription = subscriptions_[wire.spec];
  if (subscription.spec.credit != proto::CreditKind::kStanding) return;
  const bool stopped = subscription.credit_stopped;
  outlet_.send(proto::Credit{wire.partition, wire.id, proto::CreditKind::kStanding,
                             stopped ? 0 : share(subscription, subscription.spec.messages), stopped ? 0 : subscription.spec.bytes, 0});
}

void Consumer::pull(Wire& wire, Time now) {
  const Subscription& subscription = subscriptions_[wire.spec];
  if (subscription.spec.credit != proto::CreditKind::kOnce || subscription.credit_stopped) return;
  if (wire.pulls.size() == pulls_max || (wire.pull_not_before && *wire.pull_not_before > now)) return;
  const std::uint32_t room = share(subscription, subscription.spec.messages);
  if (wire.open + wire.pulled >= room) return;
  wire.pull_not_before.reset();
  const std::uint32_t messages = room - wire.open - wire.pulled;
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(subscription.spec.wait);
  const auto correlation = outlet_.send(proto::Credit{wire.partition, wire.id, proto::CreditKind::kOnce, messages, subscription.spec.bytes,
                                                      static_cast<std::uint32_t>(wait.count())});
  wire.pulls.emplace(correlation, messages);
  wire.pulled += messages;
}

bool Consumer::credit_ended(CorrelationId correlation, const proto::CreditEnded& reply, Time now) {
  for (Wire& wire : wires_) {
    const auto at = wire.pulls.find(correlation);
    if (at == wire.pulls.end()) continue;
    wire.pulled -= at->second;
    wire.pulls.erase(at);
    // A pull that ends at once with nothing must not become a busy loop.
    if (reply.delivered == 0) wire.pull_not_before = now + std::chrono::milliseconds(10);
    return true;
  }
  return false;
}

void Consumer::stop_credit(SubscriptionIndex index) {
  Subscription& subscription = subscriptions_[index.value];
  subscription.credit_stopped = true;
  for (const std::uint32_t wire : subscription.wires) {
    if (wires_[wire].state == WireState::kReady) give_credit(wires_[wire]);
  }
}

void Consumer::unsubscribe(SubscriptionIndex index) {
  Subscription& subscription = subscriptions_[index.value];
  subscription.credit_stopped = true;
  for (const std::uint32_t wire_index : subscription.wires) {
    Wire& wire = wires_[wire_index];
    if (wire.state != WireState::kDown && wire.state != WireState::kRefused && wire.state != WireState::kGone) {
      outlet_.send(proto::Unsubscribe{wire.partition, wire.id});
    }
    wire.state = WireState::kGone;
    wire.open = 0;
    std::erase_if(leases_, [&](const auto& entry) { return entry.second.wire == wire_index; });
  }
}

void Consumer::ended(SubscriptionId id) {
  if (id.value == 0 || id.value > wires_.size()) return;
  const std::uint32_t wire_index = id.value - 1;
  Wire& wire = wires_[wire_index];
  if (wire.state == WireState::kRefused || wire.state == WireState::kGone) return;
  wire.state = WireState::kDown;   // advance() subscribes anew, which makes topic and group on first use
  wire.known = false;
  wire.pulls.clear();
  wire.pulled = 0;
  wire.ack_due.reset();
  wire.subscribe_not_before.reset();
  std::vector<std::pair<LeaseId, Bits>> lost;
  for (const auto& [lease_id, lease] : leases_)
    if (lease.wire == wire_index) lost.emplace_back(lease_id, lease.held);
  for (const auto& [lease_id, bits] : lost) lose(lease_id, bits);
}

bool Consumer::delivered(CorrelationId correlation, const proto::Deliver& deliver, SharedBytes metadata, SharedBytes payload) {
  if (deliver.subscription.value == 0 || deliver.subscription.value > wires_.size()) return false;
  const std::uint32_t wire_index = deliver.subscription.value - 1;
  Wire& wire = wires_[wire_index];
  if (wire.state == WireState::kGone) return true;  // crossed our Unsubscribe; it goes back by itself
  Delivery event{SubscriptionIndex(wire.spec), wire.partition, {}, 0, std::move(metadata), std::move(payload)};
  for (const proto::DeliveredRange& range : deliver.ranges) {
    if (range.stretch.count == 0 || range.stretch.count > Bits::size) return false;
    const LeaseId id(++last_lease_);
    Lease lease;
    lease.wire = wire_index;
    lease.lane = range.lane;
    lease.first = range.stretch.first_offset;
    lease.first_position = range.stretch.first_position;
    lease.count = range.stretch.count;
    lease.open = lease.held = Bits::first(range.stretch.count);
    lease.pieces.push_back({0, range.stretch.count, 0, range.slot, range.token});
    leases_.emplace(id, std::move(lease));
    event.leases.push_back({id, event.count, range.stretch.count, range.lane, range.stretch.first_offset, range.stretch.first_position,
                            range.token, range.attempt});
    event.count += range.stretch.count;
  }
  wire.open += event.count;
  if (const auto at = wire.pulls.find(correlation); at != wire.pulls.end()) {
    const std::uint32_t used = std::min(at->second, event.count);
    at->second -= used;
    wire.pulled -= used;
  }
  outlet_.emit(std::move(event));
  return true;
}

void Consumer::ack(LeaseId id, const Bits& messages, Time now) {
  const auto at = leases_.find(id);
  const Bits open = at == leases_.end() ? Bits{} : at->second.open & messages;
  const std::uint32_t late = (messages - open).count();
  if (late > 0) outlet_.emit(StaleOutcome{id, late});
  if (!open.any()) return;
  Lease& lease = at->second;
  Wire& wire = wires_[lease.wire];
  lease.open -= open;
  lease.acks_queued |= open;
  wire.open -= open.count();
  if (!lease.dirty) {
    lease.dirty = true;
    wire.dirty.push_back(id);
  }
  earliest(wire.ack_due, lease.open.any() ? now + ack_linger_ : now);
}

void Consumer::send_acks(std::uint32_t wire_index) {
  Wire& wire = wires_[wire_index];
  wire.ack_due.reset();
  proto::Ack ack{wire.partition, wire.id, {}};
  SentAck sent{wire_index, {}};
  std::size_t runs = 0;
  const auto flush = [&] {
    if (ack.entries.empty()) return;
    const auto correlation = outlet_.send(ack);
    sent_acks_.emplace(correlation, std::move(sent));
    ack.entries.clear();
    sent = SentAck{wire_index, {}};
    runs = 0;
  };
  for (const LeaseId id : wire.dirty) {
    const auto at = leases_.find(id);
    if (at == leases_.end()) continue;
    Lease& lease = at->second;
    lease.dirty = false;
    for (const Lease::Piece& piece : lease.pieces) {
      Bits bits;
      bits.set({piece.first, piece.count});
      bits &= lease.acks_queued;
      if (!bits.any()) continue;
      proto::AckEntry entry{piece.slot, piece.token, {}};
      bits.for_each_run([&](proto::IndexRun run) { entry.runs.push_back(to_wire(piece, run)); });
      runs += entry.runs.size();
      ack.entries.push_back(std::move(entry));
      sent.entries.push_back({id, piece.slot, piece.token, piece.base, bits});
      if (runs >= ack_runs_max) flush();
    }
    lease.acks_sent |= lease.acks_queued;
    lease.acks_queued = {};
  }
  wire.dirty.clear();
  flush();
}

void Consumer::confirm(SentAck& sent, const std::vector<proto::AckEntry>& entries, Acknowledged& done) {
  for (const proto::AckEntry& entry : entries) {
    for (SentAck::Entry& mine : sent.entries) {
      const Bits bits = take_answered(mine, entry);
      if (!bits.any()) continue;
      done.count += bits.count();
      if (const auto lease = leases_.find(mine.lease); lease != leases_.end()) {
        bits.for_each_run([&](proto::IndexRun run) { done.runs.push_back({lease->second.first_position.plus(run.first), run.count}); });
      }
      forget(mine.lease, bits);
      break;
    }
  }
}

void Consumer::refuse_stale(SentAck& sent, const std::vector<proto::AckEntry>& entries) {
  for (const proto::AckEntry& entry : entries) {
    for (SentAck::Entry& mine : sent.entries) {
      const Bits bits = take_answered(mine, entry);
      if (!bits.any()) continue;
      outlet_.emit(StaleOutcome{mine.lease, bits.count()});
      forget(mine.lease, bits);
      break;
    }
  }
}

bool Consumer::acked(CorrelationId correlation, const proto::Acked& reply) {
  const auto at = sent_acks_.find(correlation);
  if (at == sent_acks_.end()) return false;
  SentAck sent = std::move(at->second);
  sent_acks_.erase(at);
  const Wire& wire = wires_[sent.wire];
  Acknowledged done{SubscriptionIndex(wire.spec), wire.partition, 0, {}};
  confirm(sent, reply.done, done);
  refuse_stale(sent, reply.stale);
  for (const SentAck::Entry& mine : sent.entries) {
    if (!mine.bits.any()) continue;  // an entry that the reply leaves out was not ours
    outlet_.emit(StaleOutcome{mine.lease, mine.bits.count()});
    forget(mine.lease, mine.bits);
  }
  if (done.count > 0) outlet_.emit(std::move(done));
  return true;
}

void Consumer::forget(LeaseId id, const Bits& bits) {
  const auto at = leases_.find(id);
  if (at == leases_.end()) return;
  Lease& lease = at->second;
  wires_[lease.wire].open -= (lease.open & bits).count();
  lease.open -= bits;
  lease.held -= bits;
  lease.acks_queued -= bits;
  lease.acks_sent -= bits;
  if (!lease.held.any()) leases_.erase(at);
}

void Consumer::lose(LeaseId id, const Bits& bits) {
  const auto at = leases_.find(id);
  check(at != leases_.end(), "a lost lease was held");
  const Lease& lease = at->second;
  LeaseLost lost{id, {}};
  (lease.open & bits).for_each_run([&](proto::IndexRun run) { lost.runs.push_back(run); });
  const std::uint32_t unconfirmed = (lease.acks_queued & lease.acks_sent & bits).count();
  const std::uint32_t late = ((lease.acks_queued - lease.acks_sent) & bits).count();
  if (!lost.runs.empty()) outlet_.emit(std::move(lost));
  if (unconfirmed > 0) outlet_.emit(OutcomeUnconfirmed{id, unconfirmed});
  if (late > 0) outlet_.emit(StaleOutcome{id, late});
  forget(id, bits);
}

void Consumer::advance(Time now) {
  if (partitions_ == 0) return;
  for (std::uint32_t i = 0; i < wires_.size(); ++i) {
    Wire& wire = wires_[i];
    if (wire.state == WireState::kDown && (!wire.subscribe_not_before || *wire.subscribe_not_before <= now)) open_wire(wire);
    if (wire.state != WireState::kReady) continue;
    if (wire.ack_due && *wire.ack_due <= now) send_acks(i);
    pull(wire, now);
  }
  send_settlements(now);
}

std::optional<Time> Consumer::next_deadline() const {
  std::optional<Time> next;
  if (partitions_ == 0) return next;
  for (const Wire& wire : wires_) {
    if (wire.state == WireState::kDown) earliest(next, wire.subscribe_not_before);
    if (wire.state != WireState::kReady) continue;
    earliest(next, wire.ack_due);
    const Subscription& subscription = subscriptions_[wire.spec];
    if (!subscription.credit_stopped && wire.open + wire.pulled < share(subscription, subscription.spec.messages)) {
      earliest(next, wire.pull_not_before);
    }
  }
  earliest(next, settlements_deadline());
  return next;
}

std::size_t Consumer::unsettled() const {
  std::size_t sum = settlements_.size() + sent_settlements_.size();
  for (const auto& [id, lease] : leases_) sum += lease.acks_queued.count() + (lease.acks_sent - lease.acks_queued).count();
  return sum;
}

std::uint32_t Consumer::open(SubscriptionIndex subscription) const {
  std::uint32_t sum = 0;
  for (const std::uint32_t wire : subscriptions_[subscription.value].wires) sum += wires_[wire].open;
  return sum;
}

}  // namespace takt::sdk
