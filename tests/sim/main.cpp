// takt_sim: runs simulation seeds, prints each, and says how to repeat one that fails.

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/sim/simulation.h"
#include "tests/support/proof.h"

namespace {

using namespace takt::sim;

char replay[256];   // for the signal handler

// A bug that our own invariants catch ends the process; the seed must be seen all the same.
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

void print(const Options& options, const Outcome& outcome) {
  const Counts& c = outcome.counts;
  std::printf("seed %" PRIu64 " hash %016" PRIx64 " steps %" PRIu64 " seconds %.1f\n", options.seed, outcome.hash, outcome.steps,
              outcome.seconds);
  std::printf("  options %s\n", options.describe().c_str());
  std::printf("  batches %" PRIu64 " messages %" PRIu64 " stored %" PRIu64 " refused %" PRIu64 " unknown %" PRIu64 " delivered %" PRIu64
              " executed %" PRIu64 " acked %" PRIu64 " stale %" PRIu64 " completed %" PRIu64 " failed %" PRIu64 " dead %" PRIu64 "\n",
              c.batches, c.messages, c.stored, c.refused, c.unknown, c.delivered, c.executed, c.acked, c.stale, c.completed, c.failed,
              c.dead);
  std::printf("  crashes %" PRIu64 " reloads %" PRIu64 " drains %" PRIu64 " cuts %" PRIu64 " worker_deaths %" PRIu64 " freezes %" PRIu64
              " leaves %" PRIu64 " producer_deaths %" PRIu64 " held_back %" PRIu64 " resumed %" PRIu64 " commits %" PRIu64
              " checkpoints %" PRIu64 " frees %" PRIu64 " carried %" PRIu64 " loads %" PRIu64 "\n",
              c.crashes, c.reloads, c.drains, c.cuts, c.worker_deaths, c.freezes, c.leaves, c.producer_deaths, c.held_back, c.resumed,
              c.commits, c.checkpoints, c.frees, c.carried, c.loads);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"takt_sim: the broker's core and shard, the desk and the SDK's sessions on a simulated network, clock and disk"};
  std::uint64_t seed = 1;
  std::uint64_t steps = 0;
  std::string seeds;
  std::string lie_name = "none";
  bool is_traced = false;
  bool is_brief = false;
  app.add_option("--seed", seed, "the run to repeat");
  app.add_option("--seeds", seeds, "FROM..TO: all of these, until one fails");
  app.add_option("--steps", steps, "events before the faults end");
  app.add_option("--lie", lie_name, "the fault to plant in the simulation's own ports");
  app.add_flag("--trace", is_traced, "print every event");
  app.add_flag("--brief", is_brief, "one line per seed");
  CLI11_PARSE(app, argc, argv);
  std::pair<std::uint64_t, std::uint64_t> range{seed, seed};
  if (!seeds.empty()) {
    const auto parsed = parse_range(seeds);
    if (!parsed) {
      std::fprintf(stderr, "takt_sim: --seeds \"%s\" is no range: write it as 1..200\n", seeds.c_str());
      return 2;
    }
    range = *parsed;
  }
  const auto lie = lie_of(lie_name);
  if (!lie) {
    std::fprintf(stderr, "takt_sim: no lie is called \"%s\"\n", lie_name.c_str());
    return 2;
  }
  std::signal(SIGABRT, on_abort);
  Counts all;
  std::uint64_t steps_run = 0;
  for (std::uint64_t next = range.first; next <= range.second; ++next) {
    Options options = draw_options(next, *lie);
    if (steps != 0) options.steps = steps;
    std::snprintf(replay, sizeof replay, "takt_sim --seed %" PRIu64 " --steps %" PRIu64 " --lie %s\n", next, options.steps,
                  lie_name.c_str());
    Simulation simulation(options, is_traced ? World::Trace::kPrint : World::Trace::kHash);
    const Outcome outcome = simulation.run();
    if (is_brief) {
      std::printf("seed %" PRIu64 " hash %016" PRIx64 " steps %" PRIu64 " messages %" PRIu64 " crashes %" PRIu64 "\n", next, outcome.hash,
                  outcome.steps, outcome.counts.messages, outcome.counts.crashes);
    } else {
      print(options, outcome);
    }
    std::fflush(stdout);
    steps_run += outcome.steps;
    all.messages += outcome.counts.messages;
    all.crashes += outcome.counts.crashes;
    if (outcome.violation) {
      std::printf("FAILED: %s\nrepeat with: %s", outcome.violation->c_str(), replay);
      return 1;
    }
  }
  takt::testing::print_figures(
      {{"seeds", range.second - range.first + 1}, {"steps", steps_run}, {"messages", all.messages}, {"crashes", all.crashes}});
  return 0;
}
