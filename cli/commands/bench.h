#pragma once
// What the three measurements share.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"

namespace takt::cli {

using Json = nlohmann::ordered_json;

void add_bench_send(CLI::App& bench, Action& action);
void add_bench_work(CLI::App& bench, Action& action);
void add_bench_latency(CLI::App& bench, Action& action);

inline constexpr const char* bench_kind = "bench";

/// The result: one JSON document, or the same names and values as a table.
void write_measurement(const Console& console, const Json& document);

}  // namespace takt::cli
