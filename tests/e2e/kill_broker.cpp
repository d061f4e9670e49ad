#include <algorithm>
#include <map>

#include "tests/e2e/cast.h"
#include "tests/e2e/kill_loop.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;

class Loop {
 public:
  explicit Loop(const BrokerKillPlan& plan)
      : plan_(plan),
        stage_({"store.checkpoint_interval=500ms", "store.checkpoint_bytes=1MiB"}),
        cast_(stage_, plan.seed) {}

  BrokerKillReport run() {
    start_actors();
    while (report_.kills < plan_.kills) kill_under_load();
    report_.drained = cast_.finish();
    count_at_the_broker();
    judge_books();
    report_.trouble = cast_.trouble();
    return std::move(report_);
  }

 private:
  void start_actors() {
    const auto& batches = cast_.add_producer({"batches", "jobs", {"--batch", "100", "--pause-ms", "2"}});
    const auto& singles = cast_.add_producer({"singles", "jobs", {"--pause-ms", "1"}});
    cast_.add_producer({"long-jobs", "long", {"--all", ";work=2500", "--pause-ms", "200"}});
    cast_.add_producer({"orders", "orders", {"--batch", "5", "--pause-ms", "10"}});
    const auto& reminders = cast_.add_producer(
        {"reminders",
         "reminders",
         {"--per-second", std::to_string(plan_.due_per_second), "--batch", "1000", "--pause-ms", "20", "--later-ms", "1500"}});
    const auto& pusher = cast_.add_worker({"pusher", "jobs", {"--concurrency", "4", "--prefetch", "200"}});
    cast_.add_worker({"puller", "jobs", {"--concurrency", "2", "--pull"}});
    cast_.add_worker({"long-push", "long", {"--concurrency", "6", "--prefetch", "6"}});
    cast_.add_worker({"long-pull", "long", {"--concurrency", "6", "--pull"}});
    const auto& clerk = cast_.add_worker({"clerk", "orders", {"--concurrency", "2", "--follow-topic", "invoices"}});
    cast_.add_worker({"postman", "invoices", {"--concurrency", "2"}});
    cast_.add_worker({"caller", "reminders", {"--concurrency", "2", "--prefetch", "1000"}});
    watched_ = {&batches, &singles, &reminders, &pusher, &clerk};
  }

  /// Waits until sends were acknowledged and messages handled since the last start, lets it run on for an instant that
  /// the seed chooses, and kills, once or twice.
  void kill_under_load() {
    if (!cast_.wait_for_progress(watched_)) cast_.add_trouble("no progress after start " + std::to_string(stage_.broker().starts()));
    cast_.pause(500ms);
    kill();
    // Now and then the next one comes while clients are still on their way back.
    if (report_.kills < plan_.kills && cast_.random()() % 4 == 0) {
      cast_.pause(50ms);
      kill();
    }
  }

  void kill() {
    ++report_.kills;
    cast_.kill_broker([&] {
      const auto data = stage_.broker().data();
      const auto first = stage_.folder() / "as-the-first-kill-left-it";
      if (plan_.forgets && report_.kills == 1) std::filesystem::copy(data, first, std::filesystem::copy_options::recursive);
      if (plan_.forgets && report_.kills == plan_.kills) {
        std::filesystem::remove_all(data);
        std::filesystem::rename(first, data);
      }
    });
  }

  void count_at_the_broker() {
    if (const auto orders = stage_.group("orders", "g")) report_.orders_done = orders->done;
    if (const auto reminders = stage_.group("reminders", "g")) report_.reminders_done = reminders->done;
    const auto topics = stage_.admin().topics();
    if (!topics) return cast_.add_trouble(topics.error().text());
    for (const TopicInfo& topic : *topics) {
      if (topic.name == "invoices") report_.invoices_stored = topic.enqueued;
      if (topic.name == "reminders") report_.reminders_stored = topic.enqueued;
    }
  }

  void judge_books() {
    const auto entries = stage_.ledgers();
    report_.verdict = takt::testing::judge(entries, {.groups = {"g"}, .run_once_marker = ";work=", .delay_marker = ";later="});
    std::map<std::string, std::chrono::nanoseconds> begun;
    for (const LedgerEntry& entry : entries) {
      if (entry.payload.find(";work=") == std::string::npos) continue;
      if (entry.event == LedgerEvent::kBegun) begun.emplace(entry.payload, entry.at);
    }
    for (const LedgerEntry& entry : entries) {
      if (entry.event != LedgerEvent::kFinished || !begun.contains(entry.payload)) continue;
      report_.long_jobs_over_a_kill +=
          std::ranges::any_of(cast_.broker_kills(), [&](const auto at) { return begun[entry.payload] < at && at < entry.at; }) ? 1 : 0;
    }
    if (plan_.forgets) return;  // what they say at their end is not to be trusted then
    report_.resent_batches = cast_.sum_of_producers("resent");
    report_.duplicates = cast_.sum_of_producers("duplicates");
  }

  const BrokerKillPlan plan_;
  Stage stage_;
  Cast cast_;
  std::vector<const Actor*> watched_;
  BrokerKillReport report_;
};

}  // namespace

BrokerKillReport run_broker_kills(const BrokerKillPlan& plan) { return Loop(plan).run(); }

}  // namespace takt::e2e
