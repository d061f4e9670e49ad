#include "worker-sdk/cpp/src/handler_pool.h"

#include <pthread.h>

namespace takt::sdk {

HandlerPool::HandlerPool(std::uint32_t threads) {
  for (std::uint32_t i = 0; i < threads; ++i) slots_.push_back(std::make_unique<Slot>());
}

HandlerPool::~HandlerPool() {
  close();
  for (std::thread& thread : threads_) thread.join();
}

void HandlerPool::start(Unit unit, Execute execute) {
  unit_ = unit;
  execute_ = std::move(execute);
  for (auto& slot : slots_) threads_.emplace_back([this, &slot] { work(*slot); });
}

void HandlerPool::give(AssignmentPtr assignment) {
  const bool many = assignment->count() > 1;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(assignment));
  }
  if (many) {
    work_there_.notify_all();
  } else {
    work_there_.notify_one();
  }
}

AssignmentPtr HandlerPool::next_assignment() {
  std::unique_lock lock(mutex_);
  while (true) {
    while (!queue_.empty() && queue_.front()->exhausted()) queue_.pop_front();
    if (!queue_.empty()) return queue_.front();
    if (closed_) return nullptr;
    work_there_.wait(lock);
  }
}

void HandlerPool::work(Slot& slot) {
  pthread_setname_np(pthread_self(), "takt-handler");
  while (AssignmentPtr assignment = next_assignment()) {
    if (unit_ == Unit::kRange) {
      const std::uint32_t first = assignment->claim_rest();
      if (first < assignment->count()) run_claim(slot, assignment, first, assignment->count() - first);
      continue;
    }
    while (true) {
      const std::uint32_t index = assignment->next.fetch_add(1, std::memory_order_relaxed);
      if (index >= assignment->count()) break;
      run_claim(slot, assignment, index, 1);
    }
  }
}

void HandlerPool::run_claim(Slot& slot, const AssignmentPtr& assignment, std::uint32_t first, std::uint32_t count) {
  Claim claim{*assignment, first, count, {}};
  running_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(slot.mutex);
    if (slot.fired) {
      slot.stop = std::stop_source();
      slot.fired = false;
    }
    slot.assignment = assignment.get();
    slot.first = first;
    slot.count = count;
    claim.stop = slot.stop.get_token();
  }
  execute_(assignment, claim);
  {
    const std::lock_guard lock(slot.mutex);
    slot.assignment = nullptr;
  }
  running_.fetch_sub(1);
}

// The token's callbacks are the user's code: they run without our lock. `fired` is set under it, so the next message
// of that thread gets a fresh token.
template <class Matches>
void HandlerPool::fire(Matches matches) {
  for (const auto& slot : slots_) {
    std::optional<std::stop_source> stop;
    {
      const std::lock_guard lock(slot->mutex);
      if (slot->assignment == nullptr || !matches(*slot)) continue;
      slot->fired = true;
      stop = slot->stop;
    }
    stop->request_stop();
  }
}

void HandlerPool::interrupt(const Assignment& assignment, const Bits& bits) {
  fire([&](const Slot& slot) {
    if (slot.assignment != &assignment) return false;
    Bits mine;
    mine.set({slot.first, slot.count});
    return (mine & bits).any();
  });
}

void HandlerPool::interrupt_all() {
  fire([](const Slot&) { return true; });
}

void HandlerPool::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  work_there_.notify_all();
}

std::uint32_t HandlerPool::queued() const {
  const std::lock_guard lock(mutex_);
  std::uint32_t sum = 0;
  for (const AssignmentPtr& assignment : queue_) sum += assignment->count() - std::min(assignment->next.load(), assignment->count());
  return sum;
}

}  // namespace takt::sdk
