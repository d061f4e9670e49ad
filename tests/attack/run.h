#pragma once
// One attack on a real broker of its own, with honest clients beside it, and what became of all of them.

#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tests/attack/attacks.h"
#include "tests/attack/honest.h"

namespace takt::attack {

struct RunOptions {
  std::chrono::milliseconds before{3'000};    ///< the honest clients alone
  std::chrono::milliseconds during{10'000};   ///< at least: the attack goes on until the broker has counted it
  std::uint64_t bytes_per_second = 100'000'000;
  std::vector<std::string> settings{};        ///< of the broker, in place of the attack's own: KEY=VALUE
  std::uint32_t seed = 1;                     ///< of what the attackers draw
  std::filesystem::path folder;               ///< for the broker's data and log
};

struct Report {
  std::string attack;
  std::uint64_t bytes = 0, connections = 0;   ///< the attack's
  std::string mistake;                        ///< of the attack itself: it says nothing then
  HonestReport honest;
  bool is_alive = false;
  std::uint64_t anonymous_bytes_max = 0;      ///< RssAnon, looked at all the time
  std::uint64_t resident_bytes_max = 0;       ///< VmHWM: with the mapped pages of the store
  double cpu_seconds = 0;                     ///< of the broker, during the attack
  std::map<std::string, double> counted;      ///< refusals by code, and the attack's counters: what they grew by
  bool is_counted = false;                    ///< each of the attack's counters has grown
  std::string log_tail;                       ///< the broker's, when it died

  static constexpr std::uint64_t memory_max = 512'000'000;
  bool is_within_memory() const { return anonymous_bytes_max < memory_max; }
  bool are_honest_served() const { return honest.failures.empty() && honest.unhandled == 0 && honest.during.count > 0; }
  bool has_held() const { return mistake.empty() && is_alive && is_within_memory() && are_honest_served() && is_counted; }
  /// Within three times of what it was, or 50 ms. Says something only on a machine that does nothing else.
  bool is_honest_p99_kept() const { return honest.during.p99_ms <= std::max(3 * honest.before.p99_ms, 50.0); }
};

/// Throws std::runtime_error when broker or honest clients cannot even begin.
Report run_attack(const Attack& attack, const RunOptions& options);

nlohmann::json to_json(const Report& report);

}  // namespace takt::attack
