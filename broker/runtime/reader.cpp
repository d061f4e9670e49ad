#include "broker/runtime/reader.h"

#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "broker/runtime/block_reader.h"
#include "broker/runtime/message_finder.h"
#include "broker/runtime/timer_reader.h"

namespace takt::runtime {
namespace {

constexpr Duration retry_after = std::chrono::seconds(1);

}  // namespace

Reader::Reader(Stores& stores, const core::PartitionUuid& partition, std::function<void(ShardMail)> answer,
               std::function<void(const store::StoreFailure&)> failed)
    : stores_(stores),
      partition_(partition),
      answer_(std::move(answer)),
      failed_(std::move(failed)),
      inbox_(std::numeric_limits<std::size_t>::max()),
      thread_([this] { run(); }) {}

Reader::~Reader() { inbox_.close(); }

void Reader::run() {
  pthread_setname_np(pthread_self(), "takt-read");
  std::optional<Time> retry_at;
  for (;;) {
    auto mail = inbox_.take_all(retry_at);
    if (mail.is_closed) return;
    std::vector<Request> requests = std::exchange(to_retry_, {});
    std::ranges::move(mail.prior, std::back_inserter(requests));
    for (Request& request : requests) serve(std::move(request));
    retry_at = to_retry_.empty() ? std::optional<Time>() : std::optional(monotonic_now() + retry_after);
  }
}

void Reader::serve(Request request) {
  const auto stores = stores_.use();
  if (!stores) return;   // the partition that asked is gone
  auto answered = std::visit([&](const auto& wanted) { return answer(stores, wanted); }, request);
  if (answered) return answer_(std::move(*answered));
  failed_(answered.error());
  to_retry_.push_back(std::move(request));
}

Result<core::Command, store::StoreFailure> Reader::answer(const Stores::Access& stores, const core::LoadBlocks& request) {
  auto read = read_blocks(*stores.log, *stores.tables, partition_, request);
  if (!read) return failed(std::move(read.error()));
  for (const store::StoreFailure& damage : read->damage) failed_(damage);
  return core::Command(std::move(read->answer));
}

Result<core::Command, store::StoreFailure> Reader::answer(const Stores::Access& stores, const core::LoadTimers& request) {
  auto read = read_timers(*stores.tables, request);
  if (read) return core::Command(std::move(*read));
  if (read.error().kind != store::StoreFailure::Kind::kCorrupt) return failed(std::move(read.error()));
  // The partition knows whether it still wants them: after a reload they may be gone because they fired.
  return core::Command(core::TimersLoaded{request.range, {}, core::Corruption{std::move(read.error().message)}});
}

Result<core::Command, store::StoreFailure> Reader::answer(const Stores::Access& stores, const core::FindMessages& request) {
  auto read = find_messages(*stores.log, *stores.tables, partition_, request);
  if (!read) return failed(std::move(read.error()));
  for (const store::StoreFailure& damage : read->damage) failed_(damage);
  return core::Command(std::move(read->answer));
}

}  // namespace takt::runtime
