#pragma once

#include "proto/ids.h"

namespace takt::core {

/// Where a scheduled message goes when it is due: what its timer's tag says.
struct StagedFor {
  TopicId topic;
  Lane lane;

  std::uint64_t tag() const { return std::uint64_t{topic.value} << 8 | lane.value; }
  static StagedFor of(std::uint64_t tag) { return {TopicId(static_cast<std::uint32_t>(tag >> 8)), Lane(static_cast<std::uint8_t>(tag))}; }
};

}  // namespace takt::core
