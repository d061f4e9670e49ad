#include "tests/support/history.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <tuple>

namespace takt::testing {
namespace {

std::optional<Place> place_of(const LedgerEntry& entry) {
  if (entry.id == "-") return std::nullopt;
  Place place;
  const char* const end = entry.id.data() + entry.id.size();
  const auto [dash, error] = std::from_chars(entry.id.data(), end, place.partition);
  if (error == std::errc{} && dash != end && *dash == '-') {
    const auto [last, bad] = std::from_chars(dash + 1, end, place.position);
    if (bad == std::errc{} && last == end) return place;
  }
  throw std::runtime_error("not the id of a message: " + line_of(entry));
}

Place known_place_of(const LedgerEntry& entry) {
  const auto place = place_of(entry);
  if (!place) throw std::runtime_error("without the message's id: " + line_of(entry));
  return *place;
}

}  // namespace

bool MessageHistory::was(LedgerEvent event) const {
  return std::ranges::any_of(sayings, [&](const Saying& saying) { return saying.event == event; });
}

std::uint32_t History::Names::of(std::string_view name) {
  const auto at = indexes.find(name);
  if (at != indexes.end()) return at->second;
  names.emplace_back(name);
  return indexes.emplace(name, static_cast<std::uint32_t>(names.size() - 1)).first->second;
}

History::History() { actor_of(broker_actor); }

ActorIndex History::actor_of(std::string_view name) {
  const ActorIndex actor = actors_.of(name);
  if (actor == absences_.size()) absences_.emplace_back();
  return actor;
}

MessageIndex History::message_of(std::string_view payload) {
  const auto at = payloads_.find(payload);
  if (at != payloads_.end()) return at->second;
  const auto index = static_cast<MessageIndex>(messages_.size());
  const auto& stored = payloads_.emplace(payload, index).first->first;
  messages_.emplace_back().payload = stored;
  return index;
}

const MessageHistory* History::find(std::string_view payload) const {
  const auto at = payloads_.find(payload);
  return at == payloads_.end() ? nullptr : &messages_[at->second];
}

std::optional<GroupIndex> History::group_index(std::string_view name) const {
  const auto at = groups_.indexes.find(name);
  if (at == groups_.indexes.end()) return std::nullopt;
  return at->second;
}

void History::enter(const LedgerEntry& entry) {
  ++entries_;
  switch (entry.event) {
    case LedgerEvent::kSending:
    case LedgerEvent::kSent:
    case LedgerEvent::kRefused:
    case LedgerEvent::kUnknown:
    case LedgerEvent::kFollow: say(entry); break;
    case LedgerEvent::kBegun: begin(entry); break;
    case LedgerEvent::kFinished:
    case LedgerEvent::kFailed:
    case LedgerEvent::kInterrupted: end(entry); break;
    case LedgerEvent::kConfirmed:
      confirmations_.push_back({actor_of(entry.actor), groups_.of(entry.group), known_place_of(entry), entry.at});
      break;
    case LedgerEvent::kKilled:
      if (entry.payload != broker_actor) absences_[actor_of(entry.payload)].killed = entry.at;
      break;
    case LedgerEvent::kFrozen: absences_[actor_of(entry.payload)].frozen.push_back({entry.at, {}}); break;
    case LedgerEvent::kThawed: {
      auto& frozen = absences_[actor_of(entry.payload)].frozen;
      if (frozen.empty() || frozen.back().to) throw std::runtime_error("thawed without having been frozen: " + line_of(entry));
      frozen.back().to = entry.at;
      break;
    }
    case LedgerEvent::kStarted: absences_[actor_of(entry.payload)].started.push_back(entry.at); break;
    case LedgerEvent::kNote: break;
  }
}

void History::say(const LedgerEntry& entry) {
  const MessageIndex index = message_of(entry.payload);
  MessageHistory& message = messages_[index];
  const ActorIndex actor = actor_of(entry.actor);
  // A handler that runs again asks for its follow-up again.
  if (entry.event != LedgerEvent::kFollow) {
    if (entry.event == LedgerEvent::kSending && message.was(LedgerEvent::kSending))
      throw std::runtime_error("sent a second time, values must be unique: " + line_of(entry));
    if (message.sayings.empty()) {
      message.topic = groups_.of(entry.group);
      sendings_[{actor, message.topic}].push_back(index);
    }
  }
  const auto id = place_of(entry);
  if (id) learn_id(*id, index);
  message.sayings.push_back({entry.event, actor, entry.at, id});
}

void History::begin(const LedgerEntry& entry) {
  const MessageIndex index = message_of(entry.payload);
  const Place id = known_place_of(entry);
  learn_id(id, index);
  messages_[index].hand_outs.push_back({.group = groups_.of(entry.group),
                                        .actor = actor_of(entry.actor),
                                        .id = id,
                                        .attempt = entry.attempt,
                                        .token = entry.token,
                                        .begun = entry.at,
                                        .ended = {},
                                        .confirmed = {}});
}

void History::end(const LedgerEntry& entry) {
  auto& hand_outs = messages_[message_of(entry.payload)].hand_outs;
  const ActorIndex actor = actor_of(entry.actor);
  const GroupIndex group = groups_.of(entry.group);
  const auto at = std::find_if(hand_outs.rbegin(), hand_outs.rend(), [&](const HandOut& hand_out) {
    return !hand_out.ended && hand_out.actor == actor && hand_out.group == group && hand_out.token == entry.token;
  });
  if (at == hand_outs.rend()) throw std::runtime_error("ended without having begun: " + line_of(entry));
  at->ended = entry.at;
  at->end = entry.event;
}

void History::learn_id(Place id, MessageIndex message) {
  const auto [at, is_new] = ids_.emplace(id, message);
  if (is_new || at->second == message) return;
  const bool known = std::ranges::any_of(shared_ids_, [&](const SharedId& shared) { return shared.id == id && shared.second == message; });
  if (!known) shared_ids_.push_back({id, at->second, message});
}

void History::close() {
  for (const Confirmation& confirmation : confirmations_) give(confirmation);
  for (MessageHistory& message : messages_) {
    std::ranges::sort(message.hand_outs, [](const HandOut& a, const HandOut& b) {
      return std::tie(a.group, a.id, a.token, a.begun) < std::tie(b.group, b.id, b.token, b.begun);
    });
  }
}

/// To the latest hand-out that its worker had finished by then: the ledger does not say which one was meant, and a worker
/// can have had the message more than once.
void History::give(const Confirmation& confirmation) {
  HandOut* best = nullptr;
  if (const auto at = ids_.find(confirmation.id); at != ids_.end()) {
    for (HandOut& hand_out : messages_[at->second].hand_outs) {
      const bool fits = hand_out.actor == confirmation.actor && hand_out.group == confirmation.group && hand_out.finished() &&
                        *hand_out.ended <= confirmation.at;
      if (fits && (best == nullptr || best->token < hand_out.token)) best = &hand_out;
    }
  }
  if (best == nullptr) return strays_.push_back(confirmation);
  best->confirmed.push_back(confirmation.at);
}

}  // namespace takt::testing
