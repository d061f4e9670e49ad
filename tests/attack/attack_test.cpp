// Attacks for a few seconds each, every one or a quick sample: the broker lives, keeps its memory, serves the honest, and has
// counted what it refused.
// How fast the honest are served is for a quiet machine to judge: `scripts/prove attack`.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/attack/run.h"
#include "tests/support/temp_folder.h"

namespace takt::attack {
namespace {

using namespace std::chrono_literals;

/// The quick sample of attack_sample, or everything.
#ifdef ONE_OF_EACH_FAMILY
constexpr auto during = 1s;
std::vector<Attack> chosen() {
  std::vector<Attack> some;
  for (const Attack& attack : all_attacks())
    for (const char* name : {"random_bytes", "endless_frames", "lying_sections", "stale_acks", "http_garbage"})
      if (attack.name == name) some.push_back(attack);
  return some;
}
#else
constexpr auto during = 3s;
std::vector<Attack> chosen() { return all_attacks(); }
#endif

class UnderAttack : public ::testing::TestWithParam<Attack> {};

TEST_P(UnderAttack, TheBrokerHolds) {
  const takt::testing::TempFolder folder;
  RunOptions options;
  options.before = 300ms;
  options.during = during;
  options.settings = {"limits.topics=3000", "limits.groups=3000", "limits.producers=2000"};  // so that seconds reach them
  options.folder = folder.path();
  const Report report = run_attack(GetParam(), options);
  const std::string all = to_json(report).dump(2);
  ASSERT_EQ(report.mistake, "") << all;
  EXPECT_GT(report.connections, 0u) << all;
  EXPECT_TRUE(report.is_alive) << all;
  EXPECT_TRUE(report.is_within_memory()) << all;
  EXPECT_TRUE(report.are_honest_served()) << all;
  EXPECT_TRUE(report.is_counted) << all;
}

TEST(Attacks, SayWhatGrowsWhenTheyAreRefused) {
  for (const Attack& attack : all_attacks()) EXPECT_FALSE(attack.counted.empty()) << attack.name;
}

INSTANTIATE_TEST_SUITE_P(Every, UnderAttack, ::testing::ValuesIn(chosen()), [](const auto& attack) { return attack.param.name; });

}  // namespace
}  // namespace takt::attack
