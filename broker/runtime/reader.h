#pragma once

#include <functional>
#include <thread>
#include <variant>

#include "broker/core/commit.h"
#include "broker/runtime/inbox.h"
#include "broker/runtime/ports.h"
#include "broker/runtime/shard_mail.h"
#include "broker/runtime/stores.h"

namespace takt::runtime {

/// A thread that reads for the owner, which never touches the stores itself.
class Reader final : public ReaderPort {
 public:
  /// `failed` hears of each read that failed, which is tried again after a second, for the messages are owed; and of each
  /// damaged stretch that was passed over.
  Reader(Stores& stores, const core::PartitionUuid& partition, std::function<void(ShardMail)> answer,
         std::function<void(const store::StoreFailure&)> failed);
  ~Reader() override;

  void load(core::LoadBlocks request) override { inbox_.put(std::move(request)); }
  void load(core::LoadTimers request) override { inbox_.put(std::move(request)); }
  void load(core::FindMessages request) override { inbox_.put(std::move(request)); }

 private:
  void run();
  using Request = std::variant<core::LoadBlocks, core::LoadTimers, core::FindMessages>;
  void serve(Request request);
  Result<core::Command, store::StoreFailure> answer(const Stores::Access& stores, const core::LoadBlocks& request);
  Result<core::Command, store::StoreFailure> answer(const Stores::Access& stores, const core::LoadTimers& request);
  Result<core::Command, store::StoreFailure> answer(const Stores::Access& stores, const core::FindMessages& request);

  Stores& stores_;
  const core::PartitionUuid partition_;
  const std::function<void(ShardMail)> answer_;
  const std::function<void(const store::StoreFailure&)> failed_;
  Inbox<Request> inbox_;
  std::vector<Request> to_retry_;   ///< thread_ only
  std::jthread thread_;
};

}  // namespace takt::runtime
