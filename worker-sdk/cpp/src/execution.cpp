#include "worker-sdk/cpp/src/execution.h"

#include <algorithm>
#include <random>

#include "proto/record.h"
#include "worker-sdk/cpp/src/connection.h"
#include "worker-sdk/cpp/src/refusal.h"
#include "worker-sdk/cpp/src/span.h"

namespace takt {

Outcome Worker::decode_failure(Error error) { return {Outcome::Kind::kDead, std::nullopt, error.code, std::move(error.message)}; }

namespace sdk {
namespace {

constexpr std::size_t unknown_kinds_max = 1000;
constexpr Duration unknown_delay_first = std::chrono::milliseconds(100);
constexpr Duration unknown_delay_longest = std::chrono::milliseconds(12'800);
constexpr auto decode_error_code = static_cast<std::uint16_t>(ErrorCode::kBadPayload);

/// 0.8 to 1.2
double jitter() {
  thread_local std::minstd_rand random(static_cast<std::uint_fast32_t>(random_number()));
  return std::uniform_real_distribution(0.8, 1.2)(random);
}

proto::FailOutcome to_wire(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kDone:
    case Outcome::Kind::kRetry: return proto::FailOutcome::kRetry;
    case Outcome::Kind::kRelease: return proto::FailOutcome::kRelease;
    case Outcome::Kind::kDead: return proto::FailOutcome::kDead;
  }
  return proto::FailOutcome::kRetry;
}

/// The broker does not read metadata when a message fails: its worker has them at hand.
proto::MessagePolicy policy_of(const Delivered& message) {
  const ByteView metadata = DeliveredAccess::metadata(message);
  if (const auto summary = proto::check_record(metadata); !summary || !summary->has_policy()) return {};
  return proto::decode_record(metadata)->policy;
}

}  // namespace

std::optional<Duration> Executor::retry_delay(std::uint32_t attempt) const {
  if (!backoff_) return std::nullopt;
  const auto doubled = backoff_->first * (std::int64_t{1} << std::min(attempt - 1, 20u));
  const std::chrono::duration<double, std::nano> spread = Duration(std::min(doubled, backoff_->longest)) * jitter();
  return bounded(std::chrono::duration_cast<std::chrono::milliseconds>(spread));
}

void Executor::done(const AssignmentPtr& assignment, const Bits& bits, std::uint32_t count) {
  if (box_.done(assignment, bits, count)) wake_();
}

void Executor::settle(const AssignmentPtr& assignment, std::uint32_t index, Outcome outcome, std::vector<FollowUpBatch> follow_ups) {
  if (outcome.kind == Outcome::Kind::kDone && follow_ups.empty()) return done(assignment, Bits::one(index), 1);
  HandledOutcome handled;
  handled.lease = assignment->lease.lease;
  handled.index = index;
  if (outcome.kind == Outcome::Kind::kDone) {
    handled.follow_ups = std::move(follow_ups);
  } else {
    handled.fail = to_wire(outcome.kind);
    if (outcome.kind == Outcome::Kind::kRetry) handled.policy = policy_of(assignment->message(index));
    if (outcome.delay)
      handled.delay = bounded(*outcome.delay);
    else if (outcome.kind == Outcome::Kind::kRetry && !handled.policy.retry)
      handled.delay = retry_delay(assignment->lease.attempt);
    handled.code = outcome.code;
    handled.text = std::move(outcome.text);
  }
  if (box_.outcome(*assignment, std::move(handled))) wake_();
}

Outcome Executor::call(const Handler& handler, Context& context) {
  try {
    return handler(context);
  } catch (const permanent_error& error) {
    counters_.exceptions.fetch_add(1);
    return dead(error.what());
  } catch (const std::exception& error) {
    counters_.exceptions.fetch_add(1);
    return retry(error.what());
  } catch (...) {
    counters_.exceptions.fetch_add(1);
    return retry("the handler threw something that is no std::exception");
  }
}

void Executor::run_one(const Subscription& subscription, const AssignmentPtr& assignment, const HandlerPool::Claim& claim) {
  if (assignment->is_lost(claim.first)) return done(assignment, {}, 1);  // its outcome would be stale; nothing was begun
  const Delivered message = assignment->message(claim.first);
  const std::string_view kind = message.kind();
  const auto at = handlers_.by_kind.find(kind);
  const Handler* handler = at != handlers_.by_kind.end() ? &at->second : handlers_.any ? &handlers_.any : nullptr;
  if (handler == nullptr) return release_unknown(assignment, claim.first, kind);
  Context context = ContextAccess::make(message, subscription.topic, subscription.group, claim.stop, bounds_);
  Outcome outcome = call(*handler, context);
  if (outcome.kind == Outcome::Kind::kDead && outcome.code == decode_error_code) counters_.decode_errors.fetch_add(1);
  settle(assignment, claim.first, std::move(outcome), ContextAccess::take_follow_ups(context));
}

// Somebody else may know the kind; back at once it would return here at once, ahead of everything younger. So it waits at
// the broker, twice as long each time that it comes round.
Duration Executor::unknown_delay(std::string_view kind) {
  const Time now = read_clock().mono;
  const std::lock_guard lock(unknown_mutex_);
  auto at = unknown_.find(kind);
  if (at == unknown_.end()) {
    if (unknown_.size() == unknown_kinds_max) return unknown_delay_longest;
    at = unknown_.emplace(kind, UnknownKind{unknown_delay_first, now}).first;
  }
  UnknownKind& unknown = at->second;
  if (now - unknown.since >= unknown.delay) unknown = {std::min(unknown.delay * 2, unknown_delay_longest), now};
  return unknown.delay;
}

void Executor::release_unknown(const AssignmentPtr& assignment, std::uint32_t index, std::string_view kind) {
  counters_.unknown_kinds.fetch_add(1);
  HandledOutcome handled;
  handled.lease = assignment->lease.lease;
  handled.index = index;
  handled.fail = proto::FailOutcome::kRelease;
  handled.code = static_cast<std::uint16_t>(ErrorCode::kNoHandler);
  handled.text = "no handler for kind '" + std::string(kind) + "'";
  handled.delay = unknown_delay(kind);
  if (box_.outcome(*assignment, std::move(handled))) wake_();
}

void Executor::run_batch(const AssignmentPtr& assignment, const HandlerPool::Claim& claim) {
  thread_local std::vector<Delivered> messages;
  thread_local std::vector<std::uint32_t> indexes;
  messages.clear();
  indexes.clear();
  for (std::uint32_t i = claim.first; i < claim.first + claim.count; ++i) {
    if (assignment->is_lost(i)) continue;
    messages.push_back(assignment->message(i));
    indexes.push_back(i);
  }
  if (indexes.size() < claim.count) done(assignment, {}, claim.count - static_cast<std::uint32_t>(indexes.size()));
  if (messages.empty()) return;
  BatchOutcome result;
  std::optional<Outcome> whole;
  try {
    handlers_.batch(messages, result);
  } catch (const permanent_error& error) {
    whole = dead(error.what());
  } catch (const std::exception& error) {
    whole = retry(error.what());
  } catch (...) {
    whole = retry("the handler threw something that is no std::exception");
  }
  if (whole) {
    counters_.exceptions.fetch_add(1);
    for (const std::uint32_t index : indexes) settle(assignment, index, *whole, {});
    return;
  }
  Bits finished;
  for (const std::uint32_t index : indexes) finished.set({index, 1});
  Bits excepted;
  for (auto& [position, outcome] : BatchOutcomeAccess::exceptions(result)) {
    if (position >= indexes.size() || excepted.test(indexes[position]) || outcome.kind == Outcome::Kind::kDone) continue;
    excepted.set({indexes[position], 1});
    settle(assignment, indexes[position], std::move(outcome), {});
  }
  finished -= excepted;
  if (finished.any()) done(assignment, finished, finished.count());
}

}  // namespace sdk
}  // namespace takt
