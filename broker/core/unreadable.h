#pragma once

#include <map>
#include <optional>
#include <utility>

#include "broker/core/state.h"
#include "proto/ids.h"

namespace takt::core {

/// Messages whose stored bytes are damaged: passed over until the next start, which tries them again. They stay owed.
class Unreadable {
 public:
  void add(TopicId topic, Lane lane, Offset from, Offset until);
  /// The end of the damaged stretch that holds `offset`; none when it is in no such stretch.
  std::optional<Offset> end_of(TopicId topic, Lane lane, Offset offset) const;
  /// How many of the lane's damaged messages the group still owes.
  std::uint64_t owed(TopicId topic, Lane lane, const GroupLane& group) const;
  /// Of all topics.
  std::uint64_t count() const;
  void drop(TopicId topic);

 private:
  using Stretches = std::map<Offset, Offset>;   ///< first -> end; disjoint
  std::map<std::pair<TopicId, Lane>, Stretches> lanes_;
};

}  // namespace takt::core
