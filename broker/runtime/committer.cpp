#include "broker/runtime/committer.h"

#include <malloc.h>

#include <limits>

#include "proto/planted_bug.h"

namespace takt::runtime {
namespace {

// Without an append, before the file is prepared for the next, and before memory that a burst took goes back to the system.
constexpr Duration quiet = std::chrono::milliseconds(20);
constexpr Duration long_quiet = std::chrono::seconds(1);

}  // namespace

Committer::Committer(Stores& stores, std::function<void(ShardMail)> answer)
    : stores_(stores),
      answer_(std::move(answer)),
      inbox_(std::numeric_limits<std::size_t>::max()),
      thread_([this] { run(); }) {}

Committer::~Committer() { inbox_.close(); }

void Committer::run() {
  for (;;) {
    const auto deadline = to_free_.empty() ? quiet_work_at() : std::optional(monotonic_now());
    auto mail = inbox_.take_all(deadline);
    std::vector<core::Commit> commits;
    for (Work& work : mail.prior) {
      if (auto* commit = std::get_if<core::Commit>(&work)) {
        commits.push_back(std::move(*commit));
      } else {
        for (const Position step : std::get<Free>(work).steps) to_free_.push_back(step);
      }
    }
    if (!commits.empty()) append_all(std::move(commits));
    if (mail.is_closed) return;
    if (!to_free_.empty()) {
      free_one(to_free_.front());
      to_free_.pop_front();
    } else if (mail.empty()) {
      do_quiet_work();
    }
  }
}

void Committer::append_all(std::vector<core::Commit> commits) {
  Appended appended;
  appended.commits = commits.size();
  appended.end = commits.back().end;
  for (const core::Commit& commit : commits) appended.bytes += commit.value.size();
  if (planted(PlantedBug::kAnsweredBeforeAppend)) answer_(appended);
  const Time began = monotonic_now();
  if (const auto stores = stores_.use()) {
    if (auto result = stores.log->append(commits); !result) appended.failure = result.error();
    appended.log = stores.log->bounds();
  } else {
    appended.failure = store::StoreFailure{store::StoreFailure::Kind::kRefused, "the log is not open"};
  }
  appended.took = monotonic_now() - began;
  appended.disk = stores_.disk();
  if (!planted(PlantedBug::kAnsweredBeforeAppend)) answer_(std::move(appended));
  preallocate_at_ = monotonic_now() + quiet;
  trim_at_ = monotonic_now() + long_quiet;
}

void Committer::free_one(Position step) {
  const auto stores = stores_.use();
  if (!stores) return;
  FrontFreed freed;
  if (auto result = stores.log->free_before(step); !result) freed.failure = result.error();
  freed.log = stores.log->bounds();
  answer_(std::move(freed));
}

std::optional<Time> Committer::quiet_work_at() const { return preallocate_at_ ? preallocate_at_ : trim_at_; }

// One piece of it, so that an append never waits for more.
void Committer::do_quiet_work() {
  if (preallocate_at_) {
    const auto stores = stores_.use();
    if (!stores || !stores.log->preallocate()) preallocate_at_.reset();
  } else if (trim_at_) {
    // Each thread's heap keeps what its largest burst took: some 20 MB over all of them.
    malloc_trim(0);
    trim_at_.reset();
  }
}

}  // namespace takt::runtime
