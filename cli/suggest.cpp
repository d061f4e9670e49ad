#include "cli/suggest.h"

#include <algorithm>
#include <vector>

namespace takt::cli {

std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> before_last(to.size() + 1);
  std::vector<std::size_t> last(to.size() + 1);
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replace = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      const bool swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[to.size()];
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = 0;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (best != nullptr && distance >= best_distance) continue;
    best = &candidate;
    best_distance = distance;
  }
  if (best == nullptr) return std::nullopt;
  const std::size_t allowed = std::min<std::size_t>(3, std::max<std::size_t>(1, std::max(word.size(), best->size()) / 3));
  if (best_distance <= allowed) return *best;

  const auto begins = [&](const std::string& candidate) { return !word.empty() && candidate.starts_with(word); };
  const auto first = std::find_if(candidates.begin(), candidates.end(), begins);
  if (first == candidates.end() || std::any_of(first + 1, candidates.end(), begins)) return std::nullopt;
  return *first;
}

}  // namespace takt::cli
