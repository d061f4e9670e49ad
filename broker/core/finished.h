#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "broker/core/bytes.h"
#include "proto/ids.h"
#include "proto/time.h"

namespace takt::core {

/// By when the messages of a lane were done, as its floor went by: to the second for the newest, ever more roughly for older
/// ones, and never too early. Thread: its owner's.
class Finished {
 public:
  static constexpr std::size_t marks_max = 16;

  /// All before `floor` is done at `time`.
  void note(Offset floor, WallTime time);
  /// None: `offset` lies behind the floor.
  std::optional<WallTime> by(Offset offset) const;

  void append_to(ByteWriter& out) const;
  /// False: it is not what append_to() gives.
  [[nodiscard]] bool read(ByteReader& in);

 private:
  struct Mark {
    Offset end;
    WallTime time{};   ///< by which all before `end` was done
  };
  void thin_out();

  std::vector<Mark> marks_;   ///< rising
};

}  // namespace takt::core
