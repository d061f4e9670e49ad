#pragma once
// May two workers be at one message at a time? As the broker sees it never. Outside, a worker that the broker has given up
// may go on until it learns so: this is the bound on that.

#include <chrono>
#include <optional>

#include "tests/support/history.h"

namespace takt::testing {

struct SessionBounds {
  std::chrono::nanoseconds timeout;    ///< the broker's session timeout
  std::chrono::nanoseconds silence;    ///< the least that a worker was not heard of when its session ends by it

  SessionBounds(std::chrono::nanoseconds session_timeout, std::chrono::nanoseconds heartbeat)
      : timeout(session_timeout),
        silence(session_timeout - heartbeat) {}
};

/// `older` was still held, or begun, when its message was begun under a newer token at `newer_begun`. True when design
/// allows it. First, the broker had a reason to give the message away:
/// - the worker was dead, or frozen for so long that its session had ended;
/// - or the broker had been started anew, and waited for the worker in vain;
/// - or the worker was told: its handler was interrupted.
/// Second, the worker stopped soon: awake, and beside its successor, for no longer than one session timeout.
bool may_overlap(const HandOut& older, Instant newer_begun, const Absences& worker, const Absences& broker, const SessionBounds& bounds);

}  // namespace takt::testing
