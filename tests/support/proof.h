#pragma once
// A test that is also a slice of a long proof: where its seed and size come from, and how it says what it counted.
// docs/results/README.md has the convention, scripts/prove the runner.

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace takt::testing {

struct Slice {
  std::uint64_t seed = 1;
  std::uint64_t count = 1; ///< kills, images, cycles: the proof's unit
};
/// TAKT_PROVE_SEED and TAKT_PROVE_COUNT where they are set. Throws std::runtime_error when one is no number.
Slice slice_or(Slice otherwise);

/// Prints the line that the runner reads. Names are plain words with underscores.
void print_figures(std::initializer_list<std::pair<std::string_view, std::uint64_t>> figures);

}  // namespace takt::testing
