#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/admin.h"
#include "tests/sim/broker_host.h"
#include "tests/sim/operator.h"
#include "tests/sim/producer.h"
#include "tests/sim/worker.h"

namespace takt::sim {

struct Outcome {
  std::optional<std::string> violation;
  std::uint64_t hash = 0;
  std::uint64_t steps = 0;
  double seconds = 0;              ///< simulated
  Counts counts;
};

/// A broker, its producers and workers, and whatever befalls them, from one seed in one thread.
class Simulation {
 public:
  Simulation(const Options& options, World::Trace trace);
  /// Faults for options.steps events, then none, until everything that is owed is done; then the last checks.
  Outcome run();

 private:
  void start();
  void plan_faults();
  void every(Duration Options::* mean, void (Simulation::*act)());
  void crash_broker() { broker_.crash(); }
  void drain_broker() { broker_.drain(); }
  void stall_broker() { broker_.stall(world_.random().duration(std::chrono::milliseconds(10), std::chrono::seconds(5))); }
  void step_clock();
  void cut();
  void delay();
  void kill_worker();
  void freeze_worker();
  void retire_worker();
  void kill_producer();
  void freeze_producer();
  void take_over();
  void look() { operator_->look(); }
  void change_settings() { operator_->change_settings(); }
  void change_schedules() { operator_->recur(); }
  void remove_something() { operator_->remove(); }
  void add_late_group();
  void replace_gone();
  void add_worker(const GroupName& group);
  void add_producer();
  void audit();
  void heal();
  bool is_settled() const;
  std::string state_of_broker() const;
  bool run_until(std::uint64_t steps);

  Options options_;
  World world_;
  Checker checker_;
  Network network_;
  BrokerHost broker_;
  Timeline fate_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Operator> operator_;
  std::uint32_t late_groups_ = 0;
  std::uint64_t names_ = 0;
};

}  // namespace takt::sim
