#include "takt/worker.h"

#include <signal.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "proto/limits.h"
#include "worker-sdk/cpp/src/address.h"
#include "worker-sdk/cpp/src/connection.h"
#include "worker-sdk/cpp/src/execution.h"
#include "worker-sdk/cpp/src/refusal.h"
#include "worker-sdk/cpp/src/span.h"
#include "worker-sdk/cpp/src/validate.h"

namespace takt {
namespace {

using namespace sdk;

constexpr Duration ack_linger = std::chrono::milliseconds(1);
constexpr Duration goodbye_timeout = std::chrono::seconds(1);
constexpr std::uint32_t in_flight_max = 65'536;

std::optional<Error> check_subscription(const Subscription& subscription, std::size_t index) {
  const std::string field = "WorkerOptions.subscriptions[" + std::to_string(index) + "]";
  if (auto error = check_topic(field + ".topic", subscription.topic)) return error;
  if (auto error = check_topic(field + ".group", subscription.group)) return error;
  if (subscription.concurrency < 1 || subscription.concurrency > 1024) {
    return bad_option(field + ".concurrency", std::to_string(subscription.concurrency) + " is not within 1 and 1,024");
  }
  if (subscription.prefetch > in_flight_max) {
    return bad_option(field + ".prefetch", std::to_string(subscription.prefetch) + " is not within 1 and 65,536 (0 chooses)");
  }
  if (subscription.prefetch_bytes < 1024) return bad_option(field + ".prefetch_bytes", "it must be at least 1 KiB");
  if (subscription.pull_wait < std::chrono::milliseconds(1) || subscription.pull_wait > std::chrono::minutes(5)) {
    return bad_option(field + ".pull_wait", "it must be 1 ms to 5 min");
  }
  return std::nullopt;
}

std::optional<Error> check_options(const WorkerOptions& options) {
  if (auto error = check_client_name("WorkerOptions.name", options.name)) return error;
  if (options.subscriptions.empty()) return bad_option("WorkerOptions.subscriptions", "it is empty; name at least one topic and group");
  for (std::size_t i = 0; i < options.subscriptions.size(); ++i) {
    if (auto error = check_subscription(options.subscriptions[i], i)) return error;
    for (std::size_t k = 0; k < i; ++k) {
      if (options.subscriptions[k].topic == options.subscriptions[i].topic &&
          options.subscriptions[k].group == options.subscriptions[i].group) {
        return bad_option("WorkerOptions.subscriptions", "topic '" + options.subscriptions[i].topic + "' and group '" +
                                                             options.subscriptions[i].group +
                                                             "' are there twice; raise concurrency instead");
      }
    }
  }
  if (options.shutdown_grace.count() < 0) return bad_option("WorkerOptions.shutdown_grace", "it must not be negative");
  if (options.shutdown_force.count() < 0) return bad_option("WorkerOptions.shutdown_force", "it must not be negative");
  if (options.connect_timeout.count() < 0) return bad_option("WorkerOptions.connect_timeout", "it must not be negative");
  if (options.backoff && (options.backoff->first.count() < 0 || options.backoff->longest < options.backoff->first)) {
    return bad_option("WorkerOptions.backoff", "first must not be negative, nor longest shorter than first");
  }
  return std::nullopt;
}

}  // namespace

class Worker::Body final : public ConnectionOwner {
 public:
  Body(WorkerOptions options, const std::string& address)
      : options_(std::move(options)),
        executor_(handlers_, options_.backoff, follow_up_bounds_, box_, [this] { connection_.wake(); }),
        connection_(address, session_options(), *this) {
    for (const Subscription& subscription : options_.subscriptions)
      pools_.push_back(std::make_unique<HandlerPool>(subscription.concurrency));
  }
  ~Body() override { pools_.clear(); }  // handlers that ran on still wake the connection

  Handlers& handlers() { return handlers_; }
  bool wants_signals() const { return options_.handle_signals; }
  Result<WorkerStats> run();
  /// Any thread, also a signal handler.
  void stop() {
    stops_.fetch_add(1);
    connection_.wake();
  }
  WorkerMetrics metrics() const;

  void feed(Session& session, Now now) override;
  void handle(Event event, Session& session, Now now) override;
  std::optional<Time> deadline() const override;
  bool finished(const Session& session, Now now) override;

