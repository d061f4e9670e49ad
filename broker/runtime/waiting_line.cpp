#include "broker/runtime/waiting_line.h"

#include <utility>

#include "proto/check.h"

namespace takt::runtime {
namespace {

constexpr std::size_t command_bytes = 256;   // what handling one costs beside its messages: tiny ones are not free

SessionId session_of(const core::Command& command) {
  if (const auto* up = std::get_if<core::SessionUp>(&command)) return up->session;
  if (const auto* lost = std::get_if<core::SessionLost>(&command)) return lost->session;
  if (const auto* request = std::get_if<core::ClientRequest>(&command)) return request->session;
  return SessionId(0);   // from the reader
}

std::string_view topic_of(const core::Command& command) {
  const auto* request = std::get_if<core::ClientRequest>(&command);
  const auto* publish = request != nullptr ? std::get_if<proto::Publish>(&request->body) : nullptr;
  return publish != nullptr ? std::string_view(publish->topic) : std::string_view();
}

std::size_t cost_of(const core::Command& command) {
  const auto* request = std::get_if<core::ClientRequest>(&command);
  return command_bytes + (request != nullptr ? request->metadata.bytes.size() + request->payload.bytes.size() : 0);
}

}  // namespace

void WaitingLine::push(core::Command&& command) {
  const SessionId session = session_of(command);
  std::deque<core::Command>& waiting = sessions_[session];
  waiting.push_back(std::move(command));
  if (waiting.size() == 1) stand_in_line(session, waiting.front());
}

core::Command WaitingLine::pop() {
  check(!empty(), "somebody waits");
  for (;;) {
    Turn& turn = round_.front();
    const SessionId session = turn.sessions.front();
    const auto here = sessions_.find(session);
    const std::size_t cost = cost_of(here->second.front());
    if (turn.deficit < cost) {
      turn.deficit += quantum_bytes;
      round_.splice(round_.end(), round_, round_.begin());
      continue;
    }
    turn.deficit -= cost;
    turn.sessions.pop_front();
    core::Command next = std::move(here->second.front());
    here->second.pop_front();
    if (here->second.empty()) {
      sessions_.erase(here);
    } else {
      stand_in_line(session, here->second.front());
    }
    if (turn.sessions.empty()) {   // whoever leaves the round saves nothing up
      turns_.erase(turn.topic);
      round_.pop_front();
    }
    return next;
  }
}

void WaitingLine::stand_in_line(SessionId session, const core::Command& first) {
  const std::string_view topic = topic_of(first);
  auto turn = turns_.find(topic);
  if (turn == turns_.end()) {
    round_.push_back({std::string(topic), 0, {}});
    turn = turns_.emplace(round_.back().topic, std::prev(round_.end())).first;
  }
  turn->second->sessions.push_back(session);
}

}  // namespace takt::runtime
