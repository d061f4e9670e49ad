#pragma once
// The clients that must not notice: a producer and a worker over the SDK at a steady pace, a newcomer now and then, and a
// probe of the health page.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace takt::attack {

enum class Phase : std::uint8_t { kBefore, kDuring };

struct Latencies {
  std::size_t count = 0;
  double p50_ms = 0, p99_ms = 0, max_ms = 0;
};

struct HonestReport {
  Latencies before, during;             ///< from the send to the handler
  std::uint64_t sent = 0;
  std::uint64_t unhandled = 0;          ///< confirmed as stored, and no handler saw them
  std::map<std::string, std::uint64_t> failures;   ///< what an honest request was told, or that it had to connect again
};

struct HonestOptions {
  std::string server;
  std::uint16_t http_port = 0;
  std::uint32_t messages_per_second = 1'000;
  /// Whether clients may be expected to get in that come during the attack.
  enum class Newcomers : std::uint8_t { kExpected, kShutOut } newcomers = Newcomers::kExpected;
};

/// Begins with its construction. Thread: one.
class Honest {
 public:
  explicit Honest(HonestOptions options);
  ~Honest();
  Honest(const Honest&) = delete;
  Honest& operator=(const Honest&) = delete;

  void enter(Phase phase);
  /// What was sent in this phase and handled so far.
  std::size_t handled(Phase phase) const;
  /// Sends no more and waits for what is on its way.
  HonestReport finish();

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace takt::attack
