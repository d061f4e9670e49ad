#include "broker/runtime/committer.h"

#include <limits>

namespace takt::runtime {
namespace {

constexpr Duration quiet = std::chrono::milliseconds(20);   // without an append, before the file is prepared for the next

}  // namespace

Committer::Committer(Stores& stores, std::function<void(ShardMail)> answer)
    : stores_(stores),
      answer_(std::move(answer)),
      inbox_(std::numeric_limits<std::size_t>::max()),
      thread_([this] { run(); }) {}

Committer::~Committer() { inbox_.close(); }

void Committer::run() {
  for (;;) {
    const auto deadline = to_free_.empty() ? preallocate_at_ : std::optional(monotonic_now());
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
    } else if (mail.empty() && preallocate_at_) {
      preallocate();
    }
  }
}

void Committer::append_all(std::vector<core::Commit> commits) {
  Appended appended;
  appended.commits = commits.size();
  appended.end = commits.back().end;
  for (const core::Commit& commit : commits) appended.bytes += commit.value.size();
  const Time began = monotonic_now();
  if (const auto stores = stores_.use()) {
    if (auto result = stores.log->append(commits); !result) appended.failure = result.error();
    appended.log = stores.log->bounds();
  } else {
    appended.failure = store::StoreFailure{store::StoreFailure::Kind::kRefused, "the log is not open"};
  }
  appended.took = monotonic_now() - began;
  appended.disk = stores_.disk();
  answer_(std::move(appended));
  preallocate_at_ = monotonic_now() + quiet;
}

void Committer::free_one(Position step) {
  const auto stores = stores_.use();
  if (!stores) return;
  FrontFreed freed;
  if (auto result = stores.log->free_before(step); !result) freed.failure = result.error();
  freed.log = stores.log->bounds();
  answer_(std::move(freed));
}

void Committer::preallocate() {
  const auto stores = stores_.use();
  if (!stores || !stores.log->preallocate()) preallocate_at_.reset();
}

}  // namespace takt::runtime
