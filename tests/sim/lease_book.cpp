#include "tests/sim/lease_book.h"

#include <algorithm>

namespace takt::sim {

std::string text_of(const Spot& spot) {
  return spot.group.topic + "/" + spot.group.group + " lane " + std::to_string(spot.lane.value) + " offset " +
         std::to_string(spot.offset.value);
}

void LeaseBook::command(const core::Command& command) {
  std::visit([this](const auto& c) { on(c); }, command);
}

void LeaseBook::on(const core::SessionLost& lost) {
  const auto connection = connections_.find(lost.session);
  if (connection != connections_.end()) close([&](const Spot&, const Holder& holder) { return holder.connection == connection->second; });
  sessions_.erase(lost.session);
}

void LeaseBook::on(const core::ClientRequest& request) {
  const auto session = sessions_.find(request.session);
  const auto connection = connections_.find(request.session);
  if (session == sessions_.end() || connection == connections_.end()) return;
  if (const auto* subscribe = std::get_if<proto::Subscribe>(&request.body)) {
    session->second.subscriptions[subscribe->subscription] = {subscribe->topic, subscribe->group};
  } else if (const auto* unsubscribe = std::get_if<proto::Unsubscribe>(&request.body)) {
    const auto group = session->second.subscriptions.find(unsubscribe->subscription);
    if (group == session->second.subscriptions.end()) return;
    close([&](const Spot& spot, const Holder& holder) { return holder.connection == connection->second && spot.group == group->second; });
  } else if (const auto* fail = std::get_if<proto::Fail>(&request.body)) {
    const Grant* grant = find(connection->second, fail->slot, fail->token);
    if (grant == nullptr) return;
    const Spot spot{grant->group, grant->lane, grant->first.plus(fail->index)};
    const auto held = held_.find(spot);
    if (held != held_.end() && held->second.token == fail->token.plus(fail->index)) held_.erase(held);
  } else if (const auto* resume_body = std::get_if<proto::Resume>(&request.body)) {
    resume(session->second, *resume_body);
  }
}

// What the worker names it keeps (the Resumed that leaves says so); what it does not name may go to others.
void LeaseBook::resume(SessionInfo& session, const proto::Resume& resume) {
  const auto group = session.subscriptions.find(resume.subscription);
  if (group == session.subscriptions.end()) return;
  std::erase_if(waiting_, [&](const auto& entry) { return entry.first.group == group->second && entry.second.client == session.client; });
}

void LeaseBook::term_ends() {
  // A term that dies before anybody could resume leaves its predecessor's workers still waiting.
  for (const auto& [spot, waiting] : waiting_) left_.emplace(spot, Holder{ConnectionId(0), waiting.client, {}});
  for (const auto& [spot, holder] : held_) left_[spot] = holder;
  waiting_.clear();
  held_.clear();
}

void LeaseBook::process_ends() {
  term_ends();
  connections_.clear();
  sessions_.clear();
}

std::optional<GroupName> LeaseBook::group_of(ConnectionId connection, SubscriptionId subscription) const {
  for (const auto& [session, its] : connections_) {
    if (its != connection) continue;
    const auto info = sessions_.find(session);
    if (info == sessions_.end()) continue;
    const auto group = info->second.subscriptions.find(subscription);
    if (group != info->second.subscriptions.end()) return group->second;
  }
  return std::nullopt;
}

void LeaseBook::grant(ConnectionId connection, Slot slot, LeaseToken token, const Grant& grant) {
  grants_[{connection, slot, token}] = grant;
  ClientId client;
  for (const auto& [session, its] : connections_)
    if (its == connection && sessions_.contains(session)) client = sessions_.at(session).client;
  for (std::uint32_t i = 0; i < grant.count; ++i) {
    const Spot spot{grant.group, grant.lane, grant.first.plus(i)};
    held_[spot] = {connection, client, token.plus(i)};
    tokens_[spot] = token.plus(i);
    waiting_.erase(spot);
  }
}

const LeaseBook::Grant* LeaseBook::find(ConnectionId connection, Slot slot, LeaseToken token) const {
  const auto it = grants_.find({connection, slot, token});
  return it == grants_.end() ? nullptr : &it->second;
}

const LeaseBook::Holder* LeaseBook::holder(const Spot& spot) const {
  const auto it = held_.find(spot);
  return it == held_.end() ? nullptr : &it->second;
}

const LeaseBook::Waiting* LeaseBook::waiting(const Spot& spot) const {
  const auto it = waiting_.find(spot);
  return it == waiting_.end() ? nullptr : &it->second;
}

std::optional<LeaseToken> LeaseBook::last_token(const Spot& spot) const {
  const auto it = tokens_.find(spot);
  return it == tokens_.end() ? std::optional<LeaseToken>() : it->second;
}

void LeaseBook::settled(const Spot& spot) {
  held_.erase(spot);
  left_.erase(spot);
  waiting_.erase(spot);
}

}  // namespace takt::sim
