#pragma once
// What the leader knows of a group beyond the log: where fresh messages begin, who holds what, what came back.

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_set>
#include <vector>

#include "broker/core/event.h"
#include "broker/core/sessions.h"
#include "broker/core/slab.h"
#include "broker/core/state.h"

namespace takt::core {

/// The disjoint runs in order, neighbours joined.
std::vector<OffsetRun> joined(std::vector<OffsetRun> runs);

struct LaneWork {
  LaneWork(GroupWork& owner, Lane which, Offset first_fresh) : work(&owner), lane(which), fresh(first_fresh), uncertain_end(first_fresh) {}

  // All of these take offsets of one slab.
  void lease(Offset first, std::uint32_t count);
  /// The offsets are nobody's and wait to be leased again.
  void give_back(Offset first, std::uint32_t count);
  /// The offsets are acked: flush() turns them into a Done event.
  void stage_done(Offset first, std::uint32_t count);
  /// The offset is nobody's, and lent alone.
  void suspect(Offset offset);
  /// The offset is neither leased nor free any more: dead or parked.
  void forget(Offset offset);

  /// The first run of returned offsets, at most `limit` long; none when nothing came back.
  std::optional<OffsetRun> first_free(std::uint32_t limit);
  bool is_leased(Offset offset) const;
  bool is_staged(Offset offset) const;
  bool is_free(Offset offset) const;
  /// Calls `visit(first offset, const Slab&)` for each slab.
  template <class Visit>
  void each_slab(Visit&& visit) const {
    for (const auto& [index, slab] : slabs_) visit(Offset(index * slab_offsets), *slab);
  }
  /// The staged offsets as ascending, disjoint runs; they stop being staged.
  std::vector<OffsetRun> flush();

  GroupWork* work;
  Lane lane;
  Offset fresh;              ///< from here on nothing was handed out in this term
  Offset uncertain_end;      ///< after a restart: what lies below may be out with a worker of the last term
  bool grace_over = false;   ///< un-resumed offsets below uncertain_end were freed, but for held ones
  bool held_over = false;    ///< held ones too
  std::unordered_set<Offset> parked;       ///< wait for their retry's due
  std::set<Offset> suspects;               ///< nobody's, and not free; see suspect()
  Offset next_suspect;                     ///< whose turn it is, or of the one behind it
  std::uint64_t leased = 0;
  std::uint64_t free = 0;
  std::uint64_t handed_out = 0;            ///< fresh ones since the last lent hint
  Time hinted;                             ///< when that was

 private:
  Slab& slab(std::uint64_t index);
  const Slab* find(Offset offset) const;
  void drop_if_idle(std::uint64_t index);

  std::map<std::uint64_t, std::unique_ptr<Slab>> slabs_;
  std::set<std::uint64_t> with_free_;
  std::vector<OffsetRun> staged_;
};

struct GroupCounters {
  std::uint64_t delivered = 0, acked = 0, retried = 0, redriven = 0, purged = 0, stale = 0, settled = 0;
  std::array<std::uint64_t, proto::dead_reason_count> dead_lettered{};   ///< by reason
  std::uint64_t returned_lost = 0, returned_retry = 0, returned_released = 0;
};

struct GroupWork {
  TopicId topic;
  GroupId group;
  PerLane<LaneWork> lanes;
  std::deque<Subscription*> ring;     ///< with credit, in the order of their turns
  Subscription* emptying = nullptr;   ///< gets nothing until it is empty, and then a suspect
  std::uint32_t subscriptions = 0;
  Time left{};                        ///< when the last of them ended
  bool woken = false;                 ///< waits to be served in this turn
  bool dirty = false;                 ///< has staged acks or wants a lent hint
  bool starved = false;               ///< stands at its lent hint with credit and messages at hand
  GroupCounters counters;

  std::uint64_t leased() const;
  std::uint64_t free() const;
  std::uint64_t suspects() const;
  std::uint64_t parked() const;
};

}  // namespace takt::core
