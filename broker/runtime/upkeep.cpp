#include "broker/runtime/upkeep.h"

#include <malloc.h>
#include <pthread.h>

#include <limits>

namespace takt::runtime {
namespace {

// Without an append, before the file is prepared for the next, and before memory that a burst took goes back to the system.
constexpr Duration quiet = std::chrono::milliseconds(20);
constexpr Duration long_quiet = std::chrono::seconds(1);

}  // namespace

Upkeep::Upkeep(Stores& stores, std::function<void(FrontFreed)> freed)
    : stores_(stores),
      freed_(std::move(freed)),
      inbox_(std::numeric_limits<std::size_t>::max()),
      thread_([this] { run(); }) {}

Upkeep::~Upkeep() { inbox_.close(); }

void Upkeep::appended(const store::Log& log) {
  appended_at_ = monotonic_now();
  if ((log.is_drain_due() || is_resting_) && !is_called_.exchange(true)) inbox_.put(LookAround{});
}

void Upkeep::run() {
  pthread_setname_np(pthread_self(), "takt-upkeep");
  for (;;) {
    auto mail = inbox_.take_all(next_look());
    is_resting_ = false;
    is_called_ = false;
    for (const Call& call : mail.prior)
      if (const auto* free = std::get_if<Free>(&call)) to_free_.insert(to_free_.end(), free->steps.begin(), free->steps.end());
    if (mail.is_closed) return;
    if (auto freed = look_around()) freed_(std::move(*freed));
  }
}

std::optional<Time> Upkeep::next_look() {
  if (!to_free_.empty()) return monotonic_now();
  if (const Time appended_at = appended_at_; appended_at != quiet_since_) {
    quiet_since_ = appended_at;
    is_prepared_ = is_tidied_ = false;
  }
  if (!is_prepared_) return quiet_since_ + quiet;
  if (!is_tidied_) return quiet_since_ + long_quiet;
  is_resting_ = true;
  return appended_at_.load() == quiet_since_ ? std::nullopt : std::optional(monotonic_now());
}

// One piece of each at a time: a large append shares the log's file.
std::optional<FrontFreed> Upkeep::look_around() {
  const auto stores = stores_.use();
  if (!stores) {   // until the next append
    to_free_.clear();
    is_prepared_ = is_tidied_ = true;
    return std::nullopt;
  }
  std::optional<FrontFreed> freed;
  if (!to_free_.empty()) {   // first: a full log has room for what waits then
    freed.emplace();
    if (auto result = stores.log->free_before(to_free_.front()); !result) freed->failure = result.error();
    to_free_.pop_front();
  }
  if (stores.log->is_drain_due()) stores.log->drain();
  if (freed) return freed;
  const Duration quiet_for = monotonic_now() - appended_at_.load();
  if (!is_prepared_ && quiet_for >= quiet) {
    is_prepared_ = !stores.log->preallocate();
  } else if (is_prepared_ && !is_tidied_ && quiet_for >= long_quiet) {
    stores.log->drain();
    // Each thread's heap keeps what its largest burst took: some 20 MB over all of them.
    malloc_trim(0);
    is_tidied_ = true;
  }
  return std::nullopt;
}

}  // namespace takt::runtime
