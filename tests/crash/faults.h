#pragma once
// One call to the disk fails, and taktd must have said so, kept what it confirmed, and start again.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/crash/images.h"

namespace takt::crash {

enum class FaultKind { kFail, kShort, kFull };   ///< as DISK_SHIM_FAULT has them

struct FaultsPlan {
  std::filesystem::path folder;                  ///< of the recordings; those of failures stay
  std::filesystem::path scratch;
  std::uint64_t first_call = 1;
  std::uint64_t count = 1;                       ///< of calls, one run of the broker each and for each kind
  std::uint64_t step = 1;                        ///< between two of them
  std::vector<FaultKind> kinds{FaultKind::kFail, FaultKind::kShort, FaultKind::kFull};
  bool is_wal_only = false;                      ///< count the calls on log.wal and no others
};
struct FaultsReport {
  std::uint64_t calls = 0;         ///< as planned; a run has some 430
  std::uint64_t runs = 0;
  std::uint64_t struck = 0;        ///< the fault came to pass; a call beyond the last one never does
  std::uint64_t stopped = 0;       ///< the broker stopped because of it, and said why
  std::uint64_t survived = 0;      ///< it went on, and stopped in order at the end
  std::uint64_t images = 0;        ///< of what a loss of power right after may leave, examined
  std::vector<Failure> failures{};   ///< by call: no message, a hang, something lost, no start afterwards
};
FaultsReport examine_faults(const FaultsPlan& plan);

}  // namespace takt::crash
