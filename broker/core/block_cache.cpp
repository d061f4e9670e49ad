#include "broker/core/block_cache.h"

namespace takt::core {

void BlockCache::insert(BlockPtr block) {
  const Place where = place(block->topic, block->lane);
  const Offset first = block->first_offset;
  const std::size_t bytes = block->bytes;
  if (!blocks_[where].try_emplace(first, std::move(block)).second) return;
  bytes_ += bytes;
  order_.emplace_back(where, first);
  while (bytes_ > bytes_max_ && order_.size() > 1) {
    const auto [oldest, offset] = order_.front();
    order_.pop_front();
    erase(oldest, offset);
  }
}

BlockPtr BlockCache::find(TopicId topic, Lane lane, Offset offset) const {
  const auto lane_blocks = blocks_.find(place(topic, lane));
  if (lane_blocks == blocks_.end()) return nullptr;
  auto it = lane_blocks->second.upper_bound(offset);
  if (it == lane_blocks->second.begin()) return nullptr;
  --it;
  return offset < it->second->end() ? it->second : nullptr;
}

void BlockCache::drop(TopicId topic) {
  for (std::uint8_t lane = 0; lane < lane_count; ++lane) {
    const auto it = blocks_.find(place(topic, Lane(lane)));
    if (it == blocks_.end()) continue;
    for (const auto& [first, block] : it->second) bytes_ -= block->bytes;
    blocks_.erase(it);
    std::erase_if(order_, [&](const auto& inserted) { return inserted.first == place(topic, Lane(lane)); });
  }
}

void BlockCache::erase(Place where, Offset first) {
  const auto lane_blocks = blocks_.find(where);
  if (lane_blocks == blocks_.end()) return;
  const auto it = lane_blocks->second.find(first);
  if (it == lane_blocks->second.end()) return;
  bytes_ -= it->second->bytes;
  lane_blocks->second.erase(it);
  if (lane_blocks->second.empty()) blocks_.erase(lane_blocks);
}

}  // namespace takt::core
