#include "tests/sdk/house.h"

namespace takt::sdk {

House::House() : now_{Time(std::chrono::hours(1)), WallTime(std::chrono::hours(400'000))} {
  desk_ = std::make_unique<transport::Desk>(transport::DeskSettings{});
  partition_ = log_.open(settings_, now_);
  settle();
}

void House::connect(Session& session) {
  connections_[&session] = transport::ConnectionId(++last_connection_);
  session.connected(now_);
  settle();
}

void House::cut(Session& session, OnTheWay requests) {
  const transport::ConnectionId connection = connections_.at(&session);
  for (const Frames& frames : session.take_frames()) {
    if (requests == OnTheWay::kArrives) desk_->received(connection, transport::Desk::Presence::kHere, frames, now_.mono);
  }
  connections_.erase(&session);
  desk_->ended(connection);
  session.disconnected("cut", now_);
}

void House::deliver(std::vector<transport::Departure> departures) {
  for (const transport::Departure& departure : departures) {
    desk_->sent(departure.to, departure.bytes);
    for (const auto& [session, connection] : connections_) {
      if (connection == departure.to) session->received(departure.frames, now_);
    }
    busy_ = true;
  }
}

void House::turn_broker(Commit commit) {
  transport::Desk::Output output = desk_->take_output();
  deliver(std::move(output.departures));
  for (auto* queue : {&output.commands.prior, &output.commands.later}) {
    for (core::Command& command : *queue) {
      partition_->handle(std::move(command), now_);
      busy_ = true;
    }
  }
  partition_->tick(now_);
  if (auto sealed = partition_->seal(now_)) {
    held_back_.push_back(std::move(*sealed));
    busy_ = true;
  }
  if (commit == Commit::kNow) {
    for (core::Commit& one : held_back_) {
      partition_->committed(one.end, now_);
      log_.append(std::move(one));
    }
    held_back_.clear();
  }
  std::vector<core::Outgoing> replies;
  for (core::Effect& effect : partition_->take_effects()) {
    busy_ = true;
    if (auto* outgoing = std::get_if<core::Outgoing>(&effect)) {
      replies.push_back(std::move(*outgoing));
    } else {
      partition_->handle(log_.read(std::get<core::LoadBlocks>(effect), settings_.uuid), now_);
    }
  }
  for (core::Outgoing& reply : replies) {
    desk_->reply(std::move(reply));
    output = desk_->take_output();
    deliver(std::move(output.departures));
    for (auto* queue : {&output.commands.prior, &output.commands.later}) {
      for (core::Command& command : *queue) partition_->handle(std::move(command), now_);
    }
  }
}

void House::settle(Commit commit) {
  do {
    busy_ = false;
    for (const auto& [session, connection] : connections_) {
      session->tick(now_);
      for (const Frames& frames : session->take_frames()) {
        desk_->received(connection, transport::Desk::Presence::kHere, frames, now_.mono);
        busy_ = true;
      }
    }
    turn_broker(commit);
  } while (busy_ || (commit == Commit::kNow && partition_->staged_bytes() > 0));
}

void House::pass(Duration by) {
  // In steps below the heartbeat, as real time would pass.
  const Time until = now_.mono + by;
  while (now_.mono < until) {
    const Duration step = std::min<Duration>(std::chrono::seconds(1), until - now_.mono);
    now_.mono += step;
    now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(step);
    desk_->tick(now_.mono);
    settle();
  }
}

void House::restart() {
  held_back_.clear();
  while (!connections_.empty()) {
    Session& session = *connections_.begin()->first;
    session.take_frames();
    connections_.erase(connections_.begin());
    session.disconnected("the broker died", now_);
  }
  desk_ = std::make_unique<transport::Desk>(transport::DeskSettings{});
  partition_ = log_.open(settings_, now_);
  settle();
}

}  // namespace takt::sdk
