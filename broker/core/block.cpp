#include "broker/core/block.h"

#include <algorithm>

namespace takt::core {
namespace {

constexpr std::size_t block_overhead_bytes = 256;   // the block, its cache entry and its shared count
constexpr std::size_t part_overhead_bytes = sizeof(Block::Part) + run_overhead_bytes;   // the commit is kept whole

bool continues(const Block& block, const RunView& run) {
  return block.topic == run.topic && block.lane == run.lane && block.end() == run.first_offset &&
         block.first_position.plus(block.count) == run.first_position;
}

/// Calls `visit(messages, first, count)` for each part's share of the slice.
template <class Visit>
void each_part(const BlockSlice& slice, Visit&& visit) {
  const auto& parts = slice.block->parts;
  auto part = std::upper_bound(parts.begin(), parts.end(), slice.first, [](std::uint32_t i, const Block::Part& p) { return i < p.first; });
  --part;
  std::uint32_t at = slice.first;
  const std::uint32_t end = slice.first + slice.count;
  for (; at < end; ++part) {
    const std::uint32_t stop = std::min(end, part->first + part->messages.count());
    visit(part->messages, at - part->first, stop - at);
    at = stop;
  }
}

}  // namespace

std::vector<BlockPtr> blocks_of(const CommitView& view, const SharedBytes& value) {
  std::vector<std::shared_ptr<Block>> blocks;
  for (const RunView& run : view.runs) {
    if (run.run_class != proto::RunClass::kImmediate) continue;
    if (blocks.empty() || !continues(*blocks.back(), run)) {
      auto block = std::make_shared<Block>();
      block->topic = run.topic;
      block->lane = run.lane;
      block->first_offset = run.first_offset;
      block->first_position = run.first_position;
      block->memory = value;
      block->bytes = block_overhead_bytes;
      blocks.push_back(std::move(block));
    }
    Block& block = *blocks.back();
    block.parts.push_back({block.count, proto::SectionView(run.metadata, run.payload, run.count)});
    block.count += run.count;
    block.bytes += part_overhead_bytes + run.metadata.size() + run.payload.size();
  }
  for (const auto& block : blocks) block->parts.shrink_to_fit();   // they stay for as long as the cache keeps them
  return {blocks.begin(), blocks.end()};
}

std::size_t slice_bytes(const BlockSlice& slice) {
  std::size_t bytes = slice.count * proto::section_entry_bytes;
  each_part(slice, [&](const proto::SectionView& messages, std::uint32_t first, std::uint32_t n) { bytes += messages.bytes(first, n); });
  return bytes;
}

proto::Sections gather(std::span<const BlockSlice> slices) {
  std::vector<proto::SectionSlice> pieces;
  pieces.reserve(slices.size());
  for (const BlockSlice& slice : slices) {
    each_part(slice,
              [&](const proto::SectionView& messages, std::uint32_t first, std::uint32_t n) { pieces.push_back({messages, first, n}); });
  }
  return proto::gather(pieces);
}

}  // namespace takt::core
