#include "tests/sim/worker.h"

#include "tests/sim/log_view.h"
#include "tests/sim/producer.h"

namespace takt::sim {

Worker::Worker(World& world, const Options& options, Checker& checker, Network& network, GroupName group, std::string name)
    : Client(world, options, checker, network, proto::ClientKind::kWorker, std::move(name)),
      group_(std::move(group)),
      concurrency_(static_cast<std::uint32_t>(world.random().between(1, options.concurrency_max))) {
  Random& random = world_.random();
  sdk::SubscriptionSpec spec;
  spec.topic = group_.topic;
  spec.group = group_.group;
  spec.credit = random.permille(options_.pull_permille) ? proto::CreditKind::kOnce : proto::CreditKind::kStanding;
  spec.messages = static_cast<std::uint32_t>(random.between(1, options_.credit_max));
  spec.bytes = random.permille(200) ? 1000 : 8u << 20;
  spec.from = random.permille(options_.from_now_permille) ? proto::StartFrom::kNow : proto::StartFrom::kEarliest;
  spec.wait = random.duration(std::chrono::milliseconds(0), std::chrono::seconds(5));
  subscription_ = session_.subscribe(std::move(spec), world_.now());
  connect();
}

void Worker::leave() {
  world_.trace("leave");
  is_leaving_ = true;
  if (world_.random().permille(500))
    session_.unsubscribe(subscription_);
  else
    session_.stop_credit(subscription_);
  session_.goodbye();
  pump();
}

std::string Worker::describe() const {
  return std::to_string(jobs_.size()) + " jobs, " + std::to_string(running_) + " running, " +
         std::to_string(session_.outcomes_unsettled()) + " unsettled";
}

void Worker::handle(sdk::Event&& event) {
  if (const auto* delivery = std::get_if<sdk::Delivery>(&event)) {
    if (!is_gone_) on_delivery(*delivery);
  } else if (const auto* lost = std::get_if<sdk::LeaseLost>(&event)) {
    for (const proto::IndexRun& run : lost->runs)
      for (std::uint32_t i = run.first; i < run.first + run.count; ++i)
        if (const auto job = jobs_.find({lost->lease, i}); job != jobs_.end()) {
          if (job->second.is_running) --running_;
          jobs_.erase(job);
        }
    run_some();
  } else if (const auto* stale = std::get_if<sdk::StaleOutcome>(&event)) {
    world_.trace("stale", stale->lease.value, stale->count);
  } else if (const auto* settled = std::get_if<sdk::CompleteSettled>(&event)) {
    const auto job = completing_.find({settled->lease, settled->index});
    if (job != completing_.end()) checker_.completed(job->second, group_);
  } else if (std::holds_alternative<sdk::FailSettled>(event)) {
    ++checker_.counts.failed;
  } else if (const auto* refused = std::get_if<sdk::SubscriptionRefused>(&event)) {
    checker_.fail("a subscription is refused: " + refused->error.message);
  } else if (std::holds_alternative<sdk::SaidGoodbye>(event) || (is_leaving_ && std::holds_alternative<sdk::Disconnected>(event))) {
    jobs_.clear();
    queue_.clear();
    running_ = 0;
    is_gone_ = true;
    disconnect();
  }
}

void Worker::on_delivery(const sdk::Delivery& delivery) {
  const proto::SectionView messages(delivery.metadata.bytes, delivery.payload.bytes, delivery.count);
  for (const sdk::DeliveredLease& lease : delivery.leases) {
    for (std::uint32_t i = 0; i < lease.count; ++i) {
      const auto value = value_of(messages.payload(lease.first + i));
      if (!value) return checker_.fail("a worker gets a message that nobody sent");
      const JobId id{lease.lease, i};
      jobs_[id] = {*value, false};
      queue_.push_back(id);
    }
  }
  run_some();
}

void Worker::run_some() {
  Random& random = world_.random();
  while (running_ < concurrency_ && !queue_.empty()) {
    const JobId id = queue_.front();
    queue_.pop_front();
    const auto job = jobs_.find(id);
    if (job == jobs_.end()) continue;
    job->second.is_running = true;
    ++running_;
    checker_.executing(job->second.value, group_);
    const bool is_long = random.permille(options_.long_jobs_permille);
    timeline_.after(random.around(is_long ? options_.long_job_time : options_.handle_time), [this, id] { finish(id); });
  }
}

void Worker::finish(JobId id) {
  const auto at = jobs_.find(id);
  if (at == jobs_.end()) return;   // lost meanwhile
  const Value value = at->second.value;
  jobs_.erase(at);
  --running_;
  Random& random = world_.random();
  const auto [lease, index] = id;
  const Now now = world_.now();
  const std::uint64_t dice = random.below(1000);
  std::uint64_t bound = options_.retry_permille;
  const auto some_delay = [&]() -> std::optional<Duration> {
    if (random.permille(300)) return std::nullopt;
    return random.permille(500) ? Duration::zero() : random.duration(Duration::zero(), std::chrono::seconds(3));
  };
  if (dice < bound) {
    session_.fail(lease, index, proto::FailOutcome::kRetry, some_delay(), retry_code, "did not work", now);
  } else if (dice < (bound += options_.release_permille)) {
    session_.fail(lease, index, proto::FailOutcome::kRelease, some_delay(), release_code, "", now);
  } else if (dice < (bound += options_.dead_permille)) {
    session_.fail(lease, index, proto::FailOutcome::kDead, Duration::zero(), 8, "will never work", now);
  } else if (dice < (bound += options_.complete_permille) && group_.topic != follow_up_topic) {
    complete(id, value);
  } else {
    checker_.handled(value, group_);
    session_.ack(lease, sdk::Bits::one(index), now);
  }
  run_some();
  pump();
}

void Worker::complete(JobId id, Value value) {
  checker_.handled(value, group_);
  completing_[id] = value;
  const std::vector<Value> values = checker_.follow_ups(value, group_);
  std::vector<sdk::FollowUpBatch> batches;
  for (const Value next : values) {
    const proto::RunClass run_class = any_class(world_, options_);
    proto::Sections sections = sections_of(world_, options_, std::span(&next, 1), run_class);
    batches.push_back({{follow_up_topic, Lane(static_cast<std::uint8_t>(next % options_.lanes)), run_class},
                       1,
                       std::move(sections.metadata),
                       std::move(sections.payload)});
  }
  session_.complete(id.first, id.second, std::move(batches), world_.now());
}

}  // namespace takt::sim
