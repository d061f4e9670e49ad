#pragma once
// What happened in a run, counted: a fault that never meets anything proves nothing.

#include <cstdint>
#include <span>
#include <string_view>

namespace takt::sim {

struct Counts {
  std::uint64_t batches = 0, messages = 0, stored = 0, refused = 0, unknown = 0, topic_full = 0, store_full = 0, fenced = 0;
  std::uint64_t delivered = 0, executed = 0, acked = 0, stale = 0, completed = 0, failed = 0, dead = 0, redriven = 0, purged = 0;
  std::uint64_t crashes = 0, boundary_crashes = 0, lost_steps = 0, kept_steps = 0, uneven_crashes = 0, replays_compared = 0;
  std::uint64_t reloads = 0, drains = 0, stalls = 0, append_failures = 0, checkpoint_failures = 0, read_failures = 0;
  std::uint64_t joined_answers = 0;
  std::uint64_t scheduled = 0, fired = 0;
  std::uint64_t cancelled = 0, rearmed = 0, withdrawn = 0, looked_up = 0;
  std::uint64_t occurrences = 0, occurrences_skipped = 0, caught_up = 0;
  std::uint64_t cuts = 0, half_open = 0, late_frames = 0, delays = 0, repeats = 0;
  std::uint64_t doubled_hellos = 0, doubled_goodbyes = 0, doubled_subscribes = 0, doubled_unsubscribes = 0, doubled_credits = 0;
  std::uint64_t doubled_resumes = 0, doubled_others = 0;
  std::uint64_t worker_deaths = 0, freezes = 0, leaves = 0, producer_deaths = 0, producer_freezes = 0, takeovers = 0, forgotten = 0;
  std::uint64_t clock_forward = 0, clock_backward = 0, clock_years = 0;
  std::uint64_t topics_deleted = 0, groups_deleted = 0, groups_from_earliest = 0, groups_from_now = 0, settled = 0;
  std::uint64_t peeks = 0, peeked = 0, listings = 0, settings = 0, kept_let_go = 0;
  std::uint64_t held_back = 0, resumed = 0, commits = 0, checkpoints = 0, frees = 0, carried = 0, loads = 0, audits = 0, at_rest = 0;

  Counts& operator+=(const Counts& other);
};

struct CountName {
  std::string_view name;
  std::uint64_t Counts::* member;
};
/// All of them, in the order in which people read them.
std::span<const CountName> count_names();

}  // namespace takt::sim
