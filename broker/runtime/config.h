#pragma once
// The broker's configuration: every key known, every mistake found at once. docs/configuration.md has the same table.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/error_code.h"
#include "proto/result.h"
#include "proto/time.h"

namespace takt::runtime {

struct Config {
  std::string listen = "tcp://127.0.0.1:7400";
  std::string http = "127.0.0.1:7480";
  std::string data = "./takt-data";
  std::uint64_t partitions = 1;
  bool insecure_no_auth = false;

  struct Limits {
    std::uint64_t connections = 4096;
    Duration handshake_time = std::chrono::seconds(5);
    Duration hello_time = std::chrono::seconds(10);
    std::uint64_t message_bytes = 1u << 20;
    std::uint64_t batch_bytes = 1u << 20;
    std::uint64_t batch_messages = 10'000;
    std::uint64_t publish_bytes = 64u << 20;
    std::uint64_t outbound_bytes = 8u << 20;
    std::uint64_t outbound_bytes_total = 128u << 20;
    std::uint64_t replies_per_session = 8192;
    std::uint64_t replies = 65'536;
    std::uint64_t topics = 200'000;
    std::uint64_t schedules = 10'000;
    std::uint64_t groups_per_topic = 1000;
    std::uint64_t groups = 100'000;
    std::uint64_t producers = 50'000;
    std::uint64_t subscriptions_per_session = 1000;
    std::uint64_t in_flight = 1'000'000;
    std::uint64_t in_flight_per_worker = 65'536;
  } limits;

  struct Store {
    std::uint64_t bytes_max = std::uint64_t{16} << 30;
    std::uint64_t map_bytes = std::uint64_t{1} << 40;
    std::uint64_t disk_free_min = 1u << 30;
    std::uint64_t ballast_bytes = 256u << 20;
    std::uint64_t checkpoint_bytes = 128u << 20;
    Duration checkpoint_interval = std::chrono::seconds(10);
    std::uint64_t cache_bytes = 64u << 20;
    std::uint64_t drain_bytes = 2u << 20;
    std::uint64_t front_bytes = 256u << 20;
  } store;

  struct Session {
    Duration timeout = std::chrono::seconds(10);
    Duration heartbeat = std::chrono::seconds(3);
    Duration recover_grace = std::chrono::seconds(10);
    Duration held_after = std::chrono::seconds(10);
    Duration producer_idle_expiry = std::chrono::hours(7 * 24);
  } session;

  struct Log {
    std::string level = "info";
    std::string format = "auto";
  } log;
};

/// One mistake: `where` is `takt.toml:3:1`, `environment TAKT_LISTEN` or `flag --listen`.
struct ConfigProblem {
  ErrorCode code = ErrorCode::kBadOption;
  std::string where;
  std::string what;   ///< and what to do
};
/// `TK5007 bad_option: takt.toml:3:1: ...`
std::string render(const ConfigProblem& problem);

/// Where settings come from; later ones win: file, environment, flags.
struct ConfigSources {
  struct File {
    std::string name;   ///< for messages
    std::string text;
  };
  std::optional<File> file;
  std::vector<std::pair<std::string, std::string>> environment;   ///< all variables; only TAKT_... are looked at
  struct Flag {
    std::string flag;    ///< `--listen`
    std::string key;
    std::string value;
  };
  std::vector<Flag> flags;
};

/// All sources together, checked one by one and against each other. Pure.
/// Errors: every mistake there is, in the order of the sources, a file's by line.
Result<Config, std::vector<ConfigProblem>> load_config(const ConfigSources& sources);

/// One key as the documentation shows it.
struct ConfigKey {
  std::string name;
  std::string type;
  std::string fallback;
  std::string range;
  std::string environment;
  std::string meaning;
};
std::vector<ConfigKey> config_keys();

}  // namespace takt::runtime
