#pragma once
// Where the parts of a session put what leaves it: frames for the broker, events for the owner.

#include <utility>
#include <vector>

#include "proto/codec.h"
#include "worker-sdk/cpp/src/events.h"

namespace takt::sdk {

class Outlet {
 public:
  /// Queues one request; types with sections always have three frames.
  CorrelationId send(const proto::Request& request, SharedBytes metadata = {}, SharedBytes payload = {}) {
    const CorrelationId correlation(++last_correlation_);
    const std::size_t count = proto::frame_count(proto::type_of(request));
    Frames frames;
    frames.reserve(count);
    frames.push_back(SharedBytes::own(proto::encode(request, correlation)));
    if (count == 3) {
      frames.push_back(std::move(metadata));
      frames.push_back(std::move(payload));
    }
    frames_.push_back(std::move(frames));
    return correlation;
  }
  void emit(Event event) { events_.push_back(std::move(event)); }

  bool has_frames() const { return !frames_.empty(); }
  std::vector<Frames> take_frames() { return std::exchange(frames_, {}); }
  std::vector<Event> take_events() { return std::exchange(events_, {}); }
  /// The connection is gone, and with it what was not handed over yet.
  void drop_frames() { frames_.clear(); }

 private:
  std::vector<Frames> frames_;
  std::vector<Event> events_;
  std::uint64_t last_correlation_ = 0;
};

}  // namespace takt::sdk
