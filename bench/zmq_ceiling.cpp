#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "bench/ceiling.h"

namespace takt::bench {

ZmqCeiling measure_zmq(std::size_t message_bytes, std::size_t frame_bytes, double seconds) {
  using Clock = std::chrono::steady_clock;
  zmq::context_t context(1);
  zmq::socket_t router(context, zmq::socket_type::router);
  router.set(zmq::sockopt::rcvtimeo, 200);
  router.bind("tcp://127.0.0.1:*");
  const std::string address = router.get(zmq::sockopt::last_endpoint);
  std::atomic<bool> stop{false};
  std::jthread sender([&] {
    zmq::context_t own(1);
    zmq::socket_t dealer(own, zmq::socket_type::dealer);
    dealer.set(zmq::sockopt::linger, 0);
    dealer.set(zmq::sockopt::sndtimeo, 100);
    dealer.connect(address);
    const std::string frame(frame_bytes, 'x');
    while (!stop) [[maybe_unused]]
      const auto sent = dealer.send(zmq::buffer(frame));
  });
  ZmqCeiling result;
  zmq::message_t identity;
  zmq::message_t frame;
  std::uint64_t frames = 0;
  Clock::time_point start{};
  while (true) {
    if (!router.recv(identity) || !router.recv(frame)) continue;
    if (frames++ == 0) start = Clock::now();
    result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (result.seconds >= seconds) break;
  }
  stop = true;
  result.messages = frames * std::max<std::size_t>(1, frame_bytes / message_bytes);
  return result;
}

}  // namespace takt::bench
