#include "broker/runtime/committer.h"

#include <pthread.h>

#include <limits>

#include "proto/planted_bug.h"

namespace takt::runtime {

Committer::Committer(Stores& stores, std::function<void(ShardMail)> answer)
    : stores_(stores),
      answer_(std::move(answer)),
      inbox_(std::numeric_limits<std::size_t>::max()),
      upkeep_(stores, [this](FrontFreed freed) { tell(std::move(freed)); }),
      thread_([this] { run(); }) {}

Committer::~Committer() { inbox_.close(); }

void Committer::run() {
  pthread_setname_np(pthread_self(), "takt-commit");
  for (;;) {
    const auto mail = inbox_.take_all(std::nullopt);
    if (!mail.prior.empty()) append_all(mail.prior);
    if (mail.is_closed) return;
  }
}

void Committer::append_all(std::span<const core::Commit> commits) {
  Appended appended;
  appended.commits = commits.size();
  appended.end = commits.back().end;
  for (const core::Commit& commit : commits) appended.bytes += commit.value.size();
  const bool is_early = planted(PlantedBug::kAnsweredBeforeAppend);
  if (is_early) tell(appended);
  const Time began = monotonic_now();
  if (const auto stores = stores_.use()) {
    if (auto result = stores.log->append(commits); !result) appended.failure = result.error();
    upkeep_.appended(*stores.log);
  } else {
    appended.failure = store::StoreFailure{store::StoreFailure::Kind::kRefused, "the log is not open"};
  }
  appended.took = monotonic_now() - began;
  appended.disk = stores_.disk();
  if (!is_early) tell(std::move(appended));
}

template <class Mail>
void Committer::tell(Mail mail) {
  const std::lock_guard lock(answering_);
  if (const auto stores = stores_.use()) mail.log = stores.log->bounds();
  answer_(std::move(mail));
}

}  // namespace takt::runtime
