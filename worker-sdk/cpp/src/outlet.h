#pragma once
// Where the parts of a session put what leaves it: frames for the broker, events for the owner.

#include <utility>
#include <vector>

#include "proto/codec.h"
#include "worker-sdk/cpp/src/events.h"

namespace takt::sdk {

class Outlet {
 public:
  /// Queues one request without sections.
  CorrelationId send(const proto::Request& request) {
    const CorrelationId correlation(++last_correlation_);
    frames_.emplace_back().push_back(SharedBytes::own(proto::encode(request, correlation)));
    return correlation;
  }
  /// Queues one request with sections. Small ones travel in its envelope, as one frame.
  CorrelationId send(const proto::Request& request, SharedBytes metadata, SharedBytes payload) {
    const CorrelationId correlation(++last_correlation_);
    if (metadata.size() + payload.size() <= enveloped_bytes_max) {
      frames_.emplace_back().push_back(SharedBytes::own(proto::encode(request, correlation, {metadata.bytes, payload.bytes})));
    } else {
      frames_.push_back({SharedBytes::own(proto::encode(request, correlation)), std::move(metadata), std::move(payload)});
    }
    return correlation;
  }
  void emit(Event event) { events_.push_back(std::move(event)); }

  bool has_frames() const { return !frames_.empty(); }
  /// An empty `spare` is filled next: whoever gives back what it took before saves allocations.
  std::vector<Frames> take_frames(std::vector<Frames> spare = {}) { return std::exchange(frames_, std::move(spare)); }
  std::vector<Event> take_events(std::vector<Event> spare = {}) { return std::exchange(events_, std::move(spare)); }
  /// The connection is gone, and with it what was not handed over yet.
  void drop_frames() { frames_.clear(); }

 private:
  static constexpr std::size_t enveloped_bytes_max = 1024;   // below, a copy is cheaper than two frames more

  std::vector<Frames> frames_;
  std::vector<Event> events_;
  std::uint64_t last_correlation_ = 0;
};

}  // namespace takt::sdk
