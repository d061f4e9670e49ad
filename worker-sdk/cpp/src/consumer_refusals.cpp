// What a worker's session does when the broker refuses: try later, begin anew, or give up.

#include <algorithm>

#include "worker-sdk/cpp/src/consumer.h"
#include "worker-sdk/cpp/src/refusal.h"

namespace takt::sdk {

PublishWindow::Refused Consumer::refused(CorrelationId correlation, const proto::Error& error, Time now) {
  if (const auto at = subscribing_.find(correlation); at != subscribing_.end()) {
    const std::uint32_t wire = at->second;
    subscribing_.erase(at);
    return subscription_refused(wire, error, now);
  }
  if (const auto at = resuming_.find(correlation); at != resuming_.end()) {
    resuming_.erase(at);
    return {true, true};  // a claim that cannot be made here: a fresh session tries again
  }
  if (const auto at = sent_acks_.find(correlation); at != sent_acks_.end()) {
    SentAck sent = std::move(at->second);
    sent_acks_.erase(at);
    return ack_refused(sent, error, now);
  }
  if (const auto at = sent_settlements_.find(correlation); at != sent_settlements_.end()) {
    Settlement settlement = std::move(at->second);
    sent_settlements_.erase(at);
    return settlement_refused(std::move(settlement), error, now);
  }
  for (Wire& wire : wires_) {
    const auto at = wire.pulls.find(correlation);
    if (at == wire.pulls.end()) continue;
    wire.pulled -= at->second;
    wire.pulls.erase(at);
    wire.pull_not_before = now + pause_after(++wire.tries, std::chrono::milliseconds(error.retry_after_ms));
    return {true, classify(error.code) == RefusalClass::kNewSession};
  }
  return {};
}

PublishWindow::Refused Consumer::subscription_refused(std::uint32_t wire_index, const proto::Error& error, Time now) {
  Wire& wire = wires_[wire_index];
  switch (classify(error.code)) {
    case RefusalClass::kTryLater:
    case RefusalClass::kUnknown:
    case RefusalClass::kNewSequence:
    case RefusalClass::kStale:
      wire.state = WireState::kDown;
      wire.subscribe_not_before = now + pause_after(++wire.tries, std::chrono::milliseconds(error.retry_after_ms));
      return {true, false};
    case RefusalClass::kNewSession: return {true, true};
    case RefusalClass::kFinal:
      wire.state = WireState::kRefused;
      outlet_.emit(SubscriptionRefused{SubscriptionIndex(wire.spec), from_wire(error)});
      return {true, false};
  }
  return {true, false};
}

PublishWindow::Refused Consumer::ack_refused(const SentAck& sent, const proto::Error& error, Time now) {
  const RefusalClass kind = classify(error.code);
  for (const SentAck::Entry& mine : sent.entries) {
    const auto at = leases_.find(mine.lease);
    if (at == leases_.end()) continue;
    switch (kind) {
      case RefusalClass::kTryLater:
      case RefusalClass::kUnknown:
      case RefusalClass::kNewSequence:
      case RefusalClass::kNewSession: {
        Lease& lease = at->second;
        Wire& wire = wires_[sent.wire];
        lease.acks_queued |= mine.bits;
        if (!lease.dirty) wire.dirty.push_back(mine.lease);
        lease.dirty = true;
        const Time again = now + pause_after(++wire.tries, std::chrono::milliseconds(error.retry_after_ms));
        wire.ack_due = std::min(wire.ack_due.value_or(again), again);
        break;
      }
      case RefusalClass::kStale:
        outlet_.emit(StaleOutcome{mine.lease, mine.bits.count()});
        forget(mine.lease, mine.bits);
        break;
      case RefusalClass::kFinal:
        mine.bits.for_each_run(
            [&](proto::IndexRun run) { outlet_.emit(OutcomeRefused{mine.lease, run.first, run.count, from_wire(error)}); });
        forget(mine.lease, mine.bits);
        break;
    }
  }
  return {true, kind == RefusalClass::kNewSession};
}

}  // namespace takt::sdk