 private:
  enum class Phase { kStarting, kWorking, kDraining, kStopping, kLeaving, kLeft };
  struct Counters {
    std::atomic<std::uint64_t> delivered{0}, done{0}, retried{0}, released{0}, dead{0}, stale{0}, unconfirmed{0}, refused{0},
        leases_lost{0}, follow_ups{0}, connections{0}, callback_exceptions{0};
  };

  SessionOptions session_options() const {
    SessionOptions session;
    session.client = ClientId(random_number());
    session.producer = ProducerId(random_number());
    session.kind = proto::ClientKind::kWorker;
    session.name = options_.name;
    session.ack_linger = Duration(0);  // the outcome box lingers
    return session;
  }
  SubscriptionSpec spec_of(const Subscription& subscription) const;
  void begin(Session& session, Now now);
  void collect(Session& session, Now now);
  void settle(HandledOutcome& outcome, Session& session, Now now);
  void forget_settled(LeaseId lease);
  void advance_phase(Session& session, Now now);
  void drain(Session& session, Now now);
  void give_back_queued(Session& session, Now now);
  void leave(Session& session, Now now);
  bool idle(const Session& session) const;
  void deliver(const Delivery& delivery, Session& session, Now now);
  void lease_lost(const LeaseLost& lost);
  void greeted(const proto::HelloReply& broker);
  void confirmed(SubscriptionIndex subscription, PartitionId partition, const Acknowledged::Run& run);
  void refuse(Error error);
  bool may_still_run() const { return phase_ == Phase::kStarting || phase_ == Phase::kWorking; }

  const WorkerOptions options_;
  Handlers handlers_;                                  ///< constant once run() has begun
  OutcomeBox box_;
  ContextAccess::Bounds follow_up_bounds_;
  Executor executor_;
  std::vector<std::unique_ptr<HandlerPool>> pools_;    ///< one per subscription
  std::atomic<int> stops_{0};
  std::atomic<bool> ran_{false};
  Counters counters_;

  // Network thread only (run() reads them after it has ended).
  Phase phase_ = Phase::kStarting;
  bool begun_ = false;
  std::vector<SubscriptionIndex> subscriptions_;
  std::set<SubscriptionIndex> subscribed_;
  std::unordered_map<LeaseId, std::weak_ptr<Assignment>> assignments_;
  std::optional<Time> phase_until_;
  std::optional<Error> failure_;
  std::optional<Error> refusal_;                       ///< the first of an outcome
  std::string trouble_ = "the connection has not been made yet";

