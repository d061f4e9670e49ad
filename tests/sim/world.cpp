#include "tests/sim/world.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "proto/section.h"

namespace takt::sim {
namespace {

constexpr WallTime wall_at_start{std::chrono::milliseconds(1'700'000'000'000)};
constexpr std::chrono::milliseconds clock_offset_most = std::chrono::hours(24 * 365 * 20);

}  // namespace

WallTime World::wall(std::chrono::milliseconds offset) const {
  return wall_at_start + offset + std::chrono::floor<std::chrono::milliseconds>(time_.time_since_epoch());
}

Now World::now() const { return {time_, wall(clock_offset_)}; }
WallTime World::latest_wall() const { return wall(latest_offset_); }

void World::step_clock(Duration by) {
  forward_steps_ += by > Duration::zero() ? 1 : 0;
  clock_offset_ = std::clamp(clock_offset_ + std::chrono::floor<std::chrono::milliseconds>(by), -clock_offset_most, clock_offset_most);
  latest_offset_ = std::max(latest_offset_, clock_offset_);
  trace("clock", static_cast<std::uint64_t>(clock_offset_.count()));
}

void World::mend_clock() { step_clock(latest_offset_ - clock_offset_); }

void World::at(Time when, std::function<void()> act) { events_.push({std::max(when, time_), serial_++, std::move(act)}); }

bool World::step() {
  if (events_.empty()) return false;
  // The queue gives only a const view of its top; the event is taken out before it runs, because it may add others.
  Event event = std::move(const_cast<Event&>(events_.top()));
  events_.pop();
  time_ = event.when;
  ++steps_;
  event.act();
  return true;
}

void World::trace(const char* what, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  const auto mix = [this](std::uint64_t value) {
    hash_ = (hash_ ^ value) * 0x100000001B3ull;
    hash_ ^= hash_ >> 29;
  };
  mix(static_cast<std::uint64_t>(time_.time_since_epoch().count()));
  for (const char* at = what; *at != '\0'; ++at) mix(static_cast<unsigned char>(*at));
  mix(a);
  mix(b);
  mix(c);
  if (trace_ == Trace::kPrint) {
    const auto us = time_.time_since_epoch() / std::chrono::microseconds(1);
    std::printf("%" PRIu64 " %.6f %s %" PRIu64 " %" PRIu64 " %" PRIx64 "\n", steps_, static_cast<double>(us) / 1e6 - 3600, what, a, b, c);
  }
}

void World::note(const std::string& text) const {
  if (is_watched()) std::printf("    %s\n", text.c_str());
}

void Timeline::at(Time when, std::function<void()> act) {
  world_.at(when, [&world = world_, pause = std::weak_ptr(pause_), act = std::move(act)]() mutable {
    run(world, std::move(pause), std::move(act));
  });
}

void Timeline::run(World& world, std::weak_ptr<Time> pause, std::function<void()> act) {
  Time until;
  {
    const auto held = pause.lock();
    if (!held) return;
    until = *held;
  }
  if (world.mono() >= until) return act();
  world.at(until, [&world, pause = std::move(pause), act = std::move(act)]() mutable { run(world, std::move(pause), std::move(act)); });
}

void Alarm::set(std::optional<Time> when) {
  if (!when || (armed_ && *armed_ <= *when)) return;
  armed_ = when;
  timeline_.at(*when, [this, when] {
    if (armed_ != when) return;
    armed_.reset();
    act_();
  });
}

std::uint64_t fingerprint(ByteView bytes) { return proto::section_checksum(bytes); }

}  // namespace takt::sim
