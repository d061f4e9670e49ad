// takt_ceiling: what LMDB and ZeroMQ alone do on this machine, as one JSON object.

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench/ceiling.h"

namespace {

using Json = nlohmann::ordered_json;

double at(const std::vector<double>& sorted, double share) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What LMDB and ZeroMQ alone do on this machine");
  app.require_subcommand(1);
  std::size_t message_bytes = 100;
  std::size_t unit_bytes = 256 * 1024;
  double seconds = 2;
  std::string folder = ".";
  CLI::App* lmdb = app.add_subcommand("lmdb", "One MDB_APPEND value per commit, full sync, not preallocated");
  CLI::App* zmq = app.add_subcommand("zmq", "DEALER to ROUTER over TCP loopback");
  lmdb->add_option("--folder", folder, "Where the file is made and removed; the disk that is measured")->capture_default_str();
  for (CLI::App* command : {lmdb, zmq}) {
    command->add_option("--size", message_bytes, "Bytes of a message")->capture_default_str()->check(CLI::PositiveNumber);
    command->add_option("--unit", unit_bytes, "Bytes of a value or frame")->capture_default_str()->check(CLI::PositiveNumber);
    command->add_option("--seconds", seconds, "How long")->capture_default_str()->check(CLI::PositiveNumber);
  }
  CLI11_PARSE(app, argc, argv);
  try {
    Json result;
    if (lmdb->parsed()) {
      const takt::bench::LmdbCeiling ceiling = takt::bench::measure_lmdb(folder, message_bytes, unit_bytes, seconds);
      result = {{"msgs_per_second", static_cast<double>(ceiling.messages) / ceiling.seconds},
                {"commit_p50_ms", at(ceiling.commit_ms, 0.5)},
                {"commit_p99_ms", at(ceiling.commit_ms, 0.99)}};
    } else {
      const takt::bench::ZmqCeiling ceiling = takt::bench::measure_zmq(message_bytes, unit_bytes, seconds);
      result = {{"msgs_per_second", static_cast<double>(ceiling.messages) / ceiling.seconds}};
    }
    std::cout << result.dump() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "takt_ceiling: " << error.what() << "; is the disk full, or the folder not writable?\n";
    return 1;
  }
  return 0;
}