  Connection connection_;                              ///< last: its thread uses all of the above
};

SubscriptionSpec Worker::Body::spec_of(const Subscription& subscription) const {
  SubscriptionSpec spec;
  spec.topic = subscription.topic;
  spec.group = subscription.group;
  spec.from = subscription.from_now ? proto::StartFrom::kNow : proto::StartFrom::kEarliest;
  spec.credit = subscription.mode == Mode::kPush ? proto::CreditKind::kStanding : proto::CreditKind::kOnce;
  const std::uint32_t chosen = handlers_.batch ? 16'384u : 4 * subscription.concurrency;
  spec.messages = subscription.prefetch > 0 ? subscription.prefetch : subscription.mode == Mode::kPull ? subscription.concurrency : chosen;
  spec.bytes = static_cast<std::uint32_t>(std::min<std::size_t>(subscription.prefetch_bytes, 1u << 30));
  spec.wait = subscription.pull_wait;
  return spec;
}

void Worker::Body::begin(Session& session, Now now) {
  begun_ = true;
  for (const Subscription& subscription : options_.subscriptions) subscriptions_.push_back(session.subscribe(spec_of(subscription), now));
  if (options_.connect_timeout.count() > 0) phase_until_ = now.mono + options_.connect_timeout;
}

void Worker::Body::feed(Session& session, Now now) {
  if (!begun_) begin(session, now);
  collect(session, now);
  advance_phase(session, now);
}

void Worker::Body::collect(Session& session, Now now) {
  OutcomeBox::Contents contents = box_.collect(now.mono, ack_linger);
  for (const AssignmentPtr& assignment : contents.acks) {
    const Bits bits = assignment->take_done();
    if (bits.any()) session.ack(assignment->lease.lease, bits, now);
    forget_settled(assignment->lease.lease);
  }
  for (HandledOutcome& outcome : contents.outcomes) settle(outcome, session, now);
}

void Worker::Body::settle(HandledOutcome& outcome, Session& session, Now now) {
  if (outcome.follow_ups.empty()) {
    session.fail(outcome.lease, outcome.index, outcome.fail, outcome.delay, outcome.code, std::move(outcome.text), now,
                 std::move(outcome.policy));
  } else {
    session.complete(outcome.lease, outcome.index, std::move(outcome.follow_ups), now);
  }
  forget_settled(outcome.lease);
}

/// Once every message has an outcome nobody can lose it any more.
void Worker::Body::forget_settled(LeaseId lease) {
  const auto at = assignments_.find(lease);
  if (at == assignments_.end()) return;
  const AssignmentPtr assignment = at->second.lock();
  if (!assignment || assignment->settled.load() == assignment->count()) assignments_.erase(at);
}

void Worker::Body::advance_phase(Session& session, Now now) {
  const int stops = stops_.load();
  if (phase_ == Phase::kStarting && phase_until_ && *phase_until_ <= now.mono) {
    refuse(make_error(ErrorCode::kNotConnected, "not subscribed within WorkerOptions.connect_timeout: " + trouble_, ErrorOutcome::kFailed));
  }
  if (may_still_run() && (stops > 0 || failure_)) drain(session, now);
  if (phase_ == Phase::kDraining && (stops > 1 || failure_ || *phase_until_ <= now.mono)) {
    phase_ = Phase::kStopping;
    phase_until_ = now.mono + options_.shutdown_force;
  }
  if (phase_ == Phase::kDraining || phase_ == Phase::kStopping) give_back_queued(session, now);
  if (phase_ == Phase::kStopping) {
    for (const auto& pool : pools_) pool->interrupt_all();
  }
  const bool forced = phase_ == Phase::kStopping && *phase_until_ <= now.mono;
  if ((phase_ == Phase::kDraining || phase_ == Phase::kStopping) && (forced || idle(session))) leave(session, now);
}

void Worker::Body::drain(Session& session, Now now) {
  phase_ = Phase::kDraining;
  phase_until_ = now.mono + options_.shutdown_grace;
  for (const SubscriptionIndex subscription : subscriptions_) session.stop_credit(subscription);
}

void Worker::Body::give_back_queued(Session& session, Now now) {
  for (const auto& pool : pools_) {
    pool->take_back([&](const Assignment& assignment, std::uint32_t first, std::uint32_t count) {
      for (std::uint32_t i = first; i < first + count; ++i) {
        if (!assignment.is_lost(i)) session.fail(assignment.lease.lease, i, proto::FailOutcome::kRelease, {}, 0, {}, now);
      }
    });
  }
}

/// Everything delivered has an outcome, and every outcome is durable (or there is nobody to tell).
bool Worker::Body::idle(const Session& session) const {
  for (const SubscriptionIndex subscription : subscriptions_) {
    if (session.open_messages(subscription) > 0) return false;
  }
  return session.outcomes_unsettled() == 0 || failure_;
}

void Worker::Body::leave(Session& session, Now now) {
  phase_ = Phase::kLeaving;
  phase_until_ = now.mono + goodbye_timeout;
  session.goodbye();
}

std::optional<Time> Worker::Body::deadline() const {
  std::optional<Time> next = box_.deadline();
  const auto consider = [&](std::optional<Time> other) {
    if (other && (!next || *other < *next)) next = other;
  };
  consider(phase_until_);
  return next;
}

bool Worker::Body::finished(const Session&, Now now) {
  return phase_ == Phase::kLeft || (phase_ == Phase::kLeaving && *phase_until_ <= now.mono);
}

void Worker::Body::refuse(Error error) {
  if (!failure_) failure_ = std::move(error);
  connection_.wake();
}

void Worker::Body::deliver(const Delivery& delivery, Session& session, Now now) {
  counters_.delivered.fetch_add(delivery.count);
  for (const DeliveredLease& lease : delivery.leases) {
    if (!may_still_run()) {
      for (std::uint32_t i = 0; i < lease.count; ++i) session.fail(lease.lease, i, proto::FailOutcome::kRelease, {}, 0, {}, now);
      continue;
    }
    auto assignment = std::make_shared<Assignment>(lease, delivery);
    assignments_.emplace(lease.lease, assignment);
    pools_[delivery.subscription.value]->give(std::move(assignment));
  }
}

void Worker::Body::lease_lost(const LeaseLost& lost) {
  const auto at = assignments_.find(lost.lease);
  const AssignmentPtr assignment = at == assignments_.end() ? nullptr : at->second.lock();
  Bits bits;
  for (const proto::IndexRun& run : lost.runs) bits.set(run);
  counters_.leases_lost.fetch_add(bits.count());
  if (!assignment) return;
  assignment->mark_lost(bits);
  for (const auto& pool : pools_) pool->interrupt(*assignment, bits);
}

void Worker::Body::confirmed(SubscriptionIndex index, PartitionId partition, const Acknowledged::Run& run) {
  const Subscription& subscription = options_.subscriptions[index.value];
  for (std::uint32_t i = 0; i < run.count; ++i) {
    try {
      options_.on_confirmed({{partition.value, run.first.value + i}, subscription.topic, subscription.group});
    } catch (...) {  // what is durable stays so, and the other messages have a right to their call
      counters_.callback_exceptions.fetch_add(1);
    }
  }
}

void Worker::Body::handle(Event event, Session& session, Now now) {
  if (const auto* delivery = std::get_if<Delivery>(&event)) {
    deliver(*delivery, session, now);
  } else if (const auto* acknowledged = std::get_if<Acknowledged>(&event)) {
    counters_.done.fetch_add(acknowledged->count);
    if (options_.on_confirmed) {
      for (const Acknowledged::Run& run : acknowledged->runs) confirmed(acknowledged->subscription, acknowledged->partition, run);
    }
  } else if (const auto* complete = std::get_if<CompleteSettled>(&event)) {
    counters_.done.fetch_add(1);
    if (options_.on_confirmed) confirmed(complete->subscription, complete->partition, {complete->done, 1});
    counters_.follow_ups.fetch_add(complete->count);
  } else if (const auto* fail = std::get_if<FailSettled>(&event)) {
    auto& counter = fail->dead ? counters_.dead : fail->outcome == proto::FailOutcome::kRelease ? counters_.released : counters_.retried;
    counter.fetch_add(1);
  } else if (const auto* stale = std::get_if<StaleOutcome>(&event)) {
    counters_.stale.fetch_add(stale->count);
  } else if (const auto* unconfirmed = std::get_if<OutcomeUnconfirmed>(&event)) {
    counters_.unconfirmed.fetch_add(unconfirmed->count);
  } else if (const auto* lost = std::get_if<LeaseLost>(&event)) {
    lease_lost(*lost);
  } else if (auto* outcome = std::get_if<OutcomeRefused>(&event)) {
    counters_.refused.fetch_add(outcome->count);
    if (!refusal_) refusal_ = std::move(outcome->error);
  } else if (const auto* greeting = std::get_if<Greeted>(&event)) {
    greeted(greeting->broker);
  } else if (const auto* gone = std::get_if<Disconnected>(&event)) {
    trouble_ = gone->why;
  } else if (const auto* subscribed = std::get_if<Subscribed>(&event)) {
    subscribed_.insert(subscribed->subscription);
    if (phase_ == Phase::kStarting && subscribed_.size() == subscriptions_.size()) {
      phase_ = Phase::kWorking;
      phase_until_.reset();
    }
  } else if (auto* refused = std::get_if<SubscriptionRefused>(&event)) {
    const Subscription& subscription = options_.subscriptions[refused->subscription.value];
    refused->error.message =
        "subscription of topic '" + subscription.topic + "', group '" + subscription.group + "': " + refused->error.message;
    refuse(std::move(refused->error));
  } else if (std::holds_alternative<SaidGoodbye>(event)) {
    phase_ = Phase::kLeft;
  }
}

void Worker::Body::greeted(const proto::HelloReply& broker) {
  counters_.connections.fetch_add(1);
  if (broker.message_bytes_max > 0) follow_up_bounds_.message_bytes_max = broker.message_bytes_max;
  if (broker.batch_bytes_max > 0) follow_up_bounds_.batch_bytes_max = broker.batch_bytes_max;
  if (broker.batch_messages_max > 0) follow_up_bounds_.messages_max = broker.batch_messages_max;
}

WorkerMetrics Worker::Body::metrics() const {
  WorkerMetrics metrics;
  metrics.delivered = counters_.delivered;
  metrics.done = counters_.done;
  metrics.retried = counters_.retried;
  metrics.released = counters_.released;
  metrics.dead = counters_.dead;
  metrics.decode_errors = executor_.counters().decode_errors;
  metrics.unknown_kinds = executor_.counters().unknown_kinds;
  metrics.exceptions = executor_.counters().exceptions + counters_.callback_exceptions;
  metrics.stale = counters_.stale;
  metrics.unconfirmed = counters_.unconfirmed;
  metrics.refused = counters_.refused;
  metrics.leases_lost = counters_.leases_lost;
  metrics.follow_ups = counters_.follow_ups;
  metrics.connections = counters_.connections;
  for (const auto& pool : pools_) {
    metrics.running += pool->running();
    metrics.queued += pool->queued();
  }
  return metrics;
}

namespace {

/// The worker that SIGTERM and SIGINT stop, while one runs that asked for it.
std::atomic<Worker*> signalled_worker{nullptr};

/// Stops `worker` on SIGTERM and SIGINT as long as it lives.
class SignalStop {
 public:
  explicit SignalStop(Worker& worker) {
    Worker* none = nullptr;
    taken_ = signalled_worker.compare_exchange_strong(none, &worker);
    if (!taken_) return;
    struct sigaction action{};
    action.sa_flags = SA_RESTART;  // handlers' own reads and waits are none of the signal's business
    action.sa_handler = [](int) {
      if (Worker* running = signalled_worker.load()) running->stop();
    };
    sigaction(SIGTERM, &action, &old_term_);
    sigaction(SIGINT, &action, &old_int_);
  }
  ~SignalStop() {
    if (!taken_) return;
    sigaction(SIGTERM, &old_term_, nullptr);
    sigaction(SIGINT, &old_int_, nullptr);
    signalled_worker.store(nullptr);
  }
  SignalStop(const SignalStop&) = delete;
  SignalStop& operator=(const SignalStop&) = delete;
  bool taken() const { return taken_; }

