#pragma once
// "Did you mean": the nearest of the words that would have been right.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace takt::cli {

/// Edits (insert, delete, replace, swap of neighbours) that turn `from` into `to`.
std::size_t edit_distance(std::string_view from, std::string_view to);
/// The candidate nearest to `word`, if it is near enough to be a slip: a third of its length, at most 3 edits, or a
/// unique candidate that begins with `word`.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace takt::cli
