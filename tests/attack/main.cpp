// Attacks a broker of its own while honest clients use it, and says what became of them, as JSON.

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/attack/run.h"
#include "tests/support/proof.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace takt::attack;

enum ExitCode : int { kHeld = 0, kBroke = 1, kUsage = 2 };

void list() {
  for (const Attack& attack : all_attacks()) std::cout << attack.name << "\t" << attack.what << '\n';
}

void print(const Report& report, double seconds) {
  std::uint64_t failures = report.honest.unhandled;
  for (const auto& [what, count] : report.honest.failures) failures += count;
  const auto whole = [](double number) { return static_cast<std::uint64_t>(number); };
  std::cout << to_json(report).dump(2) << std::endl;
  takt::testing::print_figures({{"seconds", whole(seconds)},
                                {"attack_bytes", report.bytes},
                                {"attack_connections", report.connections},
                                {"honest_messages", report.honest.during.count},
                                {"honest_failures", failures},
                                {"p99_before_us_max", whole(report.honest.before.p99_ms * 1e3)},
                                {"p99_during_us_max", whole(report.honest.during.p99_ms * 1e3)},
                                {"memory_bytes_max", report.anonymous_bytes_max}});
}

/// Attacks hold thousands of connections.
void raise_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("takt_attack: hostile clients against a broker that it starts, with honest clients beside them", "takt_attack");
  std::string name;
  bool is_list = false;
  double seconds = 30;
  double before = 10;
  bool judges_p99 = false;
  std::uint64_t bytes_per_second = RunOptions{}.bytes_per_second;
  app.add_option("attack", name, "Which one; --list names them")->type_name("NAME");
  app.add_flag("--list", is_list, "The attacks, one a line");
  app.add_option("--seconds", seconds, "How long")->capture_default_str()->check(CLI::Range(0.1, 86'400.0));
  app.add_option("--before", before, "How long the honest clients are alone, for comparison, in seconds")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86'400.0));
  app.add_option("--bytes-per-second", bytes_per_second, "The attack's budget")->transform(CLI::AsSizeValue(true))->capture_default_str();
  std::vector<std::string> settings;
  app.add_option("--set", settings, "A key of the broker's configuration; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  app.add_flag("--judge-p99", judges_p99, "Exit with 1 also when honest p99 is above 50 ms and above three times what it was");
  app.footer("Exit code 0: the broker lives, stayed under 512 MiB of anonymous memory, refused and counted, and no honest request failed.");
  CLI11_PARSE(app, argc, argv);
  if (is_list) {
    list();
    return kHeld;
  }
  const auto attack = std::ranges::find(all_attacks(), name, &Attack::name);
  if (attack == all_attacks().end()) {
    std::cerr << "takt_attack: there is no attack '" << name << "'; --list names them\n";
    return kUsage;
  }
  raise_descriptors();
  try {
    const takt::testing::TempFolder folder;
    RunOptions options;
    options.before = std::chrono::milliseconds(static_cast<long>(before * 1e3));
    options.during = std::chrono::milliseconds(static_cast<long>(seconds * 1e3));
    options.bytes_per_second = bytes_per_second;
    options.settings = settings;
    options.seed = static_cast<std::uint32_t>(takt::testing::slice_or({}).seed);
    options.folder = folder.path();
    const Report report = run_attack(*attack, options);
    print(report, seconds);
    return report.has_held() && (!judges_p99 || report.is_honest_p99_kept()) ? kHeld : kBroke;
  } catch (const std::exception& error) {
    std::cerr << "takt_attack: " << error.what() << '\n';
    return kBroke;
  }
}
