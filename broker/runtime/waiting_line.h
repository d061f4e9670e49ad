#pragma once

#include <deque>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/core/command.h"

namespace takt::runtime {

/// Commands that wait for room in a commit, fair to topics: whoever floods one topic does not delay the others by more
/// than a round. Deficit round robin by bytes (Shreedhar and Varghese, SIGCOMM 1995); what brings no messages takes turns
/// like a topic of its own.
/// Order: a session's commands stay in order, because its publishes share one sequence; so a session stands in the line of
/// the topic of its first command. Within a topic sessions take turns, a command each.
/// Example, quantum 64 KiB: sessions 1 and 2 flood `a` with batches of 64 KiB, session 3 sends one to `b`; the order is
/// a1 b3 a2 a1 a2 ...
/// Bound: the gateway's, which admits commands by number and bytes. Cost: two hash look-ups a command, and a rotation for
/// each quantum that a large command saves up.
class WaitingLine {
 public:
  static constexpr std::size_t quantum_bytes = 64 * 1024;

  bool empty() const { return sessions_.empty(); }
  void push(core::Command&& command);
  /// The next in turn. There must be one.
  core::Command pop();

 private:
  /// One topic's place in the round.
  struct Turn {
    std::string topic;
    std::size_t deficit = 0;           ///< bytes that it may still take before the next has its turn
    std::deque<SessionId> sessions;    ///< whose first command is for this topic
  };

  void stand_in_line(SessionId session, const core::Command& first);

  std::unordered_map<SessionId, std::deque<core::Command>> sessions_;
  std::list<Turn> round_;
  std::unordered_map<std::string_view, std::list<Turn>::iterator> turns_;   ///< by the topic that the turn owns
};

}  // namespace takt::runtime
