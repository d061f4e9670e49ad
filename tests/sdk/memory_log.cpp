#include "tests/sdk/memory_log.h"

#include "proto/check.h"

namespace takt::sdk {

std::unique_ptr<core::Partition> MemoryLog::open(const core::PartitionSettings& settings, Now now) const {
  auto partition = std::make_unique<core::Partition>(settings);
  for (const core::Commit& commit : commits_) {
    const auto view = core::CommitView::parse(commit.value.bytes, settings.uuid, core::CommitView::Sections::kCheck);
    check(view.has_value() && partition->replay(*view).has_value(), "our own log replays");
  }
  partition->start(now);
  return partition;
}

core::BlocksLoaded MemoryLog::read(const core::LoadBlocks& load, const core::PartitionUuid& uuid) const {
  core::BlocksLoaded loaded{load.topic, load.lane, load.from, load.from, {}};
  for (const core::Commit& commit : commits_) {
    const auto view = core::CommitView::parse(commit.value.bytes, uuid, core::CommitView::Sections::kTrust);
    check(view.has_value(), "our own log is readable");
    for (const core::RunView& run : view->runs) {
      if (run.run_class != proto::RunClass::kImmediate || run.topic != load.topic || run.lane != load.lane) continue;
      const Offset end = run.first_offset.plus(run.count);
      if (end <= load.from) continue;
      auto block = std::make_shared<core::Block>();
      block->topic = run.topic;
      block->lane = run.lane;
      block->first_offset = run.first_offset;
      block->first_position = run.first_position;
      block->count = run.count;
      block->parts = {{0, proto::SectionView(run.metadata, run.payload, run.count)}};
      block->memory = commit.value;
      block->bytes = run.metadata.size() + run.payload.size();
      loaded.blocks.push_back(std::move(block));
      loaded.until = end;
    }
  }
  return loaded;
}

}  // namespace takt::sdk
