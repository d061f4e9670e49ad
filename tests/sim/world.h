#pragma once
// Simulated time: one queue of events for everything that happens, in one thread.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "proto/shared_bytes.h"
#include "proto/time.h"
#include "tests/sim/random.h"

namespace takt::sim {

/// The clock, the events to come, the dice and the trace. Events of the same instant run in the order of their making.
class World {
 public:
  enum class Trace : std::uint8_t { kHash, kPrint };
  World(std::uint64_t seed, Trace trace) : random_(seed), trace_(trace) {}

  Now now() const;
  Time mono() const { return time_; }
  /// The wall clock is set, forward or back. It stays within some years of where it began.
  void step_clock(Duration by);
  /// It is set to what it would show had it never been set back.
  void mend_clock();
  /// How often it was set forward.
  std::uint64_t forward_steps() const { return forward_steps_; }
  /// What a clock shows by now that never was set back.
  WallTime latest_wall() const;
  Random& random() { return random_; }

  void at(Time when, std::function<void()> act);
  /// Runs the next event; false when there is none.
  bool step();
  std::uint64_t steps() const { return steps_; }

  /// Something happened: goes into the hash that must be the same whenever the seed is.
  void trace(const char* what, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0);
  std::uint64_t hash() const { return hash_; }
  /// More about it for people, when they look; no part of the hash.
  bool is_watched() const { return trace_ == Trace::kPrint; }
  void note(const std::string& text) const;

 private:
  WallTime wall(std::chrono::milliseconds offset) const;

  struct Event {
    Time when;
    std::uint64_t serial;
    std::function<void()> act;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const { return a.when != b.when ? a.when > b.when : a.serial > b.serial; }
  };

  Random random_;
  const Trace trace_;
  Time time_{std::chrono::hours(1)};
  std::chrono::milliseconds clock_offset_{};
  std::chrono::milliseconds latest_offset_{};
  std::uint64_t forward_steps_ = 0;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::uint64_t serial_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t hash_ = 0xCBF29CE484222325ull;
};

/// One process's share of time: nothing of it happens while it is paused, and nothing at all once this is gone.
class Timeline {
 public:
  explicit Timeline(World& world) : world_(world), pause_(std::make_shared<Time>()) {}
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  void after(Duration delay, std::function<void()> act) { at(world_.mono() + delay, std::move(act)); }
  void at(Time when, std::function<void()> act);
  /// Never ends early: what waits keeps its order.
  void pause(Duration length) { *pause_ = std::max(*pause_, world_.mono() + length + std::chrono::nanoseconds(1)); }
  bool is_paused() const { return world_.mono() < *pause_; }

 private:
  static void run(World& world, std::weak_ptr<Time> pause, std::function<void()> act);

  World& world_;
  std::shared_ptr<Time> pause_;   ///< until when; held weakly by the events
};

/// A deadline that moves: `act` runs at the last one set, or a little earlier.
class Alarm {
 public:
  Alarm(World& world, Timeline& timeline, std::function<void()> act) : world_(world), timeline_(timeline), act_(std::move(act)) {}
  void set(std::optional<Time> when);

 private:
  World& world_;
  Timeline& timeline_;
  std::function<void()> act_;
  std::optional<Time> armed_;
};

/// Mixes bytes into one number, for the trace.
std::uint64_t fingerprint(ByteView bytes);

}  // namespace takt::sim
