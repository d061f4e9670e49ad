#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>

#include "broker/core/block.h"

namespace takt::core {

/// The newest messages in memory, by topic, lane and offset: sealed commits as they are, and what was read back for a
/// backlog. Bounded by bytes; the block that came first goes first, but never the newest.
class BlockCache {
 public:
  explicit BlockCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void insert(BlockPtr block);
  /// The block that holds `offset`, or null.
  BlockPtr find(TopicId topic, Lane lane, Offset offset) const;
  void drop(TopicId topic);
  std::size_t bytes() const { return bytes_; }

 private:
  using Place = std::uint64_t;
  static Place place(TopicId topic, Lane lane) { return std::uint64_t{topic.value} * lane_count + lane.value; }
  void erase(Place where, Offset first);

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::unordered_map<Place, std::map<Offset, BlockPtr>> blocks_;
  std::deque<std::pair<Place, Offset>> order_;   ///< as inserted
};

}  // namespace takt::core
