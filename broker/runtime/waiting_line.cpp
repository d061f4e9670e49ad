#include "broker/runtime/waiting_line.h"

#include <utility>

#include "proto/planted_bug.h"

namespace takt::runtime {
namespace {

// A few microseconds each, in which as many thousand bytes could be stored: tiny commands are not free.
constexpr std::size_t command_cost = 4096;
constexpr std::size_t entry_cost = 128;   // of an ack or a resume
constexpr std::size_t listing_cost = 512 * 1024;   // how many entries it has nobody knows yet; 2,000 are 2 ms (decision 0013)
constexpr std::string_view listings = "/listings";   // no topic can be called that

SessionId session_of(const core::Command& command) {
  if (const auto* up = std::get_if<core::SessionUp>(&command)) return up->session;
  if (const auto* lost = std::get_if<core::SessionLost>(&command)) return lost->session;
  if (const auto* request = std::get_if<core::ClientRequest>(&command)) return request->session;
  return SessionId(0);   // from the reader
}

/// Long lists are gone through for these.
bool is_listing(const proto::Request& body) { return proto::asks_for_list(body) || std::holds_alternative<proto::ChangeDead>(body); }

/// Whose turn it is in the round.
std::string_view topic_of(const core::Command& command) {
  const auto* request = std::get_if<core::ClientRequest>(&command);
  const auto* publish = request != nullptr ? std::get_if<proto::Publish>(&request->body) : nullptr;
  if (request != nullptr && is_listing(request->body)) return listings;
  return publish != nullptr ? std::string_view(publish->topic) : std::string_view();
}

}  // namespace

std::size_t WaitingLine::cost_of(const core::Command& command) {
  const auto* request = std::get_if<core::ClientRequest>(&command);
  if (request == nullptr) return command_cost;
  if (is_listing(request->body)) return listing_cost;
  std::size_t entries = 0;
  if (const auto* ack = std::get_if<proto::Ack>(&request->body)) entries = ack->entries.size();
  if (const auto* resume = std::get_if<proto::Resume>(&request->body)) entries = resume->held.size();
  return command_cost + entries * entry_cost + request->metadata.bytes.size() + request->payload.bytes.size();
}

void WaitingLine::push(Urgency urgency, core::Command&& command) {
  const SessionId session = session_of(command);
  ++size_;
  if (urgency == Urgency::kPrior) return push_prior(session, std::move(command));
  const auto here = sessions_.try_emplace(session).first;
  here->second.later.push_back(std::move(command));
  if (here->second.prior.empty()) settle(here);
}

void WaitingLine::push_prior(SessionId session, core::Command&& command) {
  Waiting& waiting = sessions_[session];
  bool is_held = false;
  if (const auto* up = std::get_if<core::SessionUp>(&command); up != nullptr && !planted(PlantedBug::kEndOvertaken)) {
    if (const auto older = leaving_.find(up->client); older != leaving_.end()) {
      auto& successors = sessions_.at(older->second).successors;
      if (planted(PlantedBug::kSuccessorForgotten)) successors.clear();
      successors.push_back(session);
      is_held = true;
    }
  }
  if (const auto* lost = std::get_if<core::SessionLost>(&command)) leaving_[lost->client] = session;
  waiting.prior.push_back(std::move(command));
  if (waiting.prior.size() == 1 && !is_held) prior_.push_back(session);
}

std::optional<core::Command> WaitingLine::pop(Urgency urgency) {
  auto next = urgency == Urgency::kPrior ? pop_prior() : pop_later();
  if (next) --size_;
  return next;
}

std::optional<core::Command> WaitingLine::pop_prior() {
  if (prior_.empty()) return std::nullopt;
  const auto here = sessions_.find(prior_.front());
  prior_.pop_front();
  Waiting& waiting = here->second;
  core::Command next = std::move(waiting.prior.front());
  waiting.prior.pop_front();
  if (const auto* lost = std::get_if<core::SessionLost>(&next)) release_successors(*lost, waiting);
  if (waiting.prior.empty()) {
    settle(here);
  } else {
    prior_.push_back(here->first);
  }
  return next;
}

void WaitingLine::release_successors(const core::SessionLost& lost, Waiting& waiting) {
  if (const auto own = leaving_.find(lost.client); own != leaving_.end() && own->second == lost.session) leaving_.erase(own);
  for (const SessionId next : std::exchange(waiting.successors, {})) prior_.push_back(next);
}

std::optional<core::Command> WaitingLine::pop_later() {
  while (!round_.empty()) {
    Turn& turn = round_.front();
    const auto here = sessions_.find(turn.sessions.front());
    Waiting& waiting = here->second;
    if (!waiting.prior.empty()) {   // they came meanwhile
      waiting.is_in_round = false;
      leave_round();
      continue;
    }
    const std::size_t cost = cost_of(waiting.later.front());
    if (turn.deficit < cost) {
      turn.deficit += quantum_cost;
      round_.splice(round_.end(), round_, round_.begin());
      continue;
    }
    turn.deficit -= cost;
    core::Command next = std::move(waiting.later.front());
    waiting.later.pop_front();
    waiting.is_in_round = false;
    // First the session's new place, which may be this turn again, and then its old one: whoever leaves the round saves
    // nothing up.
    settle(here);
    leave_round();
    return next;
  }
  return std::nullopt;
}

void WaitingLine::settle(Sessions::iterator session) {
  Waiting& waiting = session->second;
  if (waiting.is_in_round) return;
  if (waiting.later.empty()) {
    sessions_.erase(session);
    return;
  }
  waiting.is_in_round = true;
  const std::string_view topic = topic_of(waiting.later.front());
  auto turn = turns_.find(topic);
  if (turn == turns_.end()) {
    round_.push_back({std::string(topic), 0, {}});
    turn = turns_.emplace(round_.back().topic, std::prev(round_.end())).first;
  }
  turn->second->sessions.push_back(session->first);
}

void WaitingLine::leave_round() {
  Turn& turn = round_.front();
  turn.sessions.pop_front();
  if (!turn.sessions.empty()) return;
  turns_.erase(turn.topic);
  round_.pop_front();
}

}  // namespace takt::runtime
