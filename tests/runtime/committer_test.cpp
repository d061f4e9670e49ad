#include "broker/runtime/committer.h"

#include <gtest/gtest.h>

#include <future>

#include "broker/core/commit_builder.h"
#include "broker/store/memory_log.h"
#include "broker/store/memory_tables.h"

namespace takt::runtime {
namespace {

constexpr core::PartitionUuid test_uuid{std::byte{7}};

class MemoryStores final : public Stores {
 public:
  Access use() override { return {std::shared_lock(mutex_), &log, &tables}; }
  Result<void, store::StoreFailure> reopen() override { return {}; }
  store::DiskRoom disk() override { return {.free_bytes = 1u << 30}; }

  store::MemoryDisk disk_beneath{test_uuid};
  store::MemoryLog log{disk_beneath};
  store::MemoryTables tables{disk_beneath};

 private:
  std::shared_mutex mutex_;
};

core::Commit commit_at(Position first) {
  core::CommitBuilder builder(first);
  builder.add(core::EpochBegun{Epoch(static_cast<std::uint32_t>(first.value) + 1)});
  core::CommitHeader header;
  header.partition = test_uuid;
  return builder.seal(header);
}

TEST(Committer, TellsOfAnAppendWhenTheLogHasIt) {
  MemoryStores stores;
  std::promise<Position> there;   // where the log ended when the answer came, which is on the committer's thread
  Committer committer(stores, [&](ShardMail mail) {
    ASSERT_TRUE(std::holds_alternative<Appended>(mail));
    there.set_value(stores.log.bounds().end);
  });
  committer.append(commit_at(Position(0)));
  EXPECT_EQ(there.get_future().get(), Position(1));
}

TEST(Committer, TellsOfAnAppendThatFailed) {
  MemoryStores stores;
  stores.disk_beneath.fail_next_append(store::StoreFailure::Kind::kFull);
  std::promise<Appended> answer;
  Committer committer(stores, [&](ShardMail mail) { answer.set_value(std::get<Appended>(std::move(mail))); });
  committer.append(commit_at(Position(0)));
  const Appended appended = answer.get_future().get();
  EXPECT_EQ(appended.commits, 1u);
  ASSERT_TRUE(appended.failure);
  EXPECT_EQ(appended.failure->kind, store::StoreFailure::Kind::kFull);
}

}  // namespace
}  // namespace takt::runtime
