#include "tests/attack/run.h"

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "tests/support/broker_process.h"
#include "tests/support/deadline.h"
#include "tests/support/metrics_page.h"

namespace takt::attack {
namespace {

using namespace std::chrono_literals;
using takt::testing::BrokerProcess;
using takt::testing::MetricsPage;
using takt::testing::wait_until;

constexpr auto sample_interval = 20ms;
constexpr auto look_interval = 250ms;
constexpr auto bound_patience = 40s;
constexpr auto last_look = 15s;   // for counters of what ends with the attack

std::uint64_t status_bytes(pid_t pid, const std::string& field) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; in >> word;) {
    std::uint64_t kib = 0;
    if (word == field && in >> kib) return kib * 1024;
  }
  return 0;
}

/// The largest RssAnon while it lives; the kernel remembers only that of the sum with mapped pages.
class MemoryWatch {
 public:
  explicit MemoryWatch(pid_t pid) : pid_(pid) {}
  std::uint64_t anonymous_max() const { return anonymous_max_; }

 private:
  void look() {
    const std::uint64_t now = status_bytes(pid_, "RssAnon:");
    if (now > anonymous_max_) anonymous_max_ = now;
  }
  void watch(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    do look();
    while (!stopped.wait_for(lock, stop, sample_interval, [] { return false; }) && !stop.stop_requested());
  }

  const pid_t pid_;
  std::atomic<std::uint64_t> anonymous_max_{0};
  std::jthread thread_{[this](const std::stop_token& stop) { watch(stop); }};
};

/// None: the broker is gone, or too busy to answer.
std::optional<MetricsPage> metrics_of(std::uint16_t port) {
  const auto answer = takt::testing::http_get(port, "/metrics");
  if (!answer || answer->status != 200) return std::nullopt;
  return takt::testing::read_metrics(answer->body);
}

MetricsPage wait_for_metrics(BrokerProcess& broker) {
  std::optional<MetricsPage> page;
  wait_until([&] { return (page = metrics_of(broker.http_port())) || !broker.is_running(); });
  return page.value_or(MetricsPage{});
}

double sum(const MetricsPage& page, const Counter& counter) { return page.sum(counter.family, counter.labels); }

std::string name_of(const Counter& counter) {
  std::string name = counter.family;
  for (const std::string& label : counter.labels) name += "{" + label + "}";
  return name;
}

std::map<std::string, double> growth(const Attack& attack, const MetricsPage& before, const MetricsPage& after) {
  std::map<std::string, double> grown;
  for (const auto& [name, value] : after.samples) {
    const auto old = before.samples.find(name);
    const double more = value - (old == before.samples.end() ? 0 : old->second);
    if (name.starts_with("takt_requests_refused_total") && more > 0) grown[name] = more;
  }
  const auto add = [&](const Counter& counter) { grown[name_of(counter)] = sum(after, counter) - sum(before, counter); };
  for (const Counter& counter : attack.counted) {
    add(counter);
    std::ranges::for_each(counter.or_else, add);
  }
  return grown;
}

bool has_grown(const Counter& counter, const std::map<std::string, double>& grown) {
  const auto found = grown.find(name_of(counter));
  if (found != grown.end() && found->second > 0) return true;
  return std::ranges::any_of(counter.or_else, [&](const Counter& other) { return has_grown(other, grown); });
}

bool has_grown(const Attack& attack, const std::map<std::string, double>& grown) {
  return !attack.counted.empty() && std::ranges::all_of(attack.counted, [&](const Counter& counter) { return has_grown(counter, grown); });
}

/// For `time`, and on until `is_counted`: what a bound takes to be reached is the machine's to say.
template <class Condition>
void rage(const Attack& attack, Arena& arena, std::chrono::milliseconds time, Condition is_counted, Report& report) {
  std::mutex mutex;
  std::vector<std::jthread> threads;
  for (std::uint32_t i = 0; i < attack.threads; ++i)
    threads.emplace_back([&, i] {
      try {
        Attacker attacker(arena, i);
        attack.run(attacker);
      } catch (const std::exception& error) {
        const std::lock_guard lock(mutex);
        report.mistake = error.what();
      }
    });
  arena.linger(time);
  wait_until([&] { return is_counted() || !arena.linger(look_interval); }, bound_patience);
  arena.stop();
}

nlohmann::json json_of(const Latencies& latencies) {
  return {{"count", latencies.count}, {"p50_ms", latencies.p50_ms}, {"p99_ms", latencies.p99_ms}, {"max_ms", latencies.max_ms}};
}

}  // namespace

Report run_attack(const Attack& attack, const RunOptions& options) {
  std::vector<std::string> settings = attack.settings;
  settings.insert(settings.end(), options.settings.begin(), options.settings.end());
  BrokerProcess broker({.folder = options.folder, .settings = std::move(settings), .descriptors_max = attack.descriptors_max});
  Report report;
  report.attack = attack.name;
  Arena arena({broker.server(), broker.http_port(), options.bytes_per_second, options.seed});
  if (attack.prepare != nullptr) {
    Attacker first(arena, 1'000);
    attack.prepare(first);
  }
  Honest honest({.server = broker.server(), .http_port = broker.http_port(), .newcomers = attack.newcomers});
  if (!wait_until([&] { return honest.handled(Phase::kBefore) > 0; })) throw std::runtime_error("the honest clients got nothing done");
  arena.linger(options.before);

  const MetricsPage before = wait_for_metrics(broker);
  const MemoryWatch memory(broker.pid());
  honest.enter(Phase::kDuring);
  const auto is_counted = [&] {
    if (const auto page = metrics_of(broker.http_port())) report.counted = growth(attack, before, *page);
    return !broker.is_running() || has_grown(attack, report.counted);
  };
  rage(attack, arena, options.during, is_counted, report);
  const MetricsPage after = wait_for_metrics(broker);
  report.cpu_seconds = sum(after, {"process_cpu_seconds_total"}) - sum(before, {"process_cpu_seconds_total"});
  report.counted = growth(attack, before, after);
  wait_until(is_counted, last_look);
  report.is_counted = has_grown(attack, report.counted);
  report.honest = honest.finish();
  report.anonymous_bytes_max = memory.anonymous_max();
  report.resident_bytes_max = status_bytes(broker.pid(), "VmHWM:");
  report.is_alive = broker.is_running();
  if (!report.is_alive) report.log_tail = photo::log_tail(broker.log(), 20);
  report.bytes = arena.bytes_sent;
  report.connections = arena.connections;
  return report;
}

nlohmann::json to_json(const Report& report) {
  nlohmann::json json = {
      {"attack", report.attack},
      {"attack_bytes", report.bytes},
      {"attack_connections", report.connections},
      {"honest",
       {{"before", json_of(report.honest.before)},
        {"during", json_of(report.honest.during)},
        {"sent", report.honest.sent},
        {"unhandled", report.honest.unhandled},
        {"failures", report.honest.failures}}},
      {"taktd",
       {{"alive", report.is_alive},
        {"rss_anon_max_bytes", report.anonymous_bytes_max},
        {"vm_hwm_bytes", report.resident_bytes_max},
        {"cpu_seconds", report.cpu_seconds}}},
      {"counted", report.counted},
      {"verdict",
       {{"alive", report.is_alive},
        {"memory", report.is_within_memory()},
        {"honest", report.are_honest_served()},
        {"counted", report.is_counted},
        {"p99", report.is_honest_p99_kept()}}},
  };
  if (!report.mistake.empty()) json["mistake"] = report.mistake;
  if (!report.log_tail.empty()) json["log"] = report.log_tail;
  return json;
}

}  // namespace takt::attack
