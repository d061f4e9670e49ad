// What the log may say of messages that failed.

#include "tests/sim/log_view.h"
#include "tests/sim/options.h"

namespace takt::sim {
namespace {

std::string number(std::uint64_t n) { return std::to_string(n); }

}  // namespace

LogView::Complaint LogView::on(const core::Retry& e) {
  const Target at = target(e.topic, e.group, e.lane);
  if (at.lane == nullptr) return "a Retry of a group that is not there";
  if (at.lane->is_done(e.offset.value)) return "a Retry of offset " + number(e.offset.value) + ", which is done";
  Failures& failures = at.lane->failures[e.offset.value];
  // Without a lease that has ended since it says that the wait is over.
  const bool is_over = failures.lease != LeaseToken() && e.lease == failures.lease;
  if (is_over && (e.code != failures.code || e.due != time_))
    return "an end of the wait of offset " + number(e.offset.value) + " that says something else";
  if (!is_over && e.lease < failures.lease) return "a Retry of offset " + number(e.offset.value) + " for an older lease";
  const bool is_death = e.code == core::failure_worker_lost;
  // A connection that broke, was resumed, and broke again is one death.
  const bool is_told_again = is_death && failures.code == core::failure_worker_lost && e.attempts == failures.count;
  const bool counts = !is_over && !is_told_again && e.code != core::failure_application_base + release_code;
  if (e.attempts != failures.count + (counts ? 1 : 0))
    return "attempts that go from " + number(failures.count) + " to " + number(e.attempts);
  const proto::GroupSettings& settings = at.group->settings;
  const std::chrono::milliseconds give_up(settings.retry.give_up_ms);
  if (counts && is_death) {
    ++failures.deaths;
    ++failures.deaths_in_row;
    if (settings.retry.deaths_max == 1) return "a Retry of offset " + number(e.offset.value) + ", which was to be quarantined";
  } else if (counts) {
    const bool is_first = e.attempts - failures.deaths == 1;
    if (is_first) failures.since = time_;
    if (e.attempts - failures.deaths >= settings.attempts_max)
      return "a Retry of offset " + number(e.offset.value) + " after its last attempt";
    if (give_up.count() != 0 && e.due >= (is_first ? latest_ : failures.since) + give_up)
      return "a Retry of offset " + number(e.offset.value) + ", which was to be given up";
  }
  if (!is_over && !is_death && (counts || e.due > time_)) failures.deaths_in_row = 0;
  if (e.due < time_) return "a Retry that was due before it was written";
  failures.count = e.attempts;
  failures.due = e.due;
  failures.lease = e.lease;
  failures.code = e.code;
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::Dead& e) {
  const Target at = target(e.topic, e.group, e.lane);
  if (at.lane == nullptr) return "a Dead of a group that is not there";
  const auto failed = at.lane->failures.find(e.offset.value);
  const Failures before = failed == at.lane->failures.end() ? Failures{} : failed->second;
  if (e.attempts != before.count + 1) return "a death of offset " + number(e.offset.value) + " that counts other attempts than there were";
  const proto::GroupSettings& settings = at.group->settings;
  const bool is_lost = e.code == core::failure_worker_lost;
  const bool is_wish = !is_lost && e.code != core::failure_application_base + retry_code;
  const proto::DeadReason reason = is_lost   ? proto::DeadReason::kPoison
                                   : is_wish ? proto::DeadReason::kRejected
                                             : proto::DeadReason::kAttempts;
  const bool has_failed = before.count > before.deaths;
  const WallTime latest_begin = latest_ + failure_delay_max;
  const bool may_be_given_up = !is_lost && !is_wish && settings.retry.give_up_ms != 0 &&
                               latest_begin >= (has_failed ? before.since : time_) + std::chrono::milliseconds(settings.retry.give_up_ms);
  const bool is_given_up = e.reason == proto::DeadReason::kGivenUp && may_be_given_up;
  if (e.reason != reason && !is_given_up) return "a death of offset " + number(e.offset.value) + " for a wrong reason";
  if (is_lost && (settings.retry.deaths_max == 0 || before.deaths_in_row + 1 < settings.retry.deaths_max))
    return "a quarantine of offset " + number(e.offset.value) + " after too few workers' deaths";
  if (!is_lost && !is_wish && !is_given_up && e.attempts - before.deaths < settings.attempts_max)
    return "a death of offset " + number(e.offset.value) + " before its last attempt";
  at.lane->dead.insert(e.offset.value);
  return settle(at, e.lane, e.offset.value);
}

LogView::Complaint LogView::on(const core::Redrive& e) {
  const Target at = target(e.topic, e.group, e.lane);
  if (at.lane == nullptr) return "a Redrive of a group that is not there";
  for (const core::OffsetRun& run : e.runs) {
    for (std::uint64_t offset = run.first.value; offset < run.end().value; ++offset) {
      if (at.lane->dead.erase(offset) == 0) return "a Redrive of offset " + number(offset) + ", which is not dead";
      at.lane->redriven.insert(offset);
      at.lane->held.erase(offset);   // that was of an older lease
      ++owed_;
    }
  }
  return std::nullopt;
}

LogView::Complaint LogView::on(const core::DeadPurge& e) {
  const Target at = target(e.topic, e.group, e.lane);
  if (at.lane == nullptr) return "a DeadPurge of a group that is not there";
  for (const core::OffsetRun& run : e.runs) {
    for (std::uint64_t offset = run.first.value; offset < run.end().value; ++offset) {
      if (at.lane->dead.erase(offset) == 0) return "a DeadPurge of offset " + number(offset) + ", which is not dead";
      note_freeable(*at.topic, e.lane, offset);
    }
  }
  return std::nullopt;
}

}  // namespace takt::sim
