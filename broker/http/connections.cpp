#include "broker/http/connections.h"

#include <sys/socket.h>

namespace takt::http {

bool Connections::queued(std::size_t waiting_max) {
  const std::lock_guard lock(mutex_);
  if (queued_ == waiting_max) {
    count_refused();
    return false;
  }
  ++queued_;
  cut_off();
  return true;
}

void Connections::begun() {
  const std::lock_guard lock(mutex_);
  --queued_;
  ++running_;
}

void Connections::ended() {
  const std::lock_guard lock(mutex_);
  --running_;
}

void Connections::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  while (!waited_for_.empty()) cut_off();
}

std::uint64_t Connections::waits_for_peer(int socket) {
  const std::lock_guard lock(mutex_);
  waited_for_.emplace(next_, socket);
  cut_off();
  return next_++;
}

void Connections::ended_waiting(std::uint64_t wait) {
  const std::lock_guard lock(mutex_);
  waited_for_.erase(wait);
}

void Connections::cut_off() {
  const bool is_crowded = queued_ > 0 && queued_ + running_ > threads_;
  if (waited_for_.empty() || !(is_crowded || is_closed_)) return;
  const auto longest = waited_for_.begin();
  ::shutdown(longest->second, SHUT_RDWR);   // wakes its thread
  if (!is_closed_) count_refused();
  waited_for_.erase(longest);
}

}  // namespace takt::http
