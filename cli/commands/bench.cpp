// takt bench send | work | latency.

#include "cli/commands/bench.h"

#include <cmath>
#include <cstdio>

namespace takt::cli {
namespace {

std::string number_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_unsigned()) return grouped(value.get<std::uint64_t>());
  if (!value.is_number()) return value.dump();
  const double number = value.get<double>();
  if (number >= 1000) return grouped(static_cast<std::uint64_t>(std::llround(number)));
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", number);
  return text;
}

}  // namespace

void write_measurement(const Console& console, const Json& document) {
  if (console.format == Format::kJson) {
    console.write_document(document);
    return;
  }
  Table table({{"MEASURED"}, {"VALUE", Align::kRight}});
  for (const auto& [name, value] : document.items()) table.add({name, number_text(value)});
  console.write(table.render(console.color_out));
}

void add_bench(CLI::App& app, Action& action) {
  CLI::App* bench = app.add_subcommand("bench", "Measure a broker from here; messages are really stored and worked");
  bench->require_subcommand(0, 1);
  add_bench_send(*bench, action);
  add_bench_work(*bench, action);
  add_bench_latency(*bench, action);
}

}  // namespace takt::cli
