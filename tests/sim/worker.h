#pragma once

#include <deque>
#include <map>

#include "tests/sim/client.h"

namespace takt::sim {

/// Takes part in one group: handles what comes, with every outcome that there is.
class Worker final : public Client {
 public:
  Worker(World& world, const Options& options, Checker& checker, Network& network, GroupName group, std::string name);

  const GroupName& group() const { return group_; }
  /// Gives everything back and says goodbye; is_gone() afterwards.
  void leave();
  bool is_gone() const { return is_gone_; }
  std::string describe() const;
  bool is_idle() const { return jobs_.empty() && session_.outcomes_unsettled() == 0; }

 private:
  using JobId = std::pair<sdk::LeaseId, std::uint32_t>;
  struct Job {
    Value value = 0;
    bool is_running = false;
  };

  void handle(sdk::Event&& event) override;
  void on_delivery(const sdk::Delivery& delivery);
  void run_some();
  void finish(JobId id);
  void complete(JobId id, Value value);

  const GroupName group_;
  const std::uint32_t concurrency_;
  sdk::SubscriptionIndex subscription_;
  std::map<JobId, Job> jobs_;
  std::deque<JobId> queue_;
  std::map<JobId, Value> completing_;
  std::uint32_t running_ = 0;
  bool is_leaving_ = false;
  bool is_gone_ = false;
};

}  // namespace takt::sim
