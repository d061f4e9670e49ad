#include "tests/sim/simulation.h"

#include <algorithm>

namespace takt::sim {
namespace {

constexpr Duration replace_every = std::chrono::seconds(1);
constexpr std::uint32_t late_groups_max = 4;
constexpr std::size_t producers_max = 12;
constexpr Duration patience = std::chrono::seconds(600);   // to drain, after the faults are over

}  // namespace

Simulation::Simulation(const Options& options, World::Trace trace)
    : options_(options),
      world_(options.seed, trace),
      checker_(world_, options_),
      network_(world_, options_),
      broker_(world_, options_, checker_, network_),
      fate_(world_) {}

void Simulation::start() {
  broker_.start();
  std::vector<GroupName> groups;
  for (std::uint32_t topic = 0; topic < options_.topics; ++topic)
    for (std::uint32_t group = 0; group < options_.groups_per_topic; ++group)
      groups.push_back({"t" + std::to_string(topic), "g" + std::to_string(group)});
  if (options_.complete_permille > 0) groups.push_back({follow_up_topic, "g0"});
  admin_ = std::make_unique<Admin>(world_, options_, checker_, network_, groups);
  operator_ = std::make_unique<Operator>(world_, options_, checker_, network_, groups);
  for (const GroupName& group : groups)
    for (std::uint32_t i = 0; i < options_.workers_per_group; ++i) add_worker(group);
  for (std::uint32_t i = 0; i < options_.producers; ++i) add_producer();
  plan_faults();
  fate_.after(replace_every, [this] { replace_gone(); });
}

void Simulation::add_worker(const GroupName& group) {
  workers_.push_back(std::make_unique<Worker>(world_, options_, checker_, network_, group, "worker-" + std::to_string(++names_)));
}

void Simulation::add_producer() {
  producers_.push_back(std::make_unique<Producer>(world_, options_, checker_, network_, "producer-" + std::to_string(++names_)));
}

void Simulation::every(Duration Options::* mean, void (Simulation::*act)()) {
  if (options_.*mean == Duration::zero()) return;
  fate_.after(world_.random().around(options_.*mean), [this, mean, act] {
    if (options_.*mean == Duration::zero()) return;
    (this->*act)();
    every(mean, act);
  });
}

void Simulation::plan_faults() {
  every(&Options::crash_every, &Simulation::crash_broker);
  every(&Options::drain_every, &Simulation::drain_broker);
  every(&Options::stall_every, &Simulation::stall_broker);
  every(&Options::cut_every, &Simulation::cut);
  every(&Options::worker_death_every, &Simulation::kill_worker);
  every(&Options::worker_freeze_every, &Simulation::freeze_worker);
  every(&Options::worker_leave_every, &Simulation::retire_worker);
  every(&Options::producer_death_every, &Simulation::kill_producer);
  every(&Options::producer_freeze_every, &Simulation::freeze_producer);
  every(&Options::takeover_every, &Simulation::take_over);
  every(&Options::delay_every, &Simulation::delay);
  every(&Options::clock_step_every, &Simulation::step_clock);
  every(&Options::look_every, &Simulation::look);
  every(&Options::settings_every, &Simulation::change_settings);
  every(&Options::schedules_every, &Simulation::change_schedules);
  every(&Options::delete_every, &Simulation::remove_something);
  every(&Options::late_group_every, &Simulation::add_late_group);
}

// Forward or back, mostly a little: a step of every size between a millisecond and the most.
void Simulation::step_clock() {
  Random& random = world_.random();
  Duration most = options_.clock_step_max;
  while (most > std::chrono::milliseconds(10) && random.permille(500)) most /= 10;
  const Duration step = random.duration(std::chrono::milliseconds(1), most);
  const bool is_forward = random.permille(500);
  ++(is_forward ? checker_.counts.clock_forward : checker_.counts.clock_backward);
  if (step > std::chrono::hours(24 * 30)) ++checker_.counts.clock_years;
  world_.step_clock(is_forward ? step : -step);
}

void Simulation::cut() {
  const auto connection = network_.any();
  if (!connection) return;
  ++checker_.counts.cuts;
  Random& random = world_.random();
  Network::Knowledge knowledge = random.permille(options_.late_permille) ? Network::Knowledge::kClientFirst : Network::Knowledge::kBoth;
  if (random.permille(options_.half_open_permille)) {
    ++checker_.counts.half_open;
    knowledge = Network::Knowledge::kClientOnly;
  }
  network_.cut(*connection, knowledge);
}

void Simulation::delay() {
  const auto connection = network_.any();
  if (!connection) return;
  ++checker_.counts.delays;
  Random& random = world_.random();
  network_.delay(*connection, random.permille(500) ? Network::Direction::kToServer : Network::Direction::kToClient,
                 random.duration(std::chrono::milliseconds(10), std::chrono::seconds(4)));
}

void Simulation::kill_worker() {
  auto& worker = workers_[world_.random().below(workers_.size())];
  const GroupName group = worker->group();
  ++checker_.counts.worker_deaths;
  world_.trace("kill_worker");
  worker = std::make_unique<Worker>(world_, options_, checker_, network_, group, "worker-" + std::to_string(++names_));
}

void Simulation::freeze_worker() {
  ++checker_.counts.freezes;
  workers_[world_.random().below(workers_.size())]->freeze(
      world_.random().duration(std::chrono::milliseconds(100), 3 * options_.session_timeout));
}

void Simulation::retire_worker() {
  Worker& worker = *workers_[world_.random().below(workers_.size())];
  if (worker.timeline().is_paused()) return;
  ++checker_.counts.leaves;
  worker.leave();
}

void Simulation::replace_gone() {
  for (auto& worker : workers_) {
    if (!worker->is_gone()) continue;
    const GroupName group = worker->group();
    worker = std::make_unique<Worker>(world_, options_, checker_, network_, group, "worker-" + std::to_string(++names_));
  }
  std::erase_if(producers_, [](const auto& producer) { return producer->is_fenced() && producer->is_idle(); });
  while (producers_.size() < options_.producers) add_producer();
  fate_.after(replace_every, [this] { replace_gone(); });
}

void Simulation::kill_producer() {
  ++checker_.counts.producer_deaths;
  world_.trace("kill_producer");
  producers_[world_.random().below(producers_.size())] =
      std::make_unique<Producer>(world_, options_, checker_, network_, "producer-" + std::to_string(++names_));
}

void Simulation::freeze_producer() {
  ++checker_.counts.producer_freezes;
  producers_[world_.random().below(producers_.size())]->freeze(
      world_.random().duration(std::chrono::milliseconds(100), 3 * options_.session_timeout));
}

// As a supervisor that took a slow process for dead: both send, until the old one hears that it is fenced.
void Simulation::take_over() {
  if (producers_.size() >= producers_max) return;
  Producer& old = *producers_[world_.random().below(producers_.size())];
  if (old.has_successor()) return;
  ++checker_.counts.takeovers;
  world_.trace("take_over");
  producers_.push_back(
      std::make_unique<Producer>(world_, options_, checker_, network_, "producer-" + std::to_string(++names_), old.successor()));
}

// It begins at the earliest message or now, as its first worker asks.
void Simulation::add_late_group() {
  if (late_groups_ == late_groups_max) return;
  add_worker({"t" + std::to_string(world_.random().below(options_.topics)), "late" + std::to_string(++late_groups_)});
}

void Simulation::heal() {
  world_.trace("heal");
  options_.heal();
  options_.producers = 0;   // who goes is not replaced
  for (auto& producer : producers_) producer->stop();
  world_.mend_clock();   // a message may have been scheduled by the time it showed
}

std::string Simulation::state_of_broker() const {
  if (!broker_.is_up()) return ", the broker is down";
  const auto stats = broker_.stats();
  if (!stats) return ", the partition is not serving";
  std::string text;
  for (const core::TopicStats& topic : stats->topics)
    for (const core::GroupStats& group : topic.groups)
      text += ", " + topic.topic + "/" + group.group + " ready " + std::to_string(group.ready) + " leased " + std::to_string(group.leased) +
              " retrying " + std::to_string(group.retrying) + " held " + std::to_string(group.held) + " workers " +
              std::to_string(group.workers);
  for (const auto& worker : workers_)
    if (!worker->is_idle()) text += ", " + worker->group().topic + "/" + worker->group().group + " has a worker with " + worker->describe();
  for (const auto& producer : producers_)
    if (!producer->is_idle()) text += ", a producer waits";
  return text;
}

bool Simulation::is_settled() const {
  return broker_.is_up() && checker_.is_drained() && std::ranges::all_of(producers_, [](const auto& p) { return p->is_idle(); }) &&
         std::ranges::all_of(workers_, [](const auto& w) { return w->is_idle(); });
}

bool Simulation::run_until(std::uint64_t steps) {
  while (world_.steps() < steps && !checker_.violation())
    if (!world_.step()) break;
  return !checker_.violation();
}

Outcome Simulation::run() {
  start();
  if (run_until(options_.steps)) {
    heal();
    const Time limit = world_.mono() + patience;
    while (run_until(world_.steps() + 200) && !is_settled()) {
      if (world_.mono() < limit) continue;
      checker_.fail("the queues do not drain: owed" + checker_.leftovers() + state_of_broker());
    }
  }
  // Once more from disk: what was settled stays settled, when nobody redrives any of it at the last moment.
  if (!checker_.violation()) {
    options_.look_every = Duration::zero();
    broker_.crash();
    const Time until = world_.mono() + std::chrono::seconds(30);
    while (world_.mono() < until && run_until(world_.steps() + 1)) {}
    if (!checker_.violation()) checker_.finish();
  }
  checker_.counts.late_frames = network_.late_frames();
  return {checker_.violation(), world_.hash(), world_.steps(),
          std::chrono::duration<double>(world_.mono().time_since_epoch()).count() - 3600, checker_.counts};
}

}  // namespace takt::sim
