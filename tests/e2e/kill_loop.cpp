#include "tests/e2e/kill_loop.h"

#include <poll.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/e2e/stage.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;

struct Actor {
  std::string name;
  Process process;
};

std::uintmax_t ledger_bytes(const Stage& stage, const std::string& name) {
  std::error_code none_yet;
  const auto size = std::filesystem::file_size(stage.folder() / (name + ".ledger"), none_yet);
  return none_yet ? 0 : size;
}

class Loop {
 public:
  explicit Loop(const KillPlan& plan)
      : plan_(plan),
        random_(plan.seed),
        stage_({"store.checkpoint_interval=500ms", "store.checkpoint_bytes=1MiB"}) {}

  KillReport run() {
    start_actors();
    while (report_.kills < plan_.kills) kill_under_load();
    stop(producers_);
    const auto drained = [&] {
      return stage_.is_drained("jobs", "g") && stage_.is_drained("long", "g") && stage_.is_drained("orders", "g") &&
             stage_.is_drained("invoices", "g");
    };
    report_.drained = wait_until(drained);
    count_at_the_broker();
    stop(workers_);
    judge_books();
    return std::move(report_);
  }

 private:
  void start_actors() {
    const auto producer = [&](const std::string& name, const std::string& topic, std::vector<std::string> arguments) {
      producers_.push_back({name, stage_.producer(name, topic, std::move(arguments))});
    };
    const auto worker = [&](const std::string& name, const std::string& topic, std::vector<std::string> arguments) {
      workers_.push_back({name, stage_.worker(name, topic, std::move(arguments))});
    };
    producer("batches", "jobs", {"--batch", "100", "--pause-ms", "2"});
    producer("singles", "jobs", {"--pause-ms", "1"});
    producer("long-jobs", "long", {"--all", ";work=2500", "--pause-ms", "200"});
    producer("orders", "orders", {"--batch", "5", "--pause-ms", "10"});
    worker("pusher", "jobs", {"--concurrency", "4", "--prefetch", "200"});
    worker("puller", "jobs", {"--concurrency", "2", "--pull"});
    worker("long-push", "long", {"--concurrency", "6", "--prefetch", "6"});
    worker("long-pull", "long", {"--concurrency", "6", "--pull"});
    worker("clerk", "orders", {"--concurrency", "2", "--follow-topic", "invoices"});
    worker("postman", "invoices", {"--concurrency", "2"});
  }

  /// Waits until sends were acknowledged and messages handled since the last start, lets it run on for an instant that
  /// the seed chooses, and kills, once or twice.
  void kill_under_load() {
    const std::vector<std::string> names{"batches", "singles", "pusher", "clerk"};
    std::map<std::string, std::uintmax_t> before;
    for (const auto& name : names) before[name] = ledger_bytes(stage_, name);
    const bool moved =
        wait_until([&] { return std::ranges::all_of(names, [&](const auto& name) { return ledger_bytes(stage_, name) > before[name]; }); });
    if (!moved) trouble("no progress after start " + std::to_string(stage_.broker().starts()));
    ::poll(nullptr, 0, std::uniform_int_distribution(0, 500)(random_));
    kill();
    // Now and then the next one comes while clients are still on their way back.
    if (report_.kills < plan_.kills && random_() % 4 == 0) {
      ::poll(nullptr, 0, std::uniform_int_distribution(0, 50)(random_));
      kill();
    }
  }

  void kill() {
    kills_.push_back(std::chrono::steady_clock::now().time_since_epoch());
    stage_.broker().kill();
    ++report_.kills;
    const auto data = stage_.broker().data();
    const auto first = stage_.folder() / "as-the-first-kill-left-it";
    if (plan_.forgets && report_.kills == 1) std::filesystem::copy(data, first, std::filesystem::copy_options::recursive);
    if (plan_.forgets && report_.kills == plan_.kills) {
      std::filesystem::remove_all(data);
      std::filesystem::rename(first, data);
    }
    stage_.broker().start();
  }

  void stop(std::vector<Actor>& actors) {
    for (Actor& actor : actors) {
      const auto end = actor.process.stop(60s);
      if (!end.is_success()) trouble(actor.name + " ended with " + end.text() + ": " + photo::log_tail(actor.process.log(), 3));
    }
  }

  void count_at_the_broker() {
    if (const auto orders = stage_.group("orders", "g")) report_.orders_done = orders->done;
    const auto topics = stage_.admin().topics();
    if (!topics) return trouble(topics.error().text());
    for (const TopicInfo& topic : *topics) {
      if (topic.name == "invoices") report_.invoices_stored = topic.enqueued;
    }
  }

  void judge_books() {
    const auto entries = stage_.ledgers();
    report_.verdict = takt::testing::judge(entries, {{"g"}, ";work="});
    std::map<std::string, std::chrono::nanoseconds> begun;
    for (const LedgerEntry& entry : entries) {
      if (entry.payload.find(";work=") == std::string::npos) continue;
      if (entry.event == LedgerEvent::kBegun) begun.emplace(entry.payload, entry.at);
    }
    for (const LedgerEntry& entry : entries) {
      if (entry.event != LedgerEvent::kFinished || !begun.contains(entry.payload)) continue;
      report_.long_jobs_over_a_kill +=
          std::ranges::any_of(kills_, [&](const auto at) { return begun[entry.payload] < at && at < entry.at; }) ? 1 : 0;
    }
    for (const Actor& producer : producers_) {
      if (plan_.forgets) break;  // what they say at their end is not to be trusted then
      report_.resent_batches += stage_.final_number(producer.name, "resent");
      report_.duplicates += stage_.final_number(producer.name, "duplicates");
    }
  }

  void trouble(const std::string& what) { report_.trouble += what + "\n"; }

  const KillPlan plan_;
  std::mt19937_64 random_;
  Stage stage_;
  std::vector<Actor> producers_;
  std::vector<Actor> workers_;
  std::vector<std::chrono::nanoseconds> kills_;
  KillReport report_;
};

}  // namespace

KillReport run_kill_loop(const KillPlan& plan) { return Loop(plan).run(); }

}  // namespace takt::e2e
