#include "bench/peers/roles.h"

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

#include "cli/latencies.h"

namespace takt::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{30};   // in which nothing comes

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Takes until `count` came.
void take_all(Consumer& consumer, std::uint64_t count, const Handle& handle) {
  std::uint64_t taken = 0;
  Clock::time_point last = Clock::now();
  while (taken < count) {
    const std::size_t came = consumer.take(handle);
    taken += came;
    if (came > 0) last = Clock::now();
    if (Clock::now() - last > patience) throw std::runtime_error(std::to_string(count - taken) + " messages did not come");
  }
  if (taken > count) throw std::runtime_error(std::to_string(taken - count) + " messages came twice, or were not ours");
  consumer.finish();
}

Json throughput(std::uint64_t count, double seconds) {
  return {{"messages", count}, {"seconds", seconds}, {"msgs_per_second", static_cast<double>(count) / seconds}};
}

void send_steadily(Producer& producer, std::uint64_t rate, std::uint64_t count, std::size_t size, std::size_t outstanding) {
  std::string payload(size, 'x');
  const Clock::time_point begun = Clock::now();
  for (std::uint64_t i = 0; i < count; ++i) {
    const Clock::time_point moment = begun + std::chrono::nanoseconds(1'000'000'000 * i / rate);
    std::this_thread::sleep_until(moment);
    const Clock::rep stamp = moment.time_since_epoch().count();
    std::memcpy(payload.data(), &stamp, sizeof stamp);
    producer.send(payload);
    producer.flush();
    producer.settle(outstanding);
  }
  producer.settle(0);
}

}  // namespace

Json send(Peer& peer, std::uint64_t count, std::size_t size, std::size_t outstanding) {
  const std::unique_ptr<Producer> producer = peer.producer();
  const std::string payload(size, 'x');
  const Clock::time_point begun = Clock::now();
  std::size_t unsettled = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    producer->send(payload);
    // Room for a quarter is made at a time, so that neither side is woken for each message.
    if (++unsettled < outstanding) continue;
    unsettled = outstanding - (outstanding + 3) / 4;
    producer->settle(unsettled);
  }
  producer->settle(0);
  return throughput(count, seconds_since(begun));
}

Json work(Peer& peer, std::uint64_t count) {
  const std::unique_ptr<Consumer> consumer = peer.consumer();
  Clock::time_point first{};
  take_all(*consumer, count, [&](std::string_view) {
    if (first == Clock::time_point{}) first = Clock::now();
  });
  return throughput(count, seconds_since(first));
}

Json latency(Peer& peer, std::uint64_t rate, std::uint64_t seconds, std::size_t size, std::size_t outstanding) {
  const std::uint64_t count = rate * seconds;
  cli::Latencies latencies;
  const std::unique_ptr<Producer> producer = peer.producer();
  const std::unique_ptr<Consumer> consumer = peer.consumer();
  std::exception_ptr trouble;
  std::jthread taking([&] {
    try {
      take_all(*consumer, count, [&](std::string_view payload) {
        Clock::rep stamp = 0;
        if (payload.size() < sizeof stamp) throw std::runtime_error("a message came that is too short to be ours");
        std::memcpy(&stamp, payload.data(), sizeof stamp);
        latencies.add(Clock::now().time_since_epoch() - Clock::duration(stamp));
      });
    } catch (...) {
      trouble = std::current_exception();
    }
  });
  send_steadily(*producer, rate, count, size, outstanding);
  taking.join();
  if (trouble) std::rethrow_exception(trouble);
  const auto summary = latencies.summary();
  return {{"messages", count},
          {"delivered", latencies.size()},
          {"delivery_p50_ms", summary.p50_ms},
          {"delivery_p99_ms", summary.p99_ms},
          {"delivery_max_ms", summary.max_ms}};
}

}  // namespace takt::bench
