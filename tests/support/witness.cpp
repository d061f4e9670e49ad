#include "tests/support/witness.h"

namespace takt::testing {

Lines joined(Lines left, Lines right) {
  left.insert(left.end(), std::make_move_iterator(right.begin()), std::make_move_iterator(right.end()));
  return left;
}

Lines Witness::said(const MessageHistory& message, LedgerEvent event) const {
  Lines lines;
  for (const Saying& saying : message.sayings) {
    if (saying.event == event) lines.push_back(said(message, saying));
  }
  return lines;
}

std::string Witness::said(const MessageHistory& message, const Saying& saying) const {
  return line_of({saying.at, history_.actor(saying.actor), saying.event, history_.group(message.topic), saying.id ? saying.id->text() : "-",
                  std::string(message.payload)});
}

std::string Witness::begun(const MessageHistory& message, const HandOut& hand_out) const {
  return line(message, hand_out, LedgerEvent::kBegun, hand_out.begun);
}

Lines Witness::begun(const MessageHistory& message) const {
  if (message.hand_outs.empty()) return {};
  return {begun(message, message.hand_outs.front())};
}

std::string Witness::ended(const MessageHistory& message, const HandOut& hand_out) const {
  return line(message, hand_out, hand_out.end, *hand_out.ended);
}

std::string Witness::confirmed(const HandOut& hand_out, std::size_t which) const {
  return confirmed({hand_out.actor, hand_out.group, hand_out.id, hand_out.confirmed[which]});
}

std::string Witness::confirmed(const Confirmation& confirmation) const {
  return line_of({confirmation.at, history_.actor(confirmation.actor), LedgerEvent::kConfirmed, history_.group(confirmation.group),
                  confirmation.id.text(), "-"});
}

std::string Witness::named(const MessageHistory& message) const {
  for (const Saying& saying : message.sayings) {
    if (saying.id) return said(message, saying);
  }
  return begun(message, message.hand_outs.front());
}

std::string Witness::text(const MessageHistory& message, const HandOut& hand_out) const {
  return std::string(message.payload) + " (" + hand_out.id.text() + ") in group " + history_.group(hand_out.group) + ", " +
         history_.actor(hand_out.actor) + " under token " + std::to_string(hand_out.token);
}

std::string Witness::line(const MessageHistory& message, const HandOut& hand_out, LedgerEvent event, Instant at) const {
  return line_of({at, history_.actor(hand_out.actor), event, history_.group(hand_out.group), hand_out.id.text(),
                  std::string(message.payload), hand_out.attempt, hand_out.token});
}

}  // namespace takt::testing
