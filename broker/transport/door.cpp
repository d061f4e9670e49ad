#include "broker/transport/door.h"

#include "broker/transport/zmq_epoll.h"

namespace takt::transport {

void Door::accepted() {
  ++open_;
  --progress_;   // every round from now on is longer by one
}

void Door::ended() {
  heard_of_ended();
  --open_;
  if (ending_ > 0) --ending_;   // it was one of them, as a rule
}

void Door::heard_of_ended() { unread_.push_back(progress_ + open_ + static_cast<std::int64_t>(unread_.size())); }

void Door::read(std::size_t messages) {
  progress_ += static_cast<std::int64_t>(messages);
  while (!unread_.empty() && unread_.front() <= progress_) unread_.pop_front();
}

void Door::mind() {
  const std::size_t unread = unread_.size() + ending_;
  const bool must_be_shut = is_shut_ ? unread > unread_max_ * 3 / 4 : unread > unread_max_;   // not to and fro at its bound
  if (must_be_shut == is_shut_) return;
  is_shut_ = must_be_shut;
  if (is_shut_) ++times_shut_;
  hold_newcomers(listener_, is_shut_);
}

}  // namespace takt::transport
