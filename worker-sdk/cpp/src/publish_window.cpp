#include "worker-sdk/cpp/src/publish_window.h"

#include "proto/planted_bug.h"
#include "proto/section.h"
#include "worker-sdk/cpp/src/refusal.h"

namespace takt::sdk {

void PublishWindow::publish(Batch batch) {
  const Order order = ++last_order_;
  Pending one;
  one.metadata_checksum = proto::section_checksum(batch.metadata.bytes);
  one.payload_checksum = proto::section_checksum(batch.payload.bytes);
  one.batch = std::move(batch);
  deadlines_.insert({one.batch.deadline, order});
  pending_.emplace_hint(pending_.end(), order, std::move(one));
  unsent_.insert(order);
}

void PublishWindow::link_up(std::uint32_t partitions) { partitions_ = std::max(partitions, 1u); }

void PublishWindow::link_down(std::string_view why) {
  partitions_ = 0;
  link_trouble_ = why;
  for (auto& [order, one] : pending_) {
    if (one.in_flight && one.batch.acks != proto::Acks::kNone) one.ambiguous = true;
    if (planted(PlantedBug::kBatchRenumberedAfterBreak)) one.sequence.reset();
    one.in_flight.reset();
    one.not_before.reset();
    unsent_.insert(order);
  }
  in_flight_.clear();
  unheard_.clear();
  waiting_.clear();
  bytes_in_flight_ = 0;
}

bool PublishWindow::has_room(const Pending& next) const {
  if (in_flight_.empty()) return true;
  return in_flight_.size() < bounds_.batches_max && bytes_in_flight_ + next.batch.bytes() <= bounds_.bytes_max;
}

/// Behind a refused batch of the same stream?
bool PublishWindow::held_back(const Pending& next) const {
  for (const Order order : waiting_) {
    if (pending_.at(order).batch.stream == next.batch.stream) return true;
  }
  return false;
}

void PublishWindow::advance(Time now) {
  while (!deadlines_.empty() && deadlines_.front().first <= now) {
    const Order order = deadlines_.front().second;
    fail(order, over_deadline(pending_.at(order)));
  }
  if (partitions_ == 0) return;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    Pending& one = pending_.at(*at);
    if (*one.not_before > now) {
      ++at;
      continue;
    }
    one.not_before.reset();
    unsent_.insert(*at);
    at = waiting_.erase(at);
  }
  for (auto at = unsent_.begin(); at != unsent_.end();) {
    const Order order = *at;
    Pending& one = pending_.at(order);
    if (!has_room(one)) break;
    if (!waiting_.empty() && held_back(one)) {
      ++at;
      continue;
    }
    at = unsent_.erase(at);
    send(order, one);
  }
}

void PublishWindow::send(Order order, Pending& one) {
  if (!one.sequence) {
    one.partition = PartitionId(next_partition_++ % partitions_);
    one.sequence = sequencer_.next(one.partition);
  }
  if (one.tries++ > 0) ++resent_;
  const Batch& batch = one.batch;
  const CorrelationId correlation =
      outlet_.send(proto::Publish{one.partition, batch.stream.topic, batch.stream.lane, batch.stream.run_class, batch.acks, producer_, 1,
                                  *one.sequence, batch.count, one.metadata_checksum, one.payload_checksum},
                   batch.metadata, batch.payload);
  if (batch.acks == proto::Acks::kNone) unheard_.push_back(order);
  one.in_flight = correlation;
  in_flight_.insert({correlation, order});
  bytes_in_flight_ += batch.bytes();
}

void PublishWindow::handed_over() {
  for (const Order order : std::exchange(unheard_, {})) {
    const auto at = pending_.find(order);
    if (at == pending_.end()) continue;  // given up at its deadline
    const Pending& one = at->second;
    outlet_.emit(BatchStored{one.batch.id, one.partition, {}, {}, one.batch.count, false});
    settle(order);
  }
}

void PublishWindow::unfly(Pending& one) {
  if (!one.in_flight) return;
  in_flight_.erase(*one.in_flight);
  one.in_flight.reset();
  bytes_in_flight_ -= one.batch.bytes();
}

void PublishWindow::settle(Order order) {
  const auto at = pending_.find(order);
  unfly(at->second);
  unsent_.erase(order);
  waiting_.erase(order);
  deadlines_.erase(std::pair(at->second.batch.deadline, order));
  pending_.erase(at);
}

