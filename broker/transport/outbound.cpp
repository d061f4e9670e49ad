#include "broker/transport/outbound.h"

#include <utility>

namespace takt::transport {
namespace {

/// What a departure costs beside its bytes, here and in libzmq, generously: small replies are mostly that.
constexpr std::size_t departure_bytes = 512;

class Parcel {
 public:
  Parcel(std::vector<std::vector<std::byte>> what, std::size_t bytes, std::shared_ptr<OutboundCount> of_peer,
         std::shared_ptr<OutboundCount> of_all)
      : frames(std::move(what)),
        counted_(bytes),
        peer_(std::move(of_peer)),
        all_(std::move(of_all)) {
    for (OutboundCount* count : {peer_.get(), all_.get()}) count->held.fetch_add(counted_, std::memory_order_relaxed);
  }
  ~Parcel() {
    for (OutboundCount* count : {peer_.get(), all_.get()}) {
      count->held.fetch_sub(counted_, std::memory_order_relaxed);
      count->released.fetch_add(counted_, std::memory_order_relaxed);
    }
  }
  Parcel(const Parcel&) = delete;
  Parcel& operator=(const Parcel&) = delete;

  const std::vector<std::vector<std::byte>> frames;

 private:
  const std::size_t counted_;
  const std::shared_ptr<OutboundCount> peer_, all_;
};

}  // namespace

Departure make_departure(ConnectionId to, std::vector<std::vector<std::byte>> frames, std::shared_ptr<OutboundCount> peer,
                         std::shared_ptr<OutboundCount> all) {
  Departure departure{to, {}, 0};
  for (const auto& frame : frames) departure.bytes += frame.size();
  const auto parcel = std::make_shared<const Parcel>(std::move(frames), departure.bytes + departure_bytes, std::move(peer), std::move(all));
  for (const auto& frame : parcel->frames) departure.frames.push_back({parcel, ByteView(frame)});
  return departure;
}

}  // namespace takt::transport
