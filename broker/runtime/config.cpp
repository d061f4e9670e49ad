#include "broker/runtime/config.h"

#include <toml++/toml.h>
#include <algorithm>
#include <sstream>

#include "broker/runtime/address.h"
#include "broker/runtime/config_schema.h"
#include "broker/runtime/quantity.h"

namespace takt::runtime {
namespace {

using Kind = KeySpec::Kind;
using Problems = std::vector<ConfigProblem>;

/// Loads source after source into one Config and keeps the mistakes, and where each key came from.
class Loading {
 public:
  void file(const ConfigSources::File& file);
  void environment(const std::vector<std::pair<std::string, std::string>>& variables);
  void flags(const std::vector<ConfigSources::Flag>& flags);
  void compare();

  Config config;
  Problems problems;

 private:
  void table(const ConfigSources::File& file, const toml::table& table, const std::string& prefix);
  void node(const KeySpec& key, const toml::node& value, const std::string& where);
  void text(const KeySpec& key, std::string_view value, const std::string& where);
  void store(const KeySpec& key, std::uint64_t value, const std::string& where);
  void store(const KeySpec& key, std::string_view value, const std::string& where);
  void complain(const std::string& where, std::string what, ErrorCode code = ErrorCode::kBadOption) {
    problems.push_back({code, where, std::move(what)});
  }
  void wrong_value(const KeySpec& key, std::string_view is, const std::string& where);
  void came_from(const KeySpec& key, const std::string& where);
  std::string where(std::string_view key) const;

  std::vector<std::pair<std::string_view, std::string>> origins_;
};

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string unknown_key(const std::string& name) {
  std::vector<std::string_view> names;
  for (const KeySpec& key : key_specs()) names.push_back(key.name);
  std::string what = "unknown key " + quoted(name);
  // The last part may be right and only the section missing or wrong.
  const std::string last = name.substr(name.rfind('.') + 1);
  for (const std::string_view candidate : names)
    if (candidate == last || candidate.ends_with("." + last)) return what + "; did you mean " + quoted(candidate) + "?";
  for (const std::string_view section : {"limits", "store", "session", "log"}) names.push_back(section);
  if (const auto like = most_like(name, names)) return what + "; did you mean " + quoted(*like) + "?";
  return what + "; docs/configuration.md lists all keys";
}

constexpr std::string_view environment_prefix = "TAKT_";

/// Variables with our prefix that are not meant for taktd.
bool is_of_others(std::string_view name, std::string_view value) {
  // --config's, the command line's, and those of the project's scripts and tests.
  for (const std::string_view other : {"TAKT_CONFIG", "TAKT_SERVER", "TAKT_BASE", "TAKT_JOBS", "TAKT_SEED"})
    if (name == other) return true;
  for (const std::string_view others : {"TAKT_PROVE_", "TAKT_REGENERATE_", "TAKT_UPDATE_", "TAKT_WRITE_"})
    if (name.starts_with(others)) return true;
  // Kubernetes sets these in every pod beside a service whose name begins with takt: TAKT_SERVICE_HOST,
  // TAKT_PORT=tcp://10.0.0.7:7400, TAKT_PORT_7400_TCP_ADDR.
  for (const std::string_view part : {"_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"})
    if (name.find(part) != std::string_view::npos) return true;
  return name.ends_with("_PORT") && value.find("://") != std::string_view::npos;
}

/// People forget that the section's underscore is a double one.
std::string with_single_underscores(std::string_view name) {
  std::string text;
  for (const char c : name)
    if (c != '_' || !text.ends_with('_')) text += c;
  return text;
}

std::string unknown_variable(std::string_view name) {
  std::vector<std::string> known;
  for (const KeySpec& spec : key_specs()) known.push_back(with_single_underscores(environment_name(spec)));
  const auto like = most_like(with_single_underscores(name), {known.begin(), known.end()});
  if (!like) return "unknown variable; docs/configuration.md lists all of them";
  const auto at = static_cast<std::size_t>(std::ranges::find(known, *like) - known.begin());
  return "unknown variable; did you mean " + environment_name(key_specs()[at]) + "?";
}

/// Addresses, sizes and times are texts. Their quotes are what people forget most, and what the library says then is about
/// the type that it took the first letter for.
std::string quotes_hint(const ConfigSources::File& file, std::size_t line_number) {
  std::istringstream lines(file.text);
  std::string line;
  for (std::size_t i = 0; i < line_number; ++i) std::getline(lines, line);
  const auto trimmed = [](std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
  };
  const auto equals = line.find('=');
  if (equals == std::string::npos) return {};
  const std::string_view key = trimmed(std::string_view(line).substr(0, equals));
  const std::string_view value = trimmed(std::string_view(line).substr(equals + 1, line.find(" #", equals) - equals - 1));
  const bool is_number = value.find_first_not_of("0123456789+-_.") == std::string_view::npos;
  if (is_number || value == "true" || value == "false" || value.find_first_of("\"'[]{}") != std::string_view::npos) return {};
  return "; a text needs quotes: " + std::string(key) + " = " + quoted(value);
}

std::string place(const ConfigSources::File& file, const toml::source_region& region) {
  return file.name + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none: return "nothing";
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a text";
    case toml::node_type::integer: return "a whole number";
    case toml::node_type::floating_point: return "a number with a fraction";
    case toml::node_type::boolean: return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time: return "a date or time of day";
  }
  return "something else";
}

/// Length of the UTF-8 sequence that `text` begins with; 0: it is none. Overlong forms pass, they harm nobody here.
std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  return length;
}

