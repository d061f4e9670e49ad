#pragma once
// The ledgers' lines that show a violation, written again from the history.

#include <string>
#include <vector>

#include "tests/support/history.h"

namespace takt::testing {

using Lines = std::vector<std::string>;

Lines joined(Lines left, Lines right);

class Witness {
 public:
  explicit Witness(const History& history) : history_(history) {}

  /// All that was said of the message with this event.
  Lines said(const MessageHistory& message, LedgerEvent event) const;
  std::string said(const MessageHistory& message, const Saying& saying) const;
  std::string begun(const MessageHistory& message, const HandOut& hand_out) const;
  /// Of the first hand-out; none when there is none.
  Lines begun(const MessageHistory& message) const;
  std::string ended(const MessageHistory& message, const HandOut& hand_out) const;
  std::string confirmed(const HandOut& hand_out, std::size_t which = 0) const;
  std::string confirmed(const Confirmation& confirmation) const;
  /// Whatever first named the message's id.
  std::string named(const MessageHistory& message) const;

  /// `p1-3 (0-17) in group g, worker-2 under token 5`.
  std::string text(const MessageHistory& message, const HandOut& hand_out) const;

 private:
  std::string line(const MessageHistory& message, const HandOut& hand_out, LedgerEvent event, Instant at) const;

  const History& history_;
};

}  // namespace takt::testing
