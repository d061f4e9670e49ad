#pragma once

#include <optional>

#include "proto/ids.h"

namespace takt::core {

/// Where a scheduled message goes when it is due: what its timer's tag says.
struct StagedFor {
  TopicId topic;
  Lane lane;

  std::uint64_t tag() const { return std::uint64_t{topic.value} << 8 | lane.value; }
  static StagedFor of(std::uint64_t tag) { return {TopicId(static_cast<std::uint32_t>(tag >> 8)), Lane(static_cast<std::uint8_t>(tag))}; }
};

/// The tag of a schedule's timer: no lane has this number.
inline constexpr std::uint8_t schedule_lane = 255;
inline std::uint64_t tag_of(ScheduleId schedule) { return std::uint64_t{schedule.value} << 8 | schedule_lane; }
inline std::optional<ScheduleId> schedule_of(std::uint64_t tag) {
  if (static_cast<std::uint8_t>(tag) != schedule_lane) return std::nullopt;
  return ScheduleId(static_cast<std::uint32_t>(tag >> 8));
}

}  // namespace takt::core
