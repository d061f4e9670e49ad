#pragma once
// Quantities as people write them: `64MiB`, `10s`.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/time.h"

namespace takt::runtime {

/// `65536`, `64KiB`, `64 MiB`, `1GiB`, `1TiB`; decimal units (KB, MB, GB, TB) too; case counts not. None for anything else
/// and for what does not fit 64 bits.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// `250ms`, `10s`, `5m`, `12h`, `7d`. A bare number has no unit and is none, but 0.
std::optional<Duration> parse_duration(std::string_view text);
/// A whole number without sign, decimal.
std::optional<std::uint64_t> parse_count(std::string_view text);

/// The largest unit that shows the value exactly.
std::string format_bytes(std::uint64_t bytes);
std::string format_duration(Duration duration);

/// The candidate most like `word`, if it is like it at all: at most a third of its letters, at least two, are different.
std::optional<std::string_view> most_like(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace takt::runtime
