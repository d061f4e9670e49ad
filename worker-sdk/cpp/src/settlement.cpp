// Consumer's outcomes of single messages: fail and complete.

#include "worker-sdk/cpp/src/consumer.h"
#include "worker-sdk/cpp/src/refusal.h"

#include "proto/section.h"

namespace takt::sdk {
namespace {

constexpr std::size_t settlements_in_flight_max = 1024;

}  // namespace

bool Consumer::take_open(LeaseId id, std::uint32_t index) {
  const auto at = leases_.find(id);
  if (at == leases_.end() || index >= at->second.count || !at->second.open.test(index)) {
    outlet_.emit(StaleOutcome{id, 1});
    return false;
  }
  at->second.open -= Bits::one(index);
  --wires_[at->second.wire].open;
  return true;
}

void Consumer::fail(LeaseId lease, std::uint32_t index, proto::FailOutcome outcome, std::optional<Duration> delay, std::uint16_t code,
                    std::string text, proto::MessagePolicy policy) {
  if (!take_open(lease, index)) return;
  if (text.size() > limits::error_text_bytes_max) text.resize(limits::error_text_bytes_max);
  const Lease& held = leases_.at(lease);
  settlements_.push_back({lease, index, held.wire, held.first_position.plus(index),
                          Fail{outcome, delay, code, std::move(text), std::move(policy)}, std::nullopt, 0});
}

void Consumer::complete(LeaseId lease, std::uint32_t index, std::vector<FollowUpBatch> follow_ups) {
  if (!take_open(lease, index)) return;
  Complete complete;
  complete.follow_ups = std::move(follow_ups);
  const Lease& held = leases_.at(lease);
  settlements_.push_back({lease, index, held.wire, held.first_position.plus(index), std::move(complete), std::nullopt, 0});
}

void Consumer::send_settlements(Time now) {
  for (std::size_t i = 0; i < settlements_.size() && sent_settlements_.size() < settlements_in_flight_max;) {
    Settlement& next = settlements_[i];
    const WireState state = wires_[next.wire].state;
    const bool over = state == WireState::kGone || state == WireState::kRefused;
    if (!over && (state != WireState::kReady || (next.not_before && *next.not_before > now))) {
      ++i;
      continue;
    }
    Settlement settlement = std::move(next);
    settlements_.erase(settlements_.begin() + static_cast<std::ptrdiff_t>(i));
    if (over) {
      outlet_.emit(StaleOutcome{settlement.lease, 1});
      continue;
    }
    const auto correlation = std::holds_alternative<Fail>(settlement.what) ? send_fail(settlement) : send_complete(settlement);
    if (!correlation) continue;
    ++settlement.tries;
    sent_settlements_.emplace(*correlation, std::move(settlement));
  }
}

std::optional<CorrelationId> Consumer::send_fail(const Settlement& settlement) {
  const auto at = leases_.find(settlement.lease);
  const Lease::Piece* piece = at == leases_.end() ? nullptr : at->second.piece_of(settlement.index);
  if (piece == nullptr) {
    report_gone(settlement);
    return std::nullopt;
  }
  const Fail& fail = std::get<Fail>(settlement.what);
  const Wire& wire = wires_[settlement.wire];
  std::optional<std::uint64_t> delay_ms;
  if (fail.delay)
    delay_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(*fail.delay).count(), 0));
  return outlet_.send(proto::Fail{wire.partition, wire.id, piece->slot, piece->token, to_wire(*piece, {settlement.index, 1}).first,
                                  fail.outcome, delay_ms, fail.code, fail.text, fail.policy});
}

std::optional<CorrelationId> Consumer::send_complete(Settlement& settlement) {
  Complete& complete = std::get<Complete>(settlement.what);
  const Wire& wire = wires_[settlement.wire];
  const auto at = leases_.find(settlement.lease);
  if (const Lease::Piece* piece = at == leases_.end() ? nullptr : at->second.piece_of(settlement.index)) {
    complete.slot = piece->slot;
    complete.token = piece->token;
    complete.run = to_wire(*piece, {settlement.index, 1});
  } else if (!complete.ambiguous) {
    report_gone(settlement);
    return std::nullopt;
  }
  // Without the lease but with an unanswered attempt: the sequence is looked up before the token, so the old token asks
  // whether that attempt was stored.
  if (!complete.sequence) complete.sequence = sequencer_.next(wire.partition);
  proto::Complete request{wire.partition, wire.id, complete.slot, complete.token, {complete.run}, producer_, 1, *complete.sequence, {}};
  std::vector<std::byte> metadata;
  std::vector<std::byte> payload;
  for (const FollowUpBatch& batch : complete.follow_ups) {
    request.follow_ups.push_back({batch.stream.topic, batch.stream.lane, batch.stream.run_class, batch.count,
                                  static_cast<std::uint32_t>(batch.metadata.size()), static_cast<std::uint32_t>(batch.payload.size()),
                                  proto::section_checksum(batch.metadata), proto::section_checksum(batch.payload)});
    metadata.insert(metadata.end(), batch.metadata.begin(), batch.metadata.end());
    payload.insert(payload.end(), batch.payload.begin(), batch.payload.end());
  }
  return outlet_.send(request, SharedBytes::own(std::move(metadata)), SharedBytes::own(std::move(payload)));
}

