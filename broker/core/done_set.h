#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/core/commit.h"
#include "proto/ids.h"
#include "proto/result.h"

namespace takt::core {

/// Which offsets of a group and lane are done: everything below the floor, and above it containers of 16,384 offsets,
/// each a bitmap while it is partly done; fully done ones fold into ranges. There is no cliff: one open offset below
/// 100 M done ones costs one range, every second one open costs 1 bit per offset.
class DoneSet {
 public:
  static constexpr std::uint64_t container_offsets = 16'384;

  /// Everything before `floor` is done from the beginning.
  explicit DoneSet(Offset floor = Offset(0)) : floor_(floor) {}

  /// The first offset that is not done.
  Offset floor() const { return floor_; }
  bool contains(Offset offset) const;
  /// Adds `count` offsets from `first` on; those already there are no matter. Returns how many were new.
  std::uint64_t add(Offset first, std::uint64_t count);
  /// The first offset >= `from` that is not done.
  Offset next_open(Offset from) const;
  /// How many consecutive offsets from `from` on are not done, at most `limit`. 0 when `from` is done.
  std::uint64_t open_run(Offset from, std::uint64_t limit) const;
  /// Offsets done at or above the floor.
  std::uint64_t count_above_floor() const { return above_; }

  /// A stored container: at `index` (offset / 16,384) `value`, or its row goes. In no particular order.
  struct ContainerRow {
    std::uint64_t index = 0;
    std::optional<std::string> value;
  };
  /// The containers that changed since the last call.
  std::vector<ContainerRow> take_changes();
  /// Takes in a stored container. The floor must be the stored one.
  Result<void, Corruption> load(std::uint64_t index, std::string_view value);

 private:
  struct Container {
    std::array<std::uint64_t, container_offsets / 64> words{};
    std::uint32_t count = 0;
  };

  void add_above(std::uint64_t from, std::uint64_t until);
  void fold(std::uint64_t index);
  void advance_floor();
  std::uint64_t full_until(std::uint64_t index) const;

  Offset floor_;
  std::uint64_t above_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Container>> partial_;   ///< never full, never empty
  std::map<std::uint64_t, std::uint64_t> full_;                   ///< first container -> end container; disjoint, not adjacent
  std::set<std::uint64_t> changed_;
};

}  // namespace takt::core
