#include "cli/values.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

namespace takt::cli {
namespace {

std::optional<std::uint64_t> whole(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

/// The number in front and the unit behind it.
std::pair<std::string_view, std::string_view> split_unit(std::string_view text) {
  const auto digits = text.find_first_not_of("0123456789");
  if (digits == std::string_view::npos) return {text, {}};
  return {text.substr(0, digits), text.substr(digits)};
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array duration_units{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1}};
/// 100 years: added to any clock's time it still fits into 64 bits of nanoseconds.
constexpr std::uint64_t duration_ms_max = 36'500ull * 86'400'000;
constexpr std::array byte_units{Unit{"", 1},
                                Unit{"B", 1},
                                Unit{"KiB", 1ull << 10},
                                Unit{"MiB", 1ull << 20},
                                Unit{"GiB", 1ull << 30},
                                Unit{"TiB", 1ull << 40},
                                Unit{"KB", 1'000},
                                Unit{"MB", 1'000'000},
                                Unit{"GB", 1'000'000'000}};

template <std::size_t N>
std::optional<std::uint64_t> scaled(std::string_view text, const std::array<Unit, N>& units) {
  const auto [digits, unit] = split_unit(text);
  const auto number = whole(digits);
  if (!number) return std::nullopt;
  for (const auto& [name, factor] : units) {
    if (name != unit) continue;
    if (*number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / factor) return std::nullopt;
    return *number * factor;
  }
  return std::nullopt;
}

}  // namespace

Result<std::uint64_t, Failure> parse_whole(std::string_view option, std::string_view text, std::uint64_t min, std::uint64_t max) {
  const auto value = whole(text);
  if (value && *value >= min && *value <= max) return *value;
  const bool open = max == std::numeric_limits<std::uint64_t>::max();
  return failed(usage_failure(std::string(option) + " cannot be " + quoted(text),
                              open ? "give a whole number from " + std::to_string(min) + " up"
                                   : "give a whole number from " + std::to_string(min) + " to " + grouped(max)));
}

Result<Milliseconds, Failure> parse_duration(std::string_view option, std::string_view text) {
  const auto value = scaled(text, duration_units);
  if (value && *value > 0 && *value <= duration_ms_max) return Milliseconds(static_cast<std::int64_t>(*value));
  return failed(usage_failure(std::string(option) + " cannot be " + quoted(text),
                              "give a duration with its unit, at most 36500d: 250ms, 10s, 5m, 2h, 7d"));
}

Result<Milliseconds, Failure> parse_duration_or_none(std::string_view option, std::string_view text) {
  if (text == "0") return Milliseconds(0);
  return parse_duration(option, text);
}

Result<std::uint64_t, Failure> parse_bytes(std::string_view option, std::string_view text) {
  if (const auto value = scaled(text, byte_units)) return *value;
  return failed(usage_failure(std::string(option) + " cannot be " + quoted(text), "give a size: 500, 64KiB, 10MB, 1GiB"));
}

Result<std::pair<std::string, std::string>, Failure> parse_attribute(std::string_view text) {
  const auto equals = text.find('=');
  if (equals != std::string_view::npos && equals > 0) {
    return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
  }
  return failed(usage_failure("--attribute cannot be " + quoted(text), "write it as name=value: --attribute tenant=acme"));
}

Result<StartPoint, Failure> parse_start_point(std::string_view option, std::string_view text) {
  if (text == "start") return StartPoint{.kind = StartPoint::Kind::kStart};
  if (text == "end") return StartPoint{.kind = StartPoint::Kind::kEnd};
  if (const auto offset = whole(text)) return StartPoint{.kind = StartPoint::Kind::kOffset, .offset = *offset};
  const auto dash = text.find('-');
  const bool is_id = dash != std::string_view::npos && whole(text.substr(0, dash)) && whole(text.substr(dash + 1));
  return failed(
      usage_failure(std::string(option) + " cannot be " + quoted(text) + (is_id ? ", which is the id of a message" : ""),
                    is_id ? "give its offset, which `takt peek` shows in front of the id" : "give an offset, or one of: start, end"));
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), 1, ',');
  return text;
}

std::string byte_text(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units.at(unit));
  return text.data();
}

std::string duration_text(Milliseconds duration) {
  const auto ms = static_cast<std::uint64_t>(duration.count() < 0 ? 0 : duration.count());
  for (const auto& [name, factor] : duration_units) {
    if (ms >= factor && ms % factor == 0) return std::to_string(ms / factor) + std::string(name);
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1fs", static_cast<double>(ms) / 1000);
  return text.data();
}

}  // namespace takt::cli
