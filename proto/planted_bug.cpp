// Part of the build `planted` only.

#include "proto/planted_bug.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace takt {
namespace {

/// In the order of the enumerators.
constexpr std::array<std::string_view, 44> names{
    "ack_before_sync",
    "answered_before_append",
    "sync_skipped",
    "effect_before_commit",
    "delivered_before_durable",
    "failed_append_not_reloaded",
    "lease_given_twice",
    "resume_of_given_lease",
    "older_lease_resumed",
    "reclaim_untold",
    "held_grace_skipped",
    "stale_ack_accepted",
    "epoch_not_raised",
    "floor_past_open",
    "slab_edge_forgotten",
    "batch_stored_twice",
    "batch_renumbered_after_break",
    "follow_ups_apart_from_ack",
    "retry_lost",
    "wait_end_untold",
    "old_commit_kept",
    "fired_early",
    "cancelled_fires",
    "rearm_forgotten",
    "occurrence_again",
    "session_end_not_returned",
    "credit_not_returned",
    "unanswered_acks_dropped",
    "ack_lost_at_checkpoint",
    "index_merged_into_frozen",
    "front_freed_before_checkpoint",
    "carried_message_forgotten",
    "section_checksum_unchecked",
    "answer_joined_over_gap",
    "run_refused_once",
    "line_overtaken",
    "line_left_waiting",
    "end_overtaken",
    "successor_forgotten",
    "wal_forgotten",
    "wal_released_early",
    "torn_append_taken",
    "failed_write_taken",
    "row_checksum_unchecked",
};

static_assert(names.size() == static_cast<std::size_t>(PlantedBug::kRowChecksumUnchecked) + 1, "a name for each bug");

std::optional<PlantedBug> awake() {
  const char* const wanted = std::getenv("PLANTED_BUG");
  if (wanted == nullptr || std::string_view(wanted) == "none") return std::nullopt;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == wanted) return static_cast<PlantedBug>(i);
  std::fprintf(stderr, "takt: PLANTED_BUG=%s names no planted bug; there are: none", wanted);
  for (const std::string_view name : names) std::fprintf(stderr, " %s", name.data());
  std::fputc('\n', stderr);
  std::abort();
}

}  // namespace

bool planted(PlantedBug bug) {
  static const std::optional<PlantedBug> chosen = awake();
  return chosen == bug;
}

}  // namespace takt
