#pragma once
// Bits that fall over in the files of a broker that has stopped.

#include <cstdint>
#include <vector>

#include "tests/crash/images.h"

namespace takt::crash {

struct FlipsPlan {
  std::uint64_t first_seed = 1;
  std::uint64_t count = 1;
};
struct FlipsReport {
  std::uint64_t flips = 0;
  std::uint64_t harmless = 0;      ///< everything is as it was
  std::uint64_t refused = 0;       ///< the broker does not start, or not before the file is mended, and says why
  std::uint64_t passed_over = 0;   ///< it starts, and says which messages it cannot read
  std::uint64_t crashes = 0;       ///< the process died
  std::uint64_t wrong = 0;         ///< something is not what was stored and nobody said so
  std::vector<Failure> failures;
};
/// One bit for each seed, in one of the partition's files: with an even one anywhere, with an odd one where LMDB keeps its
/// trees together and the write-ahead file its records, at the beginning of a page. The recorded broker must have been stopped in order.
FlipsReport examine_flips(const Archive& archive, const FlipsPlan& plan);

}  // namespace takt::crash