/// The first byte that no TOML file has: toml++ 3.3 stops the process on some of them.
std::optional<ConfigProblem> find_foreign_byte(const ConfigSources::File& file) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (std::size_t at = 0; at < file.text.size();) {
    const char c = file.text[at];
    const bool is_control = (c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 127;
    const std::size_t length = utf8_length(std::string_view(file.text).substr(at));
    if (is_control || length == 0) {
      const std::string what = is_control ? "a control character" : "a byte that is not UTF-8";
      return ConfigProblem{ErrorCode::kBadOption, file.name + ":" + std::to_string(line) + ":" + std::to_string(column),
                           "not valid TOML: " + what};
    }
    at += length;
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n' ? 1 : 0;
  }
  return std::nullopt;
}

void Loading::file(const ConfigSources::File& file) {
  if (auto problem = find_foreign_byte(file)) return problems.push_back(std::move(*problem));
  try {
    const toml::table root = toml::parse(file.text, std::string_view(file.name));
    table(file, root, "");
  } catch (const toml::parse_error& error) {
    complain(place(file, error.source()),
             "not valid TOML: " + std::string(error.description()) + quotes_hint(file, error.source().begin.line));
  }
}

void Loading::table(const ConfigSources::File& file, const toml::table& table, const std::string& prefix) {
  // toml++ sorts by name; people read by line.
  std::vector<std::pair<const toml::key*, const toml::node*>> entries;
  for (const auto& [key, value] : table) entries.emplace_back(&key, &value);
  std::ranges::sort(entries, {},
                    [](const auto& entry) { return std::pair(entry.first->source().begin.line, entry.first->source().begin.column); });

  for (const auto& [key, value] : entries) {
    const std::string name = prefix + std::string(key->str());
    const std::string at = place(file, key->source());
    const bool is_section = std::ranges::any_of(key_specs(), [&](const KeySpec& spec) { return spec.name.starts_with(name + "."); });
    if (const KeySpec* spec = find_key(name)) {
      node(*spec, *value, at);
    } else if (is_section && value->is_table()) {
      this->table(file, *value->as_table(), name + ".");
    } else if (is_section) {
      complain(at, quoted(name) + " is a section: write [" + name + "] and its keys below it");
    } else {
      complain(at, unknown_key(name));
    }
  }
}

