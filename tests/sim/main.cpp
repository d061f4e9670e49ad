// takt_sim: runs simulation seeds, prints each, and says how to repeat one that fails.

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "tests/sim/simulation.h"
#include "tests/support/proof.h"

namespace {

using namespace takt::sim;

struct Settings {
  std::uint64_t first = 1, last = 1;
  std::uint64_t steps = 0;   ///< 0: as the seed draws it
  Lie lie = Lie::kNone;
  unsigned jobs = 1;
  bool is_traced = false;
  bool is_brief = false;
  bool wants_all = false;
};

thread_local char replay[256];   // of the seed that this thread is at; for the signal handler

// A bug that our own invariants catch ends the process; the seed must be seen all the same. The handler runs in the
// thread that called abort().
void on_abort(int) {
  constexpr char text[] = "FAILED: an invariant of ours does not hold; repeat with: ";
  [[maybe_unused]] auto written = ::write(STDERR_FILENO, text, sizeof text - 1);
  written = ::write(STDERR_FILENO, replay, std::strlen(replay));
  std::signal(SIGABRT, SIG_DFL);
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_range(const std::string& text) {
  const auto dots = text.find("..");
  if (dots == std::string::npos) return std::nullopt;
  const std::uint64_t from = std::strtoull(text.c_str(), nullptr, 10);
  const std::uint64_t to = std::strtoull(text.c_str() + dots + 2, nullptr, 10);
  if (from > to) return std::nullopt;
  return std::pair(from, to);
}

struct Run {
  Options options;
  Outcome outcome;
  std::string replay;
};

Run run_seed(const Settings& settings, std::uint64_t seed) {
  Run run;
  run.options = draw_options(seed, settings.lie);
  if (settings.steps != 0) run.options.steps = settings.steps;
  std::snprintf(replay, sizeof replay, "takt_sim --seed %" PRIu64 " --steps %" PRIu64 " --lie %s\n", seed, run.options.steps,
                std::string(name_of(settings.lie)).c_str());
  run.replay = replay;
  run.outcome = Simulation(run.options, settings.is_traced ? World::Trace::kPrint : World::Trace::kHash).run();
  return run;
}

/// Runs seeds on several threads and gives their runs in order. Seeds are begun in order too, so that the first one that
/// fails is the same however many threads there are.
class Runs {
 public:
  explicit Runs(const Settings& settings) : settings_(settings), next_(settings.first) {
    for (unsigned i = 0; i < settings.jobs; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Runs() { is_over_ = true; }

  Run take(std::uint64_t seed) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return done_.contains(seed); });
    return std::move(done_.extract(seed).mapped());
  }

 private:
  void work() {
    for (std::uint64_t seed = next_++; seed <= settings_.last && !is_over_; seed = next_++) {
      Run run = run_seed(settings_, seed);
      const std::lock_guard lock(mutex_);
      if (run.outcome.violation) is_over_ = true;
      done_.emplace(seed, std::move(run));
      arrived_.notify_one();
    }
  }

  const Settings settings_;
  std::atomic<std::uint64_t> next_;
  std::atomic<bool> is_over_ = false;
  std::mutex mutex_;                     // guards what follows
  std::condition_variable arrived_;
  std::map<std::uint64_t, Run> done_;
  std::vector<std::jthread> threads_;    // last: they end before what they use
};

void print(const Counts& counts) {
  std::string line = " ";
  for (const auto& [name, member] : count_names()) {
    const std::string word = " " + std::string(name) + " " + std::to_string(counts.*member);
    if (line.size() + word.size() > 120) {
      std::printf("%s\n", line.c_str());
      line = " ";
    }
    line += word;
  }
  std::printf("%s\n", line.c_str());
}

void print(const Settings& settings, const Run& run) {
  const Outcome& outcome = run.outcome;
  std::printf("seed %" PRIu64 " hash %016" PRIx64 " steps %" PRIu64, run.options.seed, outcome.hash, outcome.steps);
  if (settings.is_brief) {
    std::printf(" messages %" PRIu64 " crashes %" PRIu64 "\n", outcome.counts.messages, outcome.counts.crashes);
  } else {
    std::printf(" seconds %.1f\n  options %s\n", outcome.seconds, run.options.describe().c_str());
    print(outcome.counts);
  }
  std::fflush(stdout);
}

/// 0 when all is well.
int run_all(const Settings& settings) {
  Runs runs(settings);
  Counts sum;
  std::uint64_t steps = 0;
  for (std::uint64_t seed = settings.first; seed <= settings.last; ++seed) {
    const Run run = runs.take(seed);
    print(settings, run);
    sum += run.outcome.counts;
    steps += run.outcome.steps;
    if (run.outcome.violation) {
      std::printf("FAILED: %s\nrepeat with: %s", run.outcome.violation->c_str(), run.replay.c_str());
      return 1;
    }
  }
  if (settings.first != settings.last) {
    std::printf("%" PRIu64 " seeds\n", settings.last - settings.first + 1);
    print(sum);
  }
  takt::testing::print_figures(
      {{"seeds", settings.last - settings.first + 1}, {"steps", steps}, {"messages", sum.messages}, {"crashes", sum.crashes}});
  int code = 0;
  for (const auto& [name, member] : count_names()) {
    if (!settings.wants_all || sum.*member > 0) continue;
    std::printf("FAILED: \"%s\" never happened: what it should meet was not tried\n", std::string(name).c_str());
    code = 1;
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"takt_sim: the broker's core and shard, the desk and the SDK's sessions on a simulated network, clock and disk"};
  Settings settings;
  settings.jobs = std::max(1u, std::thread::hardware_concurrency());
  std::string seeds;
  std::string lie_name = "none";
  app.add_option("--seed", settings.first, "the run to repeat");
  app.add_option("--seeds", seeds, "FROM..TO: all of these, until one fails");
  app.add_option("--steps", settings.steps, "events before the faults end");
  app.add_option("--lie", lie_name, "the fault to plant in the simulation's own ports");
  app.add_option("--jobs", settings.jobs, "seeds that run at once; all cores when not said")->check(CLI::PositiveNumber);
  app.add_flag("--trace", settings.is_traced, "print every event, one seed at a time");
  app.add_flag("--brief", settings.is_brief, "one line per seed");
  app.add_flag("--all-troubles", settings.wants_all, "fail when something that is counted never happened in all of the seeds");
  CLI11_PARSE(app, argc, argv);
  settings.last = settings.first;
  if (!seeds.empty()) {
    const auto parsed = parse_range(seeds);
    if (!parsed) {
      std::fprintf(stderr, "takt_sim: --seeds \"%s\" is no range: write it as 1..200\n", seeds.c_str());
      return 2;
    }
    std::tie(settings.first, settings.last) = *parsed;
  }
  const auto lie = lie_of(lie_name);
  if (!lie) {
    std::fprintf(stderr, "takt_sim: no lie is called \"%s\"\n", lie_name.c_str());
    return 2;
  }
  settings.lie = *lie;
  settings.jobs =
      settings.is_traced ? 1u : static_cast<unsigned>(std::min<std::uint64_t>(settings.jobs, settings.last - settings.first + 1));
  std::signal(SIGABRT, on_abort);
  return run_all(settings);
}
