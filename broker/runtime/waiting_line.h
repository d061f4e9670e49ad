#pragma once

#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/command.h"

namespace takt::runtime {

/// Commands that wait for a later turn, or for room in a commit. Fair: whoever floods delays the others by a round, not by
/// all that it has sent. Of two urgencies, as transport::CommandBatch says.
///
/// kPrior: sessions take turns, a command each. kLater: deficit round robin over topics by cost (Shreedhar and Varghese,
/// SIGCOMM 1995); listings take turns like a topic of their own, and so does what else brings no messages; within a topic
/// sessions take turns, a command each.
/// Order: a session's commands of one urgency stay in order, because its publishes share one sequence; so a session stands
/// in the line of the topic of its first command. Its later ones wait for its prior ones, never the other way round. A
/// client's new session waits for the end of the one before, so that it may take over what that one held.
/// Example, quantum 64 KiB: sessions 1 and 2 flood `a` with batches of 64 KiB, session 3 sends one to `b`; the order is
/// a1 b3 a2 a1 a2 ...
/// Bound: the gateway's, which admits commands by number and bytes, and the inbox's. Cost: two hash look-ups a command, and
/// a rotation for each quantum that a large command saves up.
class WaitingLine {
 public:
  enum class Urgency { kPrior, kLater };

  static constexpr std::size_t quantum_cost = 64 * 1024;

  /// What handling the command takes, in bytes that could be stored meanwhile.
  static std::size_t cost_of(const core::Command& command);

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  /// Whether a command can be next in turn.
  bool has(Urgency urgency) const { return urgency == Urgency::kPrior ? !prior_.empty() : !round_.empty(); }
  void push(Urgency urgency, core::Command&& command);
  /// The next in turn; none when nobody stands in line, or all who do have prior commands first.
  std::optional<core::Command> pop(Urgency urgency);

 private:
  struct Waiting {
    std::deque<core::Command> prior;
    std::deque<core::Command> later;
    bool is_in_round = false;
    std::vector<SessionId> successors;   ///< the same client's next sessions: wait for the end of this one
  };
  using Sessions = std::unordered_map<SessionId, Waiting>;
  /// One topic's place in the round.
  struct Turn {
    std::string topic;
    std::size_t deficit = 0;           ///< what it may still take before the next has its turn
    std::deque<SessionId> sessions;    ///< whose first command is for this topic
  };

  void push_prior(SessionId session, core::Command&& command);
  std::optional<core::Command> pop_prior();
  std::optional<core::Command> pop_later();
  void release_successors(const core::SessionLost& lost, Waiting& waiting);
  /// Where a session stands whose first command has changed.
  void settle(Sessions::iterator session);
  void leave_round();

  Sessions sessions_;                                                       ///< with a command that waits
  std::size_t size_ = 0;
  std::deque<SessionId> prior_;                                             ///< in the order of their turns
  std::unordered_map<ClientId, SessionId> leaving_;                         ///< whose end is among the prior ones
  std::list<Turn> round_;
  std::unordered_map<std::string_view, std::list<Turn>::iterator> turns_;   ///< by the topic that the turn owns
};

}  // namespace takt::runtime