 private:
  bool taken_ = false;
  struct sigaction old_term_{};
  struct sigaction old_int_{};
};

}  // namespace

Result<WorkerStats> Worker::Body::run() {
  if (handlers_.empty()) {
    return tl::make_unexpected(make_error(ErrorCode::kNoHandler,
                                          "Worker.run: no handler was registered; call handle, handle_any or handle_batch first",
                                          ErrorOutcome::kRefused));
  }
  if (ran_.exchange(true)) return tl::make_unexpected(bad_option("Worker.run", "a worker runs once; make another one"));
  const Time began = read_clock().mono;
  const auto unit = handlers_.batch ? HandlerPool::Unit::kRange : HandlerPool::Unit::kMessage;
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    const Subscription& subscription = options_.subscriptions[i];
    pools_[i]->start(unit, [this, &subscription](const AssignmentPtr& assignment, const HandlerPool::Claim& claim) {
      if (handlers_.batch) {
        executor_.run_batch(assignment, claim);
      } else {
        executor_.run_one(subscription, assignment, claim);
      }
    });
  }
  connection_.start();
  connection_.join();
  if (failure_) return tl::make_unexpected(*failure_);
  WorkerStats stats;
  for (const auto& pool : pools_) {
    pool->close();
    stats.abandoned += pool->running();
  }
  stats.metrics = metrics();
  stats.refusal = refusal_;
  stats.ran = std::chrono::duration_cast<std::chrono::milliseconds>(read_clock().mono - began);
  return stats;
}

