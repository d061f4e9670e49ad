#include "broker/runtime/quantity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <numeric>
#include <utility>

namespace takt::runtime {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

// The first five are those that format_bytes writes, largest first.
constexpr std::array<Unit, 10> byte_units{{{"TiB", 1ull << 40},
                                           {"GiB", 1ull << 30},
                                           {"MiB", 1ull << 20},
                                           {"KiB", 1ull << 10},
                                           {"B", 1},
                                           {"TB", 1'000'000'000'000},
                                           {"GB", 1'000'000'000},
                                           {"MB", 1'000'000},
                                           {"KB", 1'000},
                                           {"", 1}}};
constexpr std::array<Unit, 5> time_units{{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};  // in milliseconds

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

struct Split {
  std::uint64_t number;
  std::string_view unit;
};

std::optional<Split> split(std::string_view text) {
  Split parts{0, {}};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parts.number);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  parts.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (!parts.unit.empty() && parts.unit.front() == ' ') parts.unit.remove_prefix(1);
  return parts;
}

template <std::size_t Count>
std::optional<std::uint64_t> scaled(const Split& parts, const std::array<Unit, Count>& units) {
  const auto unit = std::ranges::find_if(units, [&](const Unit& u) { return is_same(u.name, parts.unit); });
  if (unit == units.end() || parts.number > std::numeric_limits<std::uint64_t>::max() / unit->size) return std::nullopt;
  return parts.number * unit->size;
}

template <std::size_t Count>
std::string shown(std::uint64_t value, const std::array<Unit, Count>& units) {
  for (const Unit& unit : units)
    if (value >= unit.size && value % unit.size == 0) return std::to_string(value / unit.size) + std::string(unit.name);
  return std::to_string(value);
}

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view text) {
  const auto parts = split(text);
  if (!parts || !parts->unit.empty() || text.back() == ' ') return std::nullopt;
  return parts->number;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto parts = split(text);
  if (!parts || text.back() == ' ') return std::nullopt;
  return scaled(*parts, byte_units);
}

std::optional<Duration> parse_duration(std::string_view text) {
  const auto parts = split(text);
  if (!parts || text.back() == ' ') return std::nullopt;
  if (parts->unit.empty()) return parts->number == 0 ? std::optional(Duration::zero()) : std::nullopt;
  const auto milliseconds = scaled(*parts, time_units);
  if (!milliseconds || *milliseconds > std::uint64_t{1} << 42) return std::nullopt;  // 139 years
  return Duration(std::chrono::milliseconds(*milliseconds));
}

std::string format_bytes(std::uint64_t bytes) { return bytes == 0 ? "0" : shown(bytes, byte_units); }

std::string format_duration(Duration duration) {
  const auto milliseconds = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
  return milliseconds == 0 ? "0" : shown(milliseconds, time_units);
}

std::optional<std::string_view> most_like(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::optional<std::string_view> best;
  std::size_t best_distance = 0;
  for (const std::string_view candidate : candidates) {
    // Levenshtein, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i + 1);
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t change = diagonal + (lower(word[i]) == lower(candidate[j]) ? 0 : 1);
        diagonal = std::exchange(row[j + 1], std::min({row[j + 1] + 1, row[j] + 1, change}));
      }
    }
    const std::size_t allowed = std::max<std::size_t>(2, candidate.size() / 3);
    if (row.back() <= allowed && (!best || row.back() < best_distance)) {
      best = candidate;
      best_distance = row.back();
    }
  }
  return best;
}

}  // namespace takt::runtime
