#include "tests/e2e/cast.h"
#include "tests/e2e/kill_loop.h"

namespace takt::e2e {

using namespace std::chrono_literals;

KillReport run_producer_kills(const ClientKillPlan& plan) {
  Stage stage({"store.checkpoint_interval=500ms"});
  Cast cast(stage, plan.seed);
  std::vector<Actor*> producers{
      &cast.add_producer({"batches", "jobs", {"--batch", "100", "--pause-ms", "5"}}),
      &cast.add_producer({"big-batches", "jobs", {"--batch", "2000", "--pause-ms", "50"}}),
      &cast.add_producer({"singles", "jobs", {"--pause-ms", "1"}}),
      &cast.add_producer({"orders", "orders", {"--batch", "10", "--pause-ms", "10"}}),
  };
  cast.add_worker({"pusher", "jobs", {"--concurrency", "4", "--prefetch", "1000"}});
  cast.add_worker({"puller", "jobs", {"--concurrency", "2", "--pull"}});
  cast.add_worker({"clerk", "orders", {"--concurrency", "2", "--follow-topic", "invoices"}});
  cast.add_worker({"postman", "invoices", {"--concurrency", "2"}});

  KillReport report;
  while (report.kills < plan.kills) {
    Actor& victim = *producers[cast.random()() % producers.size()];
    if (!cast.wait_for_progress({producers.begin(), producers.end()})) cast.add_trouble("not every producer goes on");
    if (!cast.wait_until_busy(victim)) cast.add_trouble(victim.name() + " sent nothing");
    cast.pause(20ms);
    cast.kill(victim);
    ++report.kills;
  }
  report.drained = cast.finish();
  report.trouble = cast.trouble();
  report.verdict = takt::testing::judge_folder(stage.folder(), {.groups = {"g"}});
  return report;
}

}  // namespace takt::e2e