Worker::Worker(std::unique_ptr<Body> body) : body_(std::move(body)) {}
Worker::~Worker() = default;
Worker::Worker(Worker&&) noexcept = default;
Worker& Worker::operator=(Worker&&) noexcept = default;

Result<Worker> Worker::open(WorkerOptions options) {
  if (auto error = check_options(options)) return tl::make_unexpected(std::move(*error));
  for (auto* span : {&options.shutdown_grace, &options.shutdown_force, &options.connect_timeout}) *span = bounded(*span);
  if (options.backoff) options.backoff = {bounded(options.backoff->first), bounded(options.backoff->longest)};
  auto address = parse_address(options.server);
  if (!address) return tl::make_unexpected(std::move(address.error()));
  return Worker(std::make_unique<Body>(std::move(options), *address));
}

Worker& Worker::handle_kind(std::string kind, Handler fn) {
  body_->handlers().by_kind[std::move(kind)] = std::move(fn);
  return *this;
}

Worker& Worker::handle_any(Handler fn) {
  body_->handlers().any = std::move(fn);
  return *this;
}

Worker& Worker::handle_batch_with(BatchHandler fn) {
  body_->handlers().batch = std::move(fn);
  return *this;
}

Result<WorkerStats> Worker::run() {
  if (!body_->wants_signals()) return body_->run();
  const SignalStop signals(*this);
  if (!signals.taken()) {
    return tl::make_unexpected(bad_option("WorkerOptions.handle_signals", "another worker of this process handles signals already"));
  }
  return body_->run();
}

void Worker::stop() { body_->stop(); }
WorkerMetrics Worker::metrics() const { return body_->metrics(); }

}  // namespace takt
