#include "broker/core/unreadable.h"

#include <algorithm>

namespace takt::core {

void Unreadable::add(TopicId topic, Lane lane, Offset from, Offset until) {
  Stretches& stretches = lanes_[{topic, lane}];
  auto it = stretches.upper_bound(from);
  if (it != stretches.begin() && std::prev(it)->second >= from) --it;
  while (it != stretches.end() && it->first <= until) {
    from = std::min(from, it->first);
    until = std::max(until, it->second);
    it = stretches.erase(it);
  }
  stretches.emplace(from, until);
}

std::optional<Offset> Unreadable::end_of(TopicId topic, Lane lane, Offset offset) const {
  const auto stretches = lanes_.find({topic, lane});
  if (stretches == lanes_.end()) return std::nullopt;
  auto it = stretches->second.upper_bound(offset);
  if (it == stretches->second.begin()) return std::nullopt;
  --it;
  return offset < it->second ? std::optional(it->second) : std::nullopt;
}

std::uint64_t Unreadable::owed(TopicId topic, Lane lane, const GroupLane& group) const {
  const auto stretches = lanes_.find({topic, lane});
  if (stretches == lanes_.end()) return 0;
  std::uint64_t owed = 0;
  for (const auto& [from, until] : stretches->second) owed += group.owed_within(from, until);
  return owed;
}

std::uint64_t Unreadable::count() const {
  std::uint64_t count = 0;
  for (const auto& [place, stretches] : lanes_)
    for (const auto& [from, until] : stretches) count += until.value - from.value;
  return count;
}

void Unreadable::drop(TopicId topic) {
  std::erase_if(lanes_, [&](const auto& lane) { return lane.first.first == topic; });
}

}  // namespace takt::core
