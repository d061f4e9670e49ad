#include "worker-sdk/cpp/src/request_queue.h"

#include "worker-sdk/cpp/src/refusal.h"

namespace takt::sdk {
namespace {

bool changes_something(const proto::Request& request) {
  if (const auto* change = std::get_if<proto::ChangeMessages>(&request)) return change->action != proto::MessageAction::kShow;
  const auto type = proto::type_of(request);
  return type == proto::MessageType::kPutTopic || type == proto::MessageType::kDeleteTopic || type == proto::MessageType::kPutGroup ||
         type == proto::MessageType::kDeleteGroup || type == proto::MessageType::kPutSchedule ||
         type == proto::MessageType::kDeleteSchedule || type == proto::MessageType::kPauseSchedule ||
         type == proto::MessageType::kTriggerSchedule;
}

Error unknown_outcome(const std::string& why) {
  return make_error(ErrorCode::kUnknownOutcome, "the request was sent, but " + why + "; it may have been carried out",
                    ErrorOutcome::kUnknown);
}

}  // namespace

void RequestQueue::add(TicketId ticket, proto::Request request, proto::Sections sections, Time deadline) {
  Pending one;
  one.request = std::move(request);
  one.metadata = SharedBytes::own(std::move(sections.metadata));
  one.payload = SharedBytes::own(std::move(sections.payload));
  one.deadline = deadline;
  pending_.emplace(ticket, std::move(one));
}

void RequestQueue::link_down(std::string_view why) {
  live_ = false;
  link_trouble_ = why;
  in_flight_.clear();
  std::vector<TicketId> unknown;
  for (auto& [ticket, one] : pending_) {
    if (one.in_flight && changes_something(one.request)) unknown.push_back(ticket);
    one.in_flight.reset();
    one.not_before.reset();
  }
  for (const TicketId ticket : unknown) fail(ticket, unknown_outcome("the connection broke: " + link_trouble_));
}

void RequestQueue::fail(TicketId ticket, Error error) {
  const auto at = pending_.find(ticket);
  if (at->second.in_flight) in_flight_.erase(*at->second.in_flight);
  pending_.erase(at);
  outlet_.emit(RequestFailed{ticket, std::move(error)});
}

bool RequestQueue::answered(CorrelationId correlation, proto::Reply reply, SharedBytes metadata, SharedBytes payload) {
  const auto at = in_flight_.find(correlation);
  if (at == in_flight_.end()) return false;
  outlet_.emit(RequestAnswered{at->second, std::move(reply), std::move(metadata), std::move(payload)});
  pending_.erase(at->second);
  in_flight_.erase(at);
  return true;
}

PublishWindow::Refused RequestQueue::refused(CorrelationId correlation, const proto::Error& error, Time now) {
  const auto at = in_flight_.find(correlation);
  if (at == in_flight_.end()) return {};
  const TicketId ticket = at->second;
  in_flight_.erase(at);
  Pending& one = pending_.at(ticket);
  one.in_flight.reset();
  one.refusal = from_wire(error);
  switch (classify(error.code)) {
    case RefusalClass::kTryLater:
      one.not_before = now + pause_after(one.tries, std::chrono::milliseconds(error.retry_after_ms));
      return {true, false};
    case RefusalClass::kNewSession: return {true, true};
    case RefusalClass::kUnknown:
    case RefusalClass::kNewSequence:
    case RefusalClass::kStale:
    case RefusalClass::kFinal: fail(ticket, *one.refusal); return {true, false};
  }
  return {true, false};
}

Error RequestQueue::over_deadline(const Pending& one) const {
  if (one.in_flight && changes_something(one.request)) return unknown_outcome("no answer came in time");
  if (one.in_flight) return make_error(ErrorCode::kTimedOut, "the broker did not answer in time", ErrorOutcome::kFailed);
  if (one.refusal) {
    Error error = *one.refusal;
    error.outcome = ErrorOutcome::kFailed;
    return error;
  }
  return make_error(ErrorCode::kNotConnected, "not sent in time: " + link_trouble_, ErrorOutcome::kFailed);
}

void RequestQueue::advance(Time now) {
  std::vector<TicketId> over;
  for (auto& [ticket, one] : pending_) {
    if (one.deadline <= now) {
      over.push_back(ticket);
      continue;
    }
    if (!live_ || one.in_flight || (one.not_before && *one.not_before > now)) continue;
    one.not_before.reset();
    ++one.tries;
    const bool has_sections = proto::frame_count(proto::type_of(one.request)) > 1;
    one.in_flight = has_sections ? outlet_.send(one.request, one.metadata, one.payload) : outlet_.send(one.request);
    in_flight_.emplace(*one.in_flight, ticket);
  }
  for (const TicketId ticket : over) fail(ticket, over_deadline(pending_.at(ticket)));
}

std::optional<Time> RequestQueue::next_deadline() const {
  std::optional<Time> next;
  for (const auto& [ticket, one] : pending_) {
    Time when = one.deadline;
    if (live_ && one.not_before) when = std::min(when, *one.not_before);
    if (!next || when < *next) next = when;
  }
  return next;
}

void RequestQueue::abandon(ErrorCode code, const std::string& message) {
  while (!pending_.empty()) {
    const auto& [ticket, one] = *pending_.begin();
    fail(ticket, one.in_flight && changes_something(one.request) ? unknown_outcome(message + " before the answer")
                                                                 : make_error(code, "not sent: " + message, ErrorOutcome::kFailed));
  }
}

}  // namespace takt::sdk