void Loading::node(const KeySpec& key, const toml::node& value, const std::string& at) {
  const auto* string = value.as_string();
  const auto* integer = value.as_integer();
  const auto* boolean = value.as_boolean();
  switch (key.kind) {
    case Kind::kText:
      if (string) return store(key, string->get(), at);
      break;
    case Kind::kCount:
      if (integer && integer->get() < 0) return wrong_value(key, std::to_string(integer->get()), at);
      if (integer) return store(key, static_cast<std::uint64_t>(integer->get()), at);
      break;
    case Kind::kBytes:
      if (string) return text(key, string->get(), at);
      if (integer && integer->get() < 0) return wrong_value(key, std::to_string(integer->get()), at);
      if (integer) return store(key, static_cast<std::uint64_t>(integer->get()), at);
      break;
    case Kind::kDuration:
      if (string) return text(key, string->get(), at);
      if (integer) return wrong_value(key, std::to_string(integer->get()) + " without a unit", at);
      break;
    case Kind::kBool:
      if (boolean) {
        *std::get<bool*>(key.field(config)) = boolean->get();
        return came_from(key, at);
      }
      break;
  }
  wrong_value(key, type_name(value), at);
}

void Loading::environment(const std::vector<std::pair<std::string, std::string>>& variables) {
  for (const auto& [name, value] : variables) {
    if (!name.starts_with(environment_prefix)) continue;
    const auto key = std::ranges::find_if(key_specs(), [&](const KeySpec& spec) { return environment_name(spec) == name; });
    if (key != key_specs().end()) {
      text(*key, value, "environment " + name);
    } else if (!is_of_others(name, value)) {
      complain("environment " + name, unknown_variable(name));
    }
  }
}

void Loading::flags(const std::vector<ConfigSources::Flag>& flags) {
  for (const ConfigSources::Flag& flag : flags) {
    const KeySpec* key = find_key(flag.key);
    if (key) {
      text(*key, flag.value, "flag " + flag.flag);
    } else {
      complain("flag " + flag.flag, unknown_key(flag.key));
    }
  }
}

void Loading::text(const KeySpec& key, std::string_view value, const std::string& at) {
  switch (key.kind) {
    case Kind::kText: return store(key, value, at);
    case Kind::kCount:
      if (const auto count = parse_count(value)) return store(key, *count, at);
      break;
    case Kind::kBytes:
      if (const auto bytes = parse_bytes(value)) return store(key, *bytes, at);
      break;
    case Kind::kDuration:
      if (const auto duration = parse_duration(value))
        return store(key, static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(*duration).count()), at);
      break;
    case Kind::kBool:
      if (value == "true" || value == "false") {
        *std::get<bool*>(key.field(config)) = value == "true";
        return came_from(key, at);
      }
      break;
  }
  wrong_value(key, quoted(value), at);
}

void Loading::store(const KeySpec& key, std::uint64_t value, const std::string& at) {
  if (value < key.min || value > key.max) {
    std::string is = std::to_string(value);
    if (key.kind == Kind::kBytes) is = format_bytes(value);
    if (key.kind == Kind::kDuration) is = format_duration(std::chrono::milliseconds(value));
    if (key.name == "partitions")
      return complain(at, "partitions is " + is + ": this version has one partition; leave the key out, or write 1");
    return wrong_value(key, is, at);
  }
  const KeySpec::Field field = key.field(config);
  if (auto* const* duration = std::get_if<Duration*>(&field)) {
    **duration = std::chrono::milliseconds(value);
  } else {
    *std::get<std::uint64_t*>(field) = value;
  }
  came_from(key, at);
}

void Loading::store(const KeySpec& key, std::string_view value, const std::string& at) {
  if (!key.choices.empty() && std::ranges::find(key.choices, value) == key.choices.end()) return wrong_value(key, quoted(value), at);
  if (value.empty()) return wrong_value(key, "empty", at);
  *std::get<std::string*>(key.field(config)) = value;
  came_from(key, at);
}

void Loading::wrong_value(const KeySpec& key, std::string_view is, const std::string& at) {
  complain(at, std::string(key.name) + " is " + std::string(is) + ": it takes " + describe_value(key));
}

