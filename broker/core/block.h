#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/core/commit.h"
#include "proto/ids.h"
#include "proto/section.h"
#include "proto/shared_bytes.h"

namespace takt::core {

/// Messages of one topic and lane, consecutive in offset and in position, in memory: a window into a commit's bytes or
/// into bytes that were read back. Immutable; shared by the cache and by deliveries on their way out.
struct Block {
  struct Part {
    std::uint32_t first = 0;            ///< index within the block
    proto::SectionView messages;
  };

  TopicId topic;
  Lane lane;
  Offset first_offset;
  Position first_position;
  std::uint32_t count = 0;
  std::vector<Part> parts;              ///< ascending, gapless
  SharedBytes memory;                   ///< keeps the views alive
  std::size_t bytes = 0;                ///< what the cache accounts for it

  Offset end() const { return first_offset.plus(count); }
};

using BlockPtr = std::shared_ptr<const Block>;

/// `count` messages of a block from index `first` on.
struct BlockSlice {
  BlockPtr block;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// The blocks of a commit: each stretch of neighbouring batches of one topic and lane becomes one, sharing the commit's bytes.
std::vector<BlockPtr> blocks_of(const CommitView& view, const SharedBytes& value);

/// Bytes that the slice takes in a pair of sections: its metadata, its payload and its part of the section table.
std::size_t slice_bytes(const BlockSlice& slice);
/// One pair of sections of all the slices' messages, each byte copied once. Any thread.
proto::Sections gather(std::span<const BlockSlice> slices);

}  // namespace takt::core