void PublishWindow::fail(Order order, Error error) {
  outlet_.emit(BatchFailed{pending_.at(order).batch.id, std::move(error)});
  settle(order);
}

void PublishWindow::answered(CorrelationId first, const proto::Published& published) {
  for (std::uint32_t i = 0; i < published.requests; ++i) {
    const auto at = in_flight_.find(first.plus(i));
    if (at == in_flight_.end()) continue;   // given up at its deadline
    const Order order = at->order;
    const Batch& batch = pending_.at(order).batch;
    const std::uint64_t ahead = std::uint64_t{i} * published.count;
    outlet_.emit(BatchStored{batch.id, published.partition, published.first_position.plus(ahead), published.first_offset.plus(ahead),
                             batch.count, published.duplicate});
    settle(order);
  }
}

void PublishWindow::wait_until(Order order, Pending& one, Time when) {
  one.not_before = when;
  waiting_.insert(order);
}

PublishWindow::Refused PublishWindow::refused(CorrelationId correlation, const proto::Error& error, Time now) {
  const auto at = in_flight_.find(correlation);
  if (at == in_flight_.end()) return {};
  const Order order = at->order;
  Pending& one = pending_.at(order);
  unfly(one);
  one.refusal = from_wire(error);
  switch (classify(error.code)) {
    case RefusalClass::kTryLater:
      wait_until(order, one, now + pause_after(one.tries, std::chrono::milliseconds(error.retry_after_ms)));
      return {true, false};
    case RefusalClass::kUnknown:
      one.ambiguous = true;
      wait_until(order, one, now + pause_after(one.tries, std::chrono::milliseconds(error.retry_after_ms)));
      return {true, false};
    case RefusalClass::kNewSequence:
      one.ambiguous = false;
      one.sequence = sequencer_.next(one.partition);
      unsent_.insert(order);
      return {true, false};
    case RefusalClass::kNewSession: unsent_.insert(order); return {true, true};
    case RefusalClass::kStale:
    case RefusalClass::kFinal: {
      Error final_error = *one.refusal;
      if (one.ambiguous) {
        final_error = make_error(ErrorCode::kUnknownOutcome,
                                 "topic '" + one.batch.stream.topic + "': an earlier attempt was not answered, then " + final_error.name +
                                     ": " + final_error.message,
                                 ErrorOutcome::kUnknown);
      }
      fail(order, std::move(final_error));
      return {true, false};
    }
  }
  return {true, false};
}

Error PublishWindow::over_deadline(const Pending& one) const {
  const std::string topic = "topic '" + one.batch.stream.topic + "': ";
  if (one.in_flight || one.ambiguous) {
    return make_error(ErrorCode::kUnknownOutcome, topic + "sent, but no answer came within send_timeout; it may have been stored",
                      ErrorOutcome::kUnknown);
  }
  if (one.refusal) {
    Error error = *one.refusal;
    error.message = topic + "not stored within send_timeout; the last answer was: " + error.message;
    error.outcome = ErrorOutcome::kFailed;
    return error;
  }
  if (partitions_ == 0) {
    return make_error(ErrorCode::kNotConnected, topic + "not sent within send_timeout: " + link_trouble_, ErrorOutcome::kFailed);
  }
  return make_error(ErrorCode::kTimedOut, topic + "not sent within send_timeout: the broker did not take earlier batches in time",
                    ErrorOutcome::kFailed);
}

std::optional<Time> PublishWindow::next_deadline() const {
  std::optional<Time> next;
  if (!deadlines_.empty()) next = deadlines_.front().first;
  for (const Order order : waiting_) {
    const Time when = *pending_.at(order).not_before;
    if (!next || when < *next) next = when;
  }
  return next;
}

void PublishWindow::abandon(ErrorCode code, const std::string& message) {
  while (!pending_.empty()) {
    const auto& [order, one] = *pending_.begin();
    const bool may_be_stored = one.in_flight || one.ambiguous;
    fail(order, may_be_stored
                    ? make_error(ErrorCode::kUnknownOutcome,
                                 "topic '" + one.batch.stream.topic + "': sent, " + message + " before the answer", ErrorOutcome::kUnknown)
                    : make_error(code, "topic '" + one.batch.stream.topic + "': not sent, " + message, ErrorOutcome::kFailed));
  }
}

}  // namespace takt::sdk
