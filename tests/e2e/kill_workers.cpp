#include <algorithm>

#include "tests/e2e/cast.h"
#include "tests/e2e/kill_loop.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;

class Loop {
 public:
  explicit Loop(const ClientKillPlan& plan)
      : plan_(plan),
        stage_({"session.timeout=3s", "session.heartbeat=500ms", "store.checkpoint_interval=500ms"}),
        cast_(stage_, plan.seed) {}

  WorkerKillReport run() {
    start_actors();
    for (std::uint64_t round = 0; report_.kills < plan_.kills; ++round) {
      if (round % 4 == 1) {
        freeze_until_its_session_is_over();
      } else {
        kill_at_work();
      }
    }
    report_.drained = cast_.finish();
    report_.stale_outcomes = cast_.sum_of_workers("stale");
    report_.trouble = cast_.trouble();
    report_.verdict = takt::testing::judge_folder(stage_.folder(), {.groups = {"g"}, .session_timeout = 3s, .heartbeat = 500ms});
    return std::move(report_);
  }

 private:
  void start_actors() {
    cast_.add_producer({"batches", "jobs", {"--batch", "20", "--pause-ms", "20", "--work-every", "10", "--work", ";work=100"}});
    cast_.add_producer({"orders", "orders", {"--batch", "5", "--pause-ms", "20", "--work-every", "5", "--work", ";work=50"}});
    const auto worker = [&](const std::string& name, const std::string& topic, std::vector<std::string> arguments) {
      workers_.push_back(&cast_.add_worker({name, topic, std::move(arguments)}));
    };
    // Two of each: when one is frozen, another one takes over.
    for (const std::string number : {"1", "2"}) {
      worker("pusher-" + number, "jobs", {"--concurrency", "4", "--prefetch", "100"});
      worker("puller-" + number, "jobs", {"--concurrency", "4", "--pull"});
      worker("clerk-" + number, "orders", {"--concurrency", "2", "--follow-topic", "invoices"});
      worker("postman-" + number, "invoices", {"--concurrency", "2"});
    }
  }

  /// Not frozen, and with a handler at work.
  Actor& draw_victim() {
    std::vector<Actor*> candidates;
    std::ranges::copy_if(workers_, std::back_inserter(candidates), [](const Actor* worker) { return !worker->is_frozen(); });
    Actor& victim = *candidates[cast_.random()() % candidates.size()];
    if (!cast_.wait_until_busy(victim)) cast_.add_trouble(victim.name() + " found no work");
    cast_.pause(50ms);
    return victim;
  }

  void kill_at_work() {
    cast_.kill(draw_victim());
    ++report_.kills;
  }

  void freeze_until_its_session_is_over() {
    const double before = timed_out();
    Actor& victim = draw_victim();
    std::set<std::string> in_hand;
    for (;;) {
      cast_.freeze(victim);
      in_hand = cast_.in_hand(victim);
      if (!in_hand.empty()) break;
      cast_.thaw(victim);   // it had just come to an end
      if (!cast_.wait_until_busy(victim)) return cast_.add_trouble(victim.name() + " found no more work");
    }
    ++report_.freezes;
    // Now and then another one goes meanwhile.
    if (report_.kills < plan_.kills && cast_.random()() % 2 == 0) kill_at_work();
    if (!wait_until([&] { return timed_out() > before; })) cast_.add_trouble(victim.name() + " kept its session");
    if (!cast_.wait_until_others_began(in_hand, victim)) cast_.add_trouble("what " + victim.name() + " held was left undone");
    if (cast_.random()() % 2 == 0) {
      cast_.kill_broker([&] { cast_.thaw(victim); });   // it may be back before those that have its messages now
    } else {
      cast_.pause(300ms);
      cast_.thaw(victim);
    }
    if (!cast_.wait_for_progress({&victim})) cast_.add_trouble(victim.name() + " did not go on");
  }

  double timed_out() const { return stage_.metrics().sum("takt_sessions_timed_out_total"); }

  const ClientKillPlan plan_;
  Stage stage_;
  Cast cast_;
  std::vector<Actor*> workers_;
  WorkerKillReport report_;
};

}  // namespace

WorkerKillReport run_worker_kills(const ClientKillPlan& plan) { return Loop(plan).run(); }

}  // namespace takt::e2e
