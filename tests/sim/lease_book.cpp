#include "tests/sim/lease_book.h"

#include <algorithm>

namespace takt::sim {
namespace {

/// Takes what `map` says of this group's spots.
template <class Map>
void erase_group(Map& map, GroupId group) {
  map.erase(map.lower_bound(Spot{group, Lane(0), Offset(0)}), map.lower_bound(Spot{group.plus(1), Lane(0), Offset(0)}));
}

}  // namespace

void LeaseBook::greeted(ConnectionId connection, SessionId session) {
  by_connection_[connection] = session;
  sessions_[session].connection = connection;
}

LeaseBook::SessionInfo* LeaseBook::session_of(ConnectionId connection) {
  return const_cast<SessionInfo*>(std::as_const(*this).session_of(connection));
}

const LeaseBook::SessionInfo* LeaseBook::session_of(ConnectionId connection) const {
  const auto session = by_connection_.find(connection);
  const auto info = session == by_connection_.end() ? sessions_.end() : sessions_.find(session->second);
  return info == sessions_.end() ? nullptr : &info->second;
}

void LeaseBook::command(const core::Command& command, Moment now) {
  std::visit([&](const auto& c) { on(c, now); }, command);
}

void LeaseBook::on(const core::SessionLost& lost, Moment) {
  const auto session = sessions_.find(lost.session);
  if (session == sessions_.end()) return;
  if (const auto connection = session->second.connection) {
    const auto is_its = [&](const Spot&, const Holder& holder) { return holder.connection == *connection; };
    if (lost.how == core::SessionEnd::kGoodbye)
      give_back(is_its);
    else
      close(is_its);
  }
  sessions_.erase(session);
}

void LeaseBook::on(const core::ClientRequest& request, Moment now) {
  const auto session = sessions_.find(request.session);
  if (session == sessions_.end() || !session->second.connection) return;
  SessionInfo& info = session->second;
  const ConnectionId connection = *info.connection;
  if (const auto* subscribe = std::get_if<proto::Subscribe>(&request.body)) {
    // One that is in use already is refused, and stays what it is.
    info.subscriptions.try_emplace(subscribe->subscription, Subscription{{subscribe->topic, subscribe->group}, view_.now(), std::nullopt});
  } else if (const auto* unsubscribe = std::get_if<proto::Unsubscribe>(&request.body)) {
    const auto at = info.subscriptions.find(unsubscribe->subscription);
    if (at == info.subscriptions.end()) return;
    at->second.is_left = true;
    if (!at->second.group) return;
    give_back([&](const Spot& spot, const Holder& holder) { return holder.connection == connection && spot.group == *at->second.group; });
  } else if (const auto* fail = std::get_if<proto::Fail>(&request.body)) {
    on_fail(connection, *fail, now);
  } else if (const auto* resume = std::get_if<proto::Resume>(&request.body)) {
    // What the worker names it keeps (the Resumed that leaves says so); what it does not name may go to others.
    const auto at = info.subscriptions.find(resume->subscription);
    if (at == info.subscriptions.end()) return;
    std::erase_if(waiting_, [&](const auto& entry) {
      return entry.second.client == info.client && (!at->second.group || entry.first.group == *at->second.group);
    });
  }
}

void LeaseBook::on_fail(ConnectionId connection, const proto::Fail& fail, Moment now) {
  const Grant* grant = find(connection, fail.slot, fail.token);
  if (grant == nullptr || !grant->group) return;
  const Spot spot{*grant->group, grant->lane, grant->first.plus(fail.index)};
  const auto held = held_.find(spot);
  if (held == held_.end() || held->second.token != fail.token.plus(fail.index)) return;
  held_.erase(held);
  const std::chrono::milliseconds asked_for(fail.delay_ms.value_or(0));
  const Delay delay{now.now + asked_for, now.forward_steps, now.log + asked_for};
  const auto [asked, is_first] = asked_delays_.emplace(spot, delay);
  if (delay.until < asked->second.until) asked->second = delay;
}

void LeaseBook::subscribed(ConnectionId connection, SubscriptionId subscription) {
  SessionInfo* session = session_of(connection);
  const auto at = session == nullptr ? std::map<SubscriptionId, Subscription>::iterator() : session->subscriptions.find(subscription);
  if (session == nullptr || at == session->subscriptions.end()) return;
  at->second.group = view_.only_group(at->second.name, at->second.asked);
}

void LeaseBook::ended(ConnectionId connection, SubscriptionId subscription) {
  if (SessionInfo* session = session_of(connection)) session->subscriptions.erase(subscription);
}

void LeaseBook::dropped(GroupId group) {
  erase_group(held_, group);
  erase_group(left_, group);
  erase_group(waiting_, group);
}

void LeaseBook::term_ends() {
  // A term that dies before anybody could resume leaves its predecessor's workers still waiting.
  for (const auto& [spot, waiting] : waiting_) left_.emplace(spot, Holder{ConnectionId(0), waiting.client, {}});
  for (const auto& [spot, holder] : held_) left_[spot] = holder;
  waiting_.clear();
  held_.clear();
  asked_delays_.clear();
}

void LeaseBook::process_ends() {
  term_ends();
  by_connection_.clear();
  sessions_.clear();
  grants_.clear();
}

const LeaseBook::Subscription* LeaseBook::subscription(ConnectionId connection, SubscriptionId subscription) const {
  const SessionInfo* session = session_of(connection);
  if (session == nullptr) return nullptr;
  const auto at = session->subscriptions.find(subscription);
  return at == session->subscriptions.end() ? nullptr : &at->second;
}

void LeaseBook::grant(ConnectionId connection, Slot slot, LeaseToken token, const Grant& grant) {
  grants_[{connection, slot, token}] = grant;
  if (!grant.group) return;
  for (std::uint32_t i = 0; i < grant.count; ++i) {
    const Spot spot{*grant.group, grant.lane, grant.first.plus(i)};
    Holder& last = last_[spot];
    if (token.plus(i) <= last.token) continue;   // given back before it left the broker, which is after a later one
    last = {connection, client(connection), token.plus(i), grant.is_given_back};
    if (!grant.is_given_back) held_[spot] = last;
    waiting_.erase(spot);
    delays_.erase(spot);
  }
}

ClientId LeaseBook::client(ConnectionId connection) const {
  const SessionInfo* session = session_of(connection);
  return session == nullptr ? ClientId() : session->client;
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

const LeaseBook::Holder* LeaseBook::last(const Spot& spot) const {
  const auto it = last_.find(spot);
  return it == last_.end() ? nullptr : &it->second;
}

void LeaseBook::settled(const Spot& spot) {
  held_.erase(spot);
  left_.erase(spot);
  waiting_.erase(spot);
  delays_.erase(spot);
  asked_delays_.erase(spot);
}

void LeaseBook::retried(const Spot& spot) {
  const auto asked = asked_delays_.find(spot);
  if (asked == asked_delays_.end()) return;
  delays_[spot] = asked->second;
  asked_delays_.erase(asked);
}

std::optional<LeaseBook::Delay> LeaseBook::delay(const Spot& spot) const {
  const auto it = delays_.find(spot);
  return it == delays_.end() ? std::optional<Delay>() : it->second;
}

}  // namespace takt::sim
