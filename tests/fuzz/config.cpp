// links: takt_config takt_proto
// Any text as a configuration file, and its lines as environment values: a Config or mistakes, never a crash.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "broker/runtime/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace takt::runtime;
  const std::string text(reinterpret_cast<const char*>(data), size);
  ConfigSources sources;
  sources.file = ConfigSources::File{"fuzz.toml", text};
  const auto from_file = load_config(sources);
  if (!from_file && from_file.error().empty()) std::abort();

  sources.file.reset();
  for (const ConfigKey& key : config_keys()) sources.environment.emplace_back(key.environment, text);
  sources.flags.push_back({"--set", text, text});
  const auto from_values = load_config(sources);
  if (!from_values)
    for (const ConfigProblem& problem : from_values.error())
      if (render(problem).empty()) std::abort();
  return 0;
}
