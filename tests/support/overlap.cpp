#include "tests/support/overlap.h"

#include <algorithm>

namespace takt::testing {
namespace {

bool was_given_up_while_frozen(const HandOut& older, Instant newer_begun, const Absences& worker, const SessionBounds& bounds) {
  return std::ranges::any_of(worker.frozen, [&](const Absences::Frozen& frozen) {
    const Instant given_up = frozen.from + bounds.silence;
    const bool long_enough = newer_begun >= given_up && (!frozen.to || *frozen.to >= given_up);
    // The lease is from before the freeze; what it had in its queue a worker may begin just after.
    return long_enough && (!frozen.to || older.begun <= *frozen.to + bounds.timeout);
  });
}

bool was_not_back_in_time(const HandOut& older, Instant newer_begun, const Absences& broker, const SessionBounds& bounds) {
  return std::ranges::any_of(broker.started, [&](Instant started) {
    return newer_begun >= started + bounds.timeout && older.begun <= started + bounds.timeout && (!older.ended || *older.ended >= started);
  });
}

std::chrono::nanoseconds awake_between(Instant from, Instant to, const Absences& worker) {
  if (worker.killed) to = std::min(to, *worker.killed);
  auto awake = std::max(to - from, Instant::zero());
  for (const Absences::Frozen& frozen : worker.frozen) {
    const Instant asleep_from = std::max(from, frozen.from);
    const Instant asleep_to = std::min(to, frozen.to.value_or(Instant::max()));
    awake -= std::max(asleep_to - asleep_from, Instant::zero());
  }
  return awake;
}

}  // namespace

bool may_overlap(const HandOut& older, Instant newer_begun, const Absences& worker, const Absences& broker, const SessionBounds& bounds) {
  if (worker.killed && *worker.killed <= newer_begun) return true;
  const bool has_reason = was_given_up_while_frozen(older, newer_begun, worker, bounds) ||
                          was_not_back_in_time(older, newer_begun, broker, bounds) ||
                          (older.ended && older.end == LedgerEvent::kInterrupted);
  const Instant from = std::max(older.begun, newer_begun);
  return has_reason && awake_between(from, older.ended.value_or(Instant::max()), worker) <= bounds.timeout;
}

}  // namespace takt::testing