void Loading::came_from(const KeySpec& key, const std::string& at) {
  std::erase_if(origins_, [&](const auto& origin) { return origin.first == key.name; });
  origins_.emplace_back(key.name, at);
}

std::string Loading::where(std::string_view key) const {
  const auto found = std::ranges::find_if(origins_, [&](const auto& origin) { return origin.first == key; });
  return found == origins_.end() ? "default of " + std::string(key) : found->second;
}

void Loading::compare() {
  const auto check_reach = [this](std::string_view key, const Address& address) {
    if (is_loopback(address) || config.insecure_no_auth) return;
    complain(where(key),
             std::string(key) +
                 " is open to other machines, and clients are not authenticated in this version: listen on 127.0.0.1, or start with " +
                 "--insecure-no-auth on a network that you trust");
  };
  if (const auto address = parse_endpoint(config.listen)) {
    check_reach("listen", *address);
  } else {
    complain(where("listen"), "listen " + quoted(config.listen) + " " + address.error(), ErrorCode::kBadAddress);
  }
  if (config.http != "off") {
    if (const auto address = parse_host_port(config.http)) {
      check_reach("http", *address);
    } else {
      complain(where("http"), "http " + quoted(config.http) + " " + address.error(), ErrorCode::kBadAddress);
    }
  }
  if (config.limits.message_bytes > config.limits.batch_bytes)
    complain(where("limits.message_bytes"), "limits.message_bytes is " + format_bytes(config.limits.message_bytes) +
                                                ", above limits.batch_bytes, " + format_bytes(config.limits.batch_bytes) +
                                                ": a message travels in a batch, so raise that too");
  if (config.limits.batch_bytes > config.limits.publish_bytes)
    complain(where("limits.batch_bytes"), "limits.batch_bytes is above limits.publish_bytes: no batch of that size could be accepted");
  if (config.limits.outbound_bytes * 2 > config.limits.outbound_bytes_total)
    complain(where("limits.outbound_bytes_total"), "limits.outbound_bytes_total is " + format_bytes(config.limits.outbound_bytes_total) +
                                                       ", less than twice limits.outbound_bytes, " +
                                                       format_bytes(config.limits.outbound_bytes) + ": one slow client could fill it");
  if (config.session.heartbeat * 2 > config.session.timeout)
    complain(where("session.heartbeat"), "session.heartbeat is " + format_duration(config.session.heartbeat) +
                                             ", more than half of session.timeout, " + format_duration(config.session.timeout) +
                                             ": one late heartbeat would end a session");
  // Freed pages lie in the file too: those of the last two transactions, and gaps that are too short for a large commit.
  if (config.store.bytes_max > config.store.map_bytes / 2)
    complain(where("store.bytes_max"), "store.bytes_max is " + format_bytes(config.store.bytes_max) + ", above half of store.map_bytes, " +
                                           format_bytes(config.store.map_bytes) + ": raise that too, it costs no disk");
}

}  // namespace

std::string render(const ConfigProblem& problem) { return error_label(problem.code) + ": " + problem.where + ": " + problem.what; }

Result<Config, std::vector<ConfigProblem>> load_config(const ConfigSources& sources) {
  Loading loading;
  if (sources.file) loading.file(*sources.file);
  loading.environment(sources.environment);
  loading.flags(sources.flags);
  loading.compare();
  if (!loading.problems.empty()) return failed(std::move(loading.problems));
  return std::move(loading.config);
}

std::vector<ConfigKey> config_keys() {
  Config defaults;
  std::vector<ConfigKey> keys;
  for (const KeySpec& spec : key_specs()) {
    std::string type = "text";
    if (spec.kind == Kind::kCount) type = "number";
    if (spec.kind == Kind::kBytes) type = "size";
    if (spec.kind == Kind::kDuration) type = "time";
    if (spec.kind == Kind::kBool) type = "true or false";
    keys.push_back(
        {std::string(spec.name), type, shown_value(spec, defaults), range_text(spec), environment_name(spec), std::string(spec.meaning)});
  }
  return keys;
}

}  // namespace takt::runtime
