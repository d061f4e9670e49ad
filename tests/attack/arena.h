#pragma once
// What an attack has: addresses, connections, a budget of bytes a second, and a time at which it ends.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <string>

#include "proto/messages.h"
#include "proto/section.h"
#include "tests/support/raw_socket.h"
#include "tests/support/zmtp.h"

namespace takt::attack {

using takt::testing::Bytes;
using takt::testing::RawSocket;

struct ArenaOptions {
  std::string server;                     ///< tcp://127.0.0.1:PORT
  std::uint16_t http_port = 0;
  std::uint64_t bytes_per_second = 100'000'000;
  std::uint32_t seed = 1;                 ///< of what attackers draw
};

/// Shared by all threads of one attack. Thread: any.
class Arena {
 public:
  explicit Arena(ArenaOptions options) : options_(std::move(options)) {}

  const ArenaOptions& options() const { return options_; }
  bool goes_on() const { return !stopped_; }
  void stop();
  /// Waits until the budget has room for `bytes`, or the end.
  void pay(std::size_t bytes);
  /// For attacks that live from staying: waits so long, or until the end. False: the end.
  bool linger(std::chrono::milliseconds time);

  std::atomic<std::uint64_t> bytes_sent{0};
  std::atomic<std::uint64_t> connections{0};

 private:
  using Clock = std::chrono::steady_clock;

  const ArenaOptions options_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::condition_variable ended_;
  Clock::time_point free_at_ = Clock::now();   ///< guarded by mutex_: when all that was paid for has gone
};

using Connection = std::unique_ptr<RawSocket>;

/// One thread of an attack.
class Attacker {
 public:
  Attacker(Arena& where, std::uint32_t which) : arena(where), number(which), random(where.options().seed + which) {}

  Arena& arena;
  const std::uint32_t number;
  std::mt19937 random;

  bool goes_on() const { return arena.goes_on(); }
  /// Null: nobody took the connection. Costs nothing of the budget.
  Connection connect();
  Connection connect_http();
  /// After greeting and READY; null as above. The broker may close it all the same.
  Connection shake_hands(std::string_view identity = {});
  /// With a session of its own.
  Connection hello();
  /// False: the broker closed, or takes nothing, or the attack is over.
  bool send(const Connection& to, std::span<const std::byte> bytes);
  bool send(const Connection& to, const proto::Request& request) { return send(to, wire(request)); }

  /// The frame of a request that has one.
  Bytes wire(const proto::Request& request, std::uint64_t correlation = 1);
  std::uint64_t any() { return std::uint64_t{random()} << 32 | random(); }

 private:
  Connection open(std::uint16_t port);
};

/// Reads away what has come, so that the broker is not asked to hold it.
void read_away(const Connection& socket);

/// `count` messages of `payload_bytes` each as the three frames of a Publish without an answer.
Bytes publish_frames(const std::string& topic, std::uint32_t count, std::size_t payload_bytes, std::uint64_t producer,
                     std::uint64_t sequence, proto::Acks acks = proto::Acks::kNone);

}  // namespace takt::attack
