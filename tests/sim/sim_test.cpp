// The simulation itself: a seed means one run, and its checker hears every lie.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "tests/sim/simulation.h"

namespace takt::sim {
namespace {

constexpr std::uint64_t seeds_per_lie = 100;

Outcome run(std::uint64_t seed, Lie lie, std::uint64_t steps) {
  Options options = draw_options(seed, lie);
  options.steps = steps;
  return Simulation(options, World::Trace::kHash).run();
}

/// The first seed that gives the lie away: by the checker, or by an invariant of ours, which ends the process. Therefore a
/// child process tries the seeds; it says through a pipe which one it is at.
std::uint64_t seed_that_tells(Lie lie) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(0);
    for (std::uint64_t seed = 1; seed <= seeds_per_lie; ++seed) {
      [[maybe_unused]] const auto written = write(ends[1], &seed, sizeof seed);
      if (run(seed, lie, 6000).violation) _exit(1);
    }
    _exit(0);
  }
  close(ends[1]);
  std::uint64_t last = 0;
  for (std::uint64_t seed = 0; read(ends[0], &seed, sizeof seed) == sizeof seed;) last = seed;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : last;
}

TEST(Simulation, SameSeedGivesTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 400; seed += 13) {
    const Outcome first = run(seed, Lie::kNone, 2000);
    const Outcome second = run(seed, Lie::kNone, 2000);
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(first.steps, second.steps) << "seed " << seed;
  }
}

TEST(Simulation, AnotherSeedGivesAnotherRun) { EXPECT_NE(run(3, Lie::kNone, 1000).hash, run(4, Lie::kNone, 1000).hash); }

// A fault that never meets anything proves nothing.
TEST(Simulation, FourHundredSeedsMeetEveryKindOfTrouble) {
  Counts sum;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const Outcome outcome = run(seed, Lie::kNone, 3000);
    EXPECT_EQ(outcome.violation, std::nullopt) << "seed " << seed;
    sum += outcome.counts;
  }
  for (const auto& [name, member] : count_names()) EXPECT_GT(sum.*member, 0u) << name;
}

// One crash per run, at each call of a port in turn: nothing else goes wrong, so that the place is all that differs.
TEST(Simulation, ACrashAtEveryBoundaryLosesNothing) {
  for (const std::uint64_t seed : {2u, 5u}) {
    std::uint64_t boundary = 0;
    for (bool is_met = true; is_met;) {
      Options options = draw_options(seed);
      options.heal();
      options.steps = 700;
      options.crash_at_boundary = ++boundary;
      const Outcome outcome = Simulation(options, World::Trace::kHash).run();
      ASSERT_EQ(outcome.violation, std::nullopt) << "seed " << seed << " boundary " << boundary;
      is_met = outcome.counts.boundary_crashes > 0 && boundary < 500;
    }
    EXPECT_GT(boundary, 50u) << "seed " << seed;
  }
}

class CheckerHears : public testing::TestWithParam<Lie> {};

TEST_P(CheckerHears, TheLie) {
  const std::uint64_t seed = seed_that_tells(GetParam());
  EXPECT_NE(seed, 0u) << name_of(GetParam()) << " stayed unheard in " << seeds_per_lie << " seeds";
  RecordProperty("seed", static_cast<int>(seed));
  std::printf("%s: heard at seed %d\n", std::string(name_of(GetParam())).c_str(), static_cast<int>(seed));
}

std::vector<Lie> lies() {
  std::vector<Lie> all;
  for (auto lie = static_cast<int>(Lie::kNone) + 1; lie <= static_cast<int>(last_lie); ++lie) all.push_back(static_cast<Lie>(lie));
  return all;
}

INSTANTIATE_TEST_SUITE_P(EveryLie, CheckerHears, testing::ValuesIn(lies()),
                         [](const auto& lie) { return std::string(name_of(lie.param)); });

}  // namespace
}  // namespace takt::sim
