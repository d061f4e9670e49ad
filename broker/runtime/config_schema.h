#pragma once
// The keys of the configuration as data: name, type, bounds and place. Private to the configuration's sources.

#include <string_view>
#include <variant>
#include <vector>

#include "broker/runtime/config.h"

namespace takt::runtime {

struct KeySpec {
  enum class Kind : std::uint8_t { kText, kCount, kBytes, kDuration, kBool };
  using Field = std::variant<std::string*, std::uint64_t*, Duration*, bool*>;

  std::string_view name;
  Kind kind;
  std::uint64_t min;                       ///< counts and bytes as they are, durations in milliseconds
  std::uint64_t max;
  std::vector<std::string_view> choices;   ///< of a text; empty: any
  Field (*field)(Config&);
  std::string_view meaning;
};

const std::vector<KeySpec>& key_specs();
const KeySpec* find_key(std::string_view name);
/// `TAKT_LIMITS__CONNECTIONS`.
std::string environment_name(const KeySpec& key);
/// `a size like "64MiB", from 1KiB to 16MiB`.
std::string describe_value(const KeySpec& key);
std::string range_text(const KeySpec& key);
std::string shown_value(const KeySpec& key, Config& config);

}  // namespace takt::runtime
