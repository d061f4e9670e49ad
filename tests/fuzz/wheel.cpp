// links: takt_scheduler takt_proto
// Rows of a wheel that anybody may have written: taken or refused, and what is taken does no harm when time passes.

#include "proto/check.h"
#include "scheduler/timer_wheel.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace takt;
  using scheduler::BucketId;
  fuzz::Input input(data, size);
  scheduler::TimerWheel wheel({.load_timers_max = 8, .unwritten_max = 64, .drain_chunks = 2});
  const auto text = [&] { return input.text(input.byte()); };

  static_cast<void>(wheel.load_state(text()));
  for (int rows = input.byte() % 8; rows > 0; --rows) static_cast<void>(wheel.load_armed(input.number(), text()));
  for (int rows = input.byte() % 8; rows > 0; --rows)
    static_cast<void>(wheel.load_bucket({static_cast<std::uint8_t>(input.byte() % 16), input.number()}, text()));
  scheduler::Instant now = wheel.fired_to().due;
  for (int step = 0; step < 16 && !input.is_empty(); ++step) {
    now = std::min(now + scheduler::Millis(std::int64_t{1} << (input.byte() % 40)), scheduler::instant_max - std::chrono::days(4000));
    wheel.turn_to(now);
    for (int loads = 0; loads < 4; ++loads) {
      const auto range = wheel.next_load();
      if (!range || range->until - range->from > 64) break;
      std::vector<std::string> chunks;
      for (std::uint64_t i = range->from; i < range->until; ++i) chunks.emplace_back(text());
      if (!wheel.loaded(*range, chunks)) break;
    }
    const auto due = wheel.take_due(now, 16);
    for (const auto& timer : due.timers)
      check(timer.key.due <= now && wheel.is_armed(timer.key.id), "nothing is early, nothing disarmed fires");
    wheel.fire(due.timers, due.up_to);
    const auto changes = wheel.freeze();
    check(!changes.state.empty(), "a freeze has a state");
    wheel.written();
  }
  return 0;
}