void Consumer::report_gone(const Settlement& settlement) {
  if (settlement.tries > 0) {
    outlet_.emit(OutcomeUnconfirmed{settlement.lease, 1});
  } else {
    outlet_.emit(StaleOutcome{settlement.lease, 1});
  }
  forget(settlement.lease, Bits::one(settlement.index));
}

std::optional<Consumer::Settlement> Consumer::take_settlement(CorrelationId correlation) {
  const auto at = sent_settlements_.find(correlation);
  if (at == sent_settlements_.end()) return std::nullopt;
  Settlement settlement = std::move(at->second);
  sent_settlements_.erase(at);
  return settlement;
}

bool Consumer::failed(CorrelationId correlation, const proto::Failed& reply) {
  const auto settlement = take_settlement(correlation);
  if (!settlement) return false;
  const auto* fail = std::get_if<Fail>(&settlement->what);
  if (fail == nullptr) return false;
  forget(settlement->lease, Bits::one(settlement->index));
  outlet_.emit(FailSettled{settlement->lease, settlement->index, fail->outcome, reply.dead});
  return true;
}

bool Consumer::completed(CorrelationId correlation, const proto::Completed& reply) {
  const auto settlement = take_settlement(correlation);
  if (!settlement) return false;
  forget(settlement->lease, Bits::one(settlement->index));
  outlet_.emit(CompleteSettled{settlement->lease, settlement->index, SubscriptionIndex(wires_[settlement->wire].spec), settlement->position,
                               reply.partition, reply.first_position, reply.count});
  return true;
}

PublishWindow::Refused Consumer::settlement_refused(Settlement settlement, const proto::Error& error, Time now) {
  const RefusalClass kind = classify(error.code);
  auto* complete = std::get_if<Complete>(&settlement.what);
  switch (kind) {
    case RefusalClass::kNewSequence:
      if (complete != nullptr) {
        complete->sequence.reset();
        complete->ambiguous = false;
      }
      settlements_.push_front(std::move(settlement));
      break;
    case RefusalClass::kUnknown:
    case RefusalClass::kTryLater:
    case RefusalClass::kNewSession:
      if (complete != nullptr && kind == RefusalClass::kUnknown) complete->ambiguous = true;
      settlement.not_before = now + pause_after(settlement.tries, std::chrono::milliseconds(error.retry_after_ms));
      settlements_.push_front(std::move(settlement));
      break;
    case RefusalClass::kStale:
      outlet_.emit(StaleOutcome{settlement.lease, 1});
      forget(settlement.lease, Bits::one(settlement.index));
      break;
    case RefusalClass::kFinal:
      outlet_.emit(OutcomeRefused{settlement.lease, settlement.index, 1, from_wire(error)});
      if (complete == nullptr) {
        forget(settlement.lease, Bits::one(settlement.index));
        break;
      }
      // Its follow-ups will not be stored, whoever runs it again.
      settlement.what = Fail{proto::FailOutcome::kDead,
                             {},
                             static_cast<std::uint16_t>(error.code),
                             "follow-ups refused: " + error_label(error.code) + ": " + error.message,
                             {}};
      settlements_.push_back(std::move(settlement));
      break;
  }
  return {true, kind == RefusalClass::kNewSession};
}

std::optional<Time> Consumer::settlements_deadline() const {
  std::optional<Time> next;
  if (sent_settlements_.size() >= settlements_in_flight_max) return next;  // an answer comes first
  for (const Settlement& settlement : settlements_) {
    if (!settlement.not_before || wires_[settlement.wire].state != WireState::kReady) continue;
    if (!next || *settlement.not_before < *next) next = settlement.not_before;
  }
  return next;
}

}  // namespace takt::sdk
