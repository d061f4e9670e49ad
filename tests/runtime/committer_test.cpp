#include "broker/runtime/committer.h"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <semaphore>

#include "broker/core/commit_builder.h"
#include "broker/store/memory_log.h"
#include "broker/store/memory_tables.h"
#include "tests/support/deadline.h"

namespace takt::runtime {
namespace {

constexpr core::PartitionUuid test_uuid{std::byte{7}};

/// A log that wants to be drained when three appends wait.
class WaitingLog final : public store::Log {
 public:
  explicit WaitingLog(store::MemoryDisk& disk) : log_(disk) {}

  store::LogBounds bounds() const override { return log_.bounds(); }
  Result<void, store::StoreFailure> append(std::span<const core::Commit> commits) override {
    ++waiting_;
    return log_.append(commits);
  }
  Result<std::vector<core::Commit>, store::StoreFailure> read(Position from, std::size_t bytes_max) const override {
    return log_.read(from, bytes_max);
  }
  Result<void, store::StoreFailure> scan(Position from, std::size_t bytes_max, const Visit& visit) const override {
    return log_.scan(from, bytes_max, visit);
  }
  Result<void, store::StoreFailure> truncate_after(Position end) override { return log_.truncate_after(end); }
  Result<void, store::StoreFailure> free_before(Position position) override { return log_.free_before(position); }
  bool is_drain_due() const override { return waiting_ >= 3; }
  void drain() override {
    gate.wait();
    waiting_ = 0;
    ++drains;
  }

  std::atomic<int> drains = 0;
  std::shared_future<void> gate = open_gate();

 private:
  static std::shared_future<void> open_gate() {
    std::promise<void> open;
    open.set_value();
    return open.get_future().share();
  }

  store::MemoryLog log_;
  std::atomic<int> waiting_ = 0;
};

class MemoryStores final : public Stores {
 public:
  Access use() override {
    ++uses;
    if (is_closed) return {std::shared_lock(mutex_), nullptr, nullptr};
    return {std::shared_lock(mutex_), &log, &tables};
  }
  Result<void, store::StoreFailure> reopen() override { return {}; }
  store::DiskRoom disk() override { return {.free_bytes = 1u << 30}; }

  std::atomic<bool> is_closed = false;
  std::atomic<int> uses = 0;
  store::MemoryDisk disk_beneath{test_uuid};
  WaitingLog log{disk_beneath};
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

/// Appends one commit after the other, each once the one before is answered.
void append(Committer& committer, std::counting_semaphore<>& answered, std::uint64_t first, std::uint64_t end) {
  for (std::uint64_t i = first; i < end; ++i) {
    committer.append(commit_at(Position(i)));
    ASSERT_TRUE(answered.try_acquire_for(testing::patience));
  }
}

TEST(Committer, DrainsTheLogWhenThatIsDueAndOnceNothingComesAnyMore) {
  MemoryStores stores;
  std::counting_semaphore<> answered(0);
  Committer committer(stores, [&](const ShardMail&) { answered.release(); });
  append(committer, answered, 0, 3);
  EXPECT_TRUE(testing::wait_until([&] { return stores.log.drains >= 1; }));
  const int drains = stores.log.drains;
  append(committer, answered, 3, 4);
  EXPECT_TRUE(testing::wait_until([&] { return stores.log.drains > drains; }));
}

TEST(Committer, AppendsWhileTheLogIsDrained) {
  MemoryStores stores;
  std::promise<void> gate;
  stores.log.gate = gate.get_future().share();
  std::counting_semaphore<> answered(0);
  Committer committer(stores, [&](const ShardMail&) { answered.release(); });
  append(committer, answered, 0, 10);
  EXPECT_EQ(stores.log.drains, 0);
  gate.set_value();
  EXPECT_TRUE(testing::wait_until([&] { return stores.log.drains > 0; }));
}

TEST(Committer, FreesStepByStepAndTellsTheBoundsOfEach) {
  MemoryStores stores;
  std::counting_semaphore<> answered(0);
  std::mutex mutex;
  std::vector<Position> freed;
  Committer committer(stores, [&](ShardMail mail) {
    if (const auto* front = std::get_if<FrontFreed>(&mail)) {
      const std::lock_guard lock(mutex);
      freed.push_back(front->log.first);
    }
    answered.release();
  });
  append(committer, answered, 0, 6);
  committer.free_before({Position(2), Position(5)});
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(answered.try_acquire_for(testing::patience));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(freed, (std::vector{Position(2), Position(5)}));
}

TEST(Committer, LooksAfterNothingWhileTheLogIsNotOpen) {
  MemoryStores stores;
  std::counting_semaphore<> answered(0);
  Committer committer(stores, [&](const ShardMail&) { answered.release(); });
  append(committer, answered, 0, 1);
  stores.is_closed = true;
  append(committer, answered, 1, 2);   // refused
  std::this_thread::sleep_for(std::chrono::milliseconds(300));   // within which all timers of its rest fall but the last
  EXPECT_LT(stores.uses, 20);
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
