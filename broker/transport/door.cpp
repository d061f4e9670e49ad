#include "broker/transport/door.h"

#include "broker/transport/zmq_epoll.h"

namespace takt::transport {

void Door::accepted() {
  ++open_;
  progress_ -= queue_messages_;   // it is in everybody's round from now on
}

void Door::ended() {
  const auto in_round = open_ + static_cast<std::int64_t>(unread_.size());
  unread_.push_back(progress_ + queue_messages_ * in_round);
  --open_;
}

void Door::read(std::size_t messages) {
  progress_ += static_cast<std::int64_t>(messages);
  while (!unread_.empty() && unread_.front() <= progress_) unread_.pop_front();
}

void Door::mind() {
  const bool must_be_shut = unread_.size() + ending_ > unread_max_;
  if (must_be_shut == is_shut_) return;
  is_shut_ = must_be_shut;
  if (is_shut_) ++times_shut_;
  hold_newcomers(listener_, is_shut_);
}

void Door::mind(std::size_t ending) {
  ending_ = ending;
  mind();
}

}  // namespace takt::transport
